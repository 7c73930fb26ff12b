"""The wall between tenants on each route of identity: what another tenant owns is as absent as what nobody owns.

(contract: identity 15; checklist 9)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cyoda.clock import ManualClock
from tests.contract.http.test_tenant_walls import filled
from tests.contract.identity.conftest import Running, Start
from tests.identity_provider import IdentityProvider, jwk, private_key

OWNER, STRANGER = str(uuid4()), str(uuid4())
SETTINGS = {
    "CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true",
    "CYODA_OIDC_REQUIRE_HTTPS": "false",
    "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true",
}
GRACE, REACTIVATION = {"gracePeriodSec": 60}, {"validTo": "2100-01-01T00:00:00Z"}

BY_ID: dict[str, tuple[str, Any]] = {
    "DELETE /oauth/keys/trusted/{keyId}": ("TRUSTED_KEY_NOT_FOUND", None),
    "POST /oauth/keys/trusted/{keyId}/invalidate": ("TRUSTED_KEY_NOT_FOUND", GRACE),
    "POST /oauth/keys/trusted/{keyId}/reactivate": ("TRUSTED_KEY_NOT_FOUND", REACTIVATION),
    "DELETE /clients/{clientId}": ("M2M_CLIENT_NOT_FOUND", None),
    "PUT /clients/{clientId}/secret": ("M2M_CLIENT_NOT_FOUND", None),
    "PATCH /oauth/oidc/providers/{providerId}": ("OIDC_PROVIDER_NOT_FOUND", {"rolesClaim": "mine"}),
    "DELETE /oauth/oidc/providers/{providerId}": ("OIDC_PROVIDER_NOT_FOUND", None),
    "GET /oauth/oidc/providers/{providerId}/documents": ("OIDC_PROVIDER_NOT_FOUND", None),
    "POST /oauth/oidc/providers/{providerId}/invalidate": ("OIDC_PROVIDER_NOT_FOUND", None),
    "POST /oauth/oidc/providers/{providerId}/reactivate": ("OIDC_PROVIDER_NOT_FOUND", None),
}
"""Routes that name what a tenant owns: the code for a stranger, and the body."""

LISTS = ("GET /oauth/keys/trusted", "GET /clients", "GET /oauth/oidc/providers")

OWN: dict[str, Any] = {
    "POST /clients": None,
    "POST /oauth/keys/trusted": {
        "keyId": "stranger",
        "jwk": {**jwk("stranger", private_key("k2"))},
        "audience": "client",
    },
    "POST /oauth/oidc/providers": {"wellKnownConfigUri": "{uri}"},
    "POST /oauth/oidc/providers/reload": None,
    "POST /oauth/oidc/providers/test": {"token": "{token}"},
    "POST /oauth/oidc/providers/test/sign-in": {
        "provider": {"wellKnownConfigUri": "{uri}"},
        "clientId": "c",
        "redirectUri": "r",
        "state": "s",
        "codeChallenge": "h",
    },
    "POST /oauth/oidc/providers/test/signed-in": {
        "provider": {"wellKnownConfigUri": "{uri}"},
        "clientId": "c",
        "redirectUri": "r",
        "code": "o",
        "codeVerifier": "v",
    },
}
"""Routes by which a stranger makes or uses what is its own, with what the owner has too where that can be."""

NOT_OWNED = {
    "installation": (
        "POST /oauth/keys/keypair", "GET /oauth/keys/keypair/current", "DELETE /oauth/keys/keypair/{keyId}",
        "POST /oauth/keys/keypair/{keyId}/invalidate", "POST /oauth/keys/keypair/{keyId}/reactivate",
        "GET /.well-known/jwks.json", "* /.well-known/jwks.json", "GET /admin/log-level", "POST /admin/log-level",
        "GET /admin/trace-sampler", "POST /admin/trace-sampler",
    ),
    "the caller alone": (
        "POST /oauth/token", "* /oauth/token", "GET /account", "GET /account/subscriptions",
        "POST /auth/login", "GET /auth/token",
        "POST /auth/logout", "GET /auth/me", "POST /auth/verify", "POST /auth/change-password",
        "POST /auth/reset-password-request", "POST /auth/reset-password", "GET /auth/permissions",
        "GET /auth/permissions/{permission}",
    ),
    "people, see test_sign_in.py": ("POST /platform-api/users/get-by-ids",),
}  # fmt: skip
"""Routes on which there is nothing of a tenant to ask for."""


@pytest.fixture
def clock() -> ManualClock:
    """Of now, as the provider's tokens are."""
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def node(start: Start) -> Running:
    return await start(**SETTINGS)


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as idp:
        yield idp


@pytest.fixture
async def owned(node: Running, idp: IdentityProvider) -> dict[str, str]:
    """What the owner has of everything, as values for the places of a path or body."""
    owner = await node.client(OWNER)
    trusted = {"keyId": "owners-key", "jwk": jwk("owners-key", private_key("k1")), "audience": "client"}
    key = (await owner.post("/oauth/keys/trusted", json=trusted)).json()
    client = (await owner.post("/clients")).json()
    provider = (await owner.post("/oauth/oidc/providers", json={"wellKnownConfigUri": idp.uri})).json()
    ids = {"keyId": key["keyId"], "clientId": client["client_id"], "providerId": provider["id"]}
    return ids | {"uri": idp.uri, "token": idp.token()}


async def asked(client: httpx.AsyncClient, route: str, body: Any, values: dict[str, str]) -> httpx.Response:
    method, _, template = route.partition(" ")
    return await client.request(method, filled(template, values), json=filled(body, values))


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    """An answer without what repeats the request: the path, and with it the length."""
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return answer.status_code, headers, answer.json() | {"instance": None}


async def estate(node: Running) -> list[Any]:
    """Everything that the owner sees of its own."""
    owner = await node.client(OWNER)
    return [(await asked(owner, route, None, {})).json() for route in LISTS]


async def test_every_route_of_identity_is_crossed_or_owned_by_no_tenant(node: Running) -> None:
    crossed = [*BY_ID, *LISTS, *OWN, *(route for routes in NOT_OWNED.values() for route in routes)]
    assert sorted(f"{route.method} {route.template}" for route in node.node.identity.routes) == sorted(crossed)


async def test_what_another_tenant_owns_is_as_absent_as_what_nobody_owns(node: Running, owned: dict[str, str]) -> None:
    stranger, before = await node.client(STRANGER), await estate(node)
    assert all(before)
    missing = {"keyId": "nobodys", "clientId": "0" * 16, "providerId": str(uuid4())}
    for route, (code, body) in BY_ID.items():
        theirs, nobodys = [await asked(stranger, route, body, values) for values in (owned, missing)]
        assert theirs.json()["properties"]["errorCode"] == code, route
        assert shape(theirs) == shape(nobodys), route
        assert await estate(node) == before, route


async def test_a_stranger_lists_nothing_and_works_with_its_own_only(node: Running, owned: dict[str, str]) -> None:
    stranger, before = await node.client(STRANGER), await estate(node)
    for route in LISTS:
        assert (await asked(stranger, route, None, {})).json() == [], route
    tried = await asked(stranger, "POST /oauth/oidc/providers/test", OWN["POST /oauth/oidc/providers/test"], owned)
    assert tried.json()["properties"]["errorCode"] == "OIDC_PROVIDER_NOT_FOUND"
    for route, body in OWN.items():
        answer = await asked(stranger, route, body, owned)
        assert answer.status_code == 200, f"{route}: {answer.text}"
        for owners in (owned["keyId"], owned["clientId"], owned["providerId"], OWNER):
            assert owners not in answer.text, route
        assert await estate(node) == before, route
    for route, owners in zip(LISTS, before, strict=True):
        (mine,) = (await asked(stranger, route, None, {})).json()
        assert mine not in owners, route
        assert OWNER not in json.dumps(mine), route
