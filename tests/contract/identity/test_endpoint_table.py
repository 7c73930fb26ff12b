"""The table of identity's endpoints: who may ask each (contract: identity 14, 12; checklist 8)."""

from __future__ import annotations

import httpx
import pytest

from cyoda.permissions import ROLE_DEVELOPER, ROLE_OPERATOR, ROLE_OWNER, ROLE_VIEWER
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tests.contract.http.steps import UNKNOWN
from tests.contract.http.test_tenant_walls import filled
from tests.contract.identity.conftest import Running, Start

ROLES = {
    "nobody": [],
    "M2M": [ROLE_M2M],
    "admin": [ROLE_ADMIN],
    "viewer": [ROLE_VIEWER],
    "developer": [ROLE_DEVELOPER],
    "owner": [ROLE_OWNER],
    "operator": [ROLE_OPERATOR],
}
ANYONE = frozenset(ROLES)
"""Whoever has a token."""
PUBLIC = ANYONE | {"no token"}
TENANT = frozenset({"admin", "owner"})
PLATFORM = frozenset({"admin", "operator"})

TABLE = {
    "POST /oauth/token": PUBLIC,
    "* /oauth/token": ANYONE,
    "GET /.well-known/jwks.json": PUBLIC,
    "* /.well-known/jwks.json": PUBLIC,
    "POST /oauth/keys/keypair": PLATFORM,
    "GET /oauth/keys/keypair/current": PLATFORM,
    "DELETE /oauth/keys/keypair/{keyId}": PLATFORM,
    "POST /oauth/keys/keypair/{keyId}/invalidate": PLATFORM,
    "POST /oauth/keys/keypair/{keyId}/reactivate": PLATFORM,
    "POST /oauth/keys/trusted": TENANT,
    "GET /oauth/keys/trusted": TENANT,
    "DELETE /oauth/keys/trusted/{keyId}": TENANT,
    "POST /oauth/keys/trusted/{keyId}/invalidate": TENANT,
    "POST /oauth/keys/trusted/{keyId}/reactivate": TENANT,
    "POST /clients": TENANT,
    "GET /clients": TENANT,
    "DELETE /clients/{clientId}": TENANT,
    "PUT /clients/{clientId}/secret": TENANT,
    "POST /oauth/oidc/providers": TENANT,
    "GET /oauth/oidc/providers": ANYONE,
    "POST /oauth/oidc/providers/reload": TENANT,
    "POST /oauth/oidc/providers/test": TENANT,
    "POST /oauth/oidc/providers/test/sign-in": TENANT,
    "POST /oauth/oidc/providers/test/signed-in": TENANT,
    "PATCH /oauth/oidc/providers/{providerId}": TENANT,
    "DELETE /oauth/oidc/providers/{providerId}": TENANT,
    "GET /oauth/oidc/providers/{providerId}/documents": TENANT,
    "POST /oauth/oidc/providers/{providerId}/invalidate": TENANT,
    "POST /oauth/oidc/providers/{providerId}/reactivate": TENANT,
    "GET /account": ANYONE,
    "GET /account/subscriptions": ANYONE,
    "GET /admin/log-level": PLATFORM,
    "POST /admin/log-level": PLATFORM,
    "GET /admin/trace-sampler": PLATFORM,
    "POST /admin/trace-sampler": PLATFORM,
    "POST /auth/login": PUBLIC,
    "GET /auth/token": PUBLIC,
    "POST /auth/logout": PUBLIC,
    "GET /auth/me": ANYONE,
    "POST /auth/verify": PUBLIC,
    "POST /auth/change-password": ANYONE,
    "POST /auth/reset-password-request": PUBLIC,
    "POST /auth/reset-password": PUBLIC,
    "GET /auth/permissions": ANYONE,
    "GET /auth/permissions/{permission}": ANYONE,
    "POST /platform-api/users/get-by-ids": ANYONE,
}
OWN_CREDENTIALS = {"POST /oauth/token", "POST /auth/login", "GET /auth/token"}
"""Rows that refuse by themselves who does not bring what they want."""
VALUES = {"permission": "read", "keyId": "k1", "clientId": "c1", "providerId": UNKNOWN}
WORDS = {"/admin/": "FORBIDDEN: admin role required"}
FLAGS = {"CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true"}


@pytest.fixture
async def node(start: Start) -> Running:
    return await start(**FLAGS)


async def asked(client: httpx.AsyncClient, row: str) -> httpx.Response:
    method, _, template = row.partition(" ")
    query = "?audience=client" if template.endswith("/current") else ""
    return await client.request("PATCH" if method == "*" else method, filled(template + query, VALUES))


async def test_every_endpoint_of_identity_has_a_row(node: Running) -> None:
    assert {f"{route.method} {route.template}" for route in node.node.identity.routes} == set(TABLE)


@pytest.mark.parametrize("who", ROLES)
async def test_a_role_is_let_in_where_the_table_says_so(node: Running, who: str) -> None:
    client = await node.client(user_roles=ROLES[who])
    for row, allowed in TABLE.items():
        answer = await asked(client, row)
        if who in allowed:
            assert answer.status_code not in (401, 403) or row in OWN_CREDENTIALS, f"{row}: {answer.text}"
            continue
        assert answer.status_code == 403, f"{row}: {answer.text}"
        text = next((text for part, text in WORDS.items() if part in row), "FORBIDDEN: forbidden")
        assert answer.json()["detail"] == text
        assert answer.json()["properties"] == {"errorCode": "FORBIDDEN"}


async def test_without_a_token_only_public_endpoints_answer(node: Running) -> None:
    client = await node.client()
    del client.headers["authorization"]
    for row, allowed in TABLE.items():
        answer = await asked(client, row)
        is_refused = "properties" in answer.text and answer.json()["properties"]["errorCode"] == "UNAUTHORIZED"
        assert is_refused == ("no token" not in allowed) or row in OWN_CREDENTIALS, f"{row}: {answer.text}"
    for path in ("/health", "/help", "http://node/docs", "http://node/openapi.json"):
        assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize("who", ["nobody", "admin"])
async def test_a_missing_parameter_is_told_before_the_role_is_asked_for(node: Running, who: str) -> None:
    answer = await (await node.client(user_roles=ROLES[who])).get("/oauth/keys/keypair/current")
    assert (answer.status_code, answer.json()["properties"]["errorCode"]) == (400, "BAD_REQUEST")


async def test_in_mock_mode_the_roles_of_the_settings_are_asked_for(start: Start) -> None:
    for roles, status in (("ROLE_M2M", 403), ("ROLE_ADMIN", 501)):
        client = await (await start(CYODA_IAM_MODE="mock", CYODA_IAM_MOCK_ROLES=roles, **FLAGS)).client()
        for row in ("POST /clients", "GET /clients", "POST /oauth/keys/keypair", "GET /oauth/keys/trusted"):
            assert (await asked(client, row)).status_code == status, row
        assert (await client.post("/oauth/oidc/providers")).status_code == 501
