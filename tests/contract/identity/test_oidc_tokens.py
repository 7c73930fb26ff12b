"""Tokens of providers as bearers: on the node, on others, and through every change (identity 5, 10.3, 10.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from cyoda.clock import ManualClock
from tenants.identity.keys import KeyPair
from tenants.identity.oidc.source import ASK_SECONDS, FRESH_SECONDS
from tenants.models import OidcProvider
from tests.contract.identity.conftest import Running, Start, accepted
from tests.contract.tenants.conftest import off_loop
from tests.identity_provider import KEYS, IdentityProvider, Reply, jwk, private_key

PATH = "/oauth/oidc/providers"
OPEN = {"CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true", "CYODA_OIDC_REQUIRE_HTTPS": "false"}
TENANT, OTHER = str(uuid4()), str(uuid4())
HEARD_SECONDS = 10


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as idp:
        yield idp


@pytest.fixture
def clock() -> ManualClock:
    """Of now, as the tokens are."""
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def node(start: Start) -> Running:
    return await start(**OPEN)


@pytest.fixture
async def admin(node: Running) -> httpx.AsyncClient:
    return await node.client(TENANT)


async def registered(admin: httpx.AsyncClient, idp: IdentityProvider, **settings: Any) -> str:
    """The path of a new provider."""
    answer = await admin.post(PATH, json={"wellKnownConfigUri": idp.uri, **settings})
    assert answer.status_code == 200, answer.text
    return f"{PATH}/{answer.json()['id']}"


async def account(node: Running, token: str) -> dict[str, Any]:
    answer = await (await node.bearing(token)).get("/account")
    assert answer.status_code == 200, answer.text
    return answer.json()["userAccountInfo"]


async def heard(node: Running, token: str, *, as_valid: bool) -> None:
    """Another node takes a change over by itself."""
    async with asyncio.timeout(HEARD_SECONDS):
        while await accepted(node, token) is not as_valid:
            await asyncio.sleep(0.05)


async def fetched(idp: IdentityProvider, times: int) -> None:
    async with asyncio.timeout(HEARD_SECONDS):
        while idp.asked[KEYS] < times:
            await asyncio.sleep(0.01)


async def test_a_person_of_a_provider_is_let_into_the_providers_tenant_with_its_roles(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    path = await registered(admin, idp)
    token = idp.token(roles=["ROLE_ADMIN"], caas_org_id=OTHER, caas_user_id="root", user_roles=["ROLE_M2M"])
    info = await account(node, token)
    assert info["userId"] == f"oidc:{path.rpartition('/')[2]}:jane"
    assert info["legalEntity"]["id"] == TENANT
    assert info["roles"] == [{"id": "ROLE_ADMIN"}]
    person = await node.bearing(token)
    assert (await person.post("/clients")).status_code == 200
    assert (await (await node.bearing(idp.token())).post("/clients")).status_code == 403
    assert len((await admin.get("/clients")).json()) == 1
    assert (await (await node.client(OTHER)).get("/clients")).json() == []


ROLES: list[tuple[object, list[str]]] = [
    ("ROLE_ADMIN ROLE_M2M", ["ROLE_ADMIN", "ROLE_M2M"]),
    (["ROLE_ADMIN", 1, "a,b"], ["ROLE_ADMIN"]),
    ({"ROLE_ADMIN": None, "x,y": 1}, ["ROLE_ADMIN"]),
    (True, []),
]


async def test_roles_are_read_from_the_claim_of_the_provider_or_else_of_the_installation(
    start: Start, idp: IdentityProvider
) -> None:
    node = await start(**OPEN, CYODA_OIDC_ROLES_CLAIM="groups")
    admin = await node.client(TENANT)
    path = await registered(admin, idp)
    for claim in ("groups", "https://corp.example/roles"):
        if claim != "groups":
            await admin.patch(path, json={"rolesClaim": claim})
        for value, roles in ROLES:
            info = await account(node, idp.token(**{claim: value}))
            assert [role["id"] for role in info["roles"]] == roles


async def test_every_refusal_is_the_same(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider, signing_key: KeyPair, clock: ManualClock
) -> None:
    await registered(admin, idp, expectedAudiences=["app"])
    now = int(clock().timestamp())
    assert await accepted(node, idp.token())
    ours = {"key": signing_key.private_key, "kid": signing_key.kid, "caas_org_id": TENANT}
    tokens = [
        idp.token(key=private_key("k2")), idp.token(kid="unknown"), idp.token(iss="https://elsewhere.example"),
        idp.token(iss=idp.issuer + "/"), idp.token(exp=None), idp.token(exp=now - 31), idp.token(iat=now + 60),
        idp.token(iat=now - 60), idp.token(aud="another"), idp.token(sub=None), idp.token(sub="a" * 256),
        idp.token(sub="a\n"), idp.token(padding="x" * 20_000),
        idp.token(**ours),  # a key of ours with another issuer is not handed on
        jwt.encode({"iss": idp.issuer, "sub": "jane", "exp": now + 60}, "", "none", {"kid": "k1"}),
        jwt.encode({"iss": idp.issuer, "sub": "jane", "exp": now + 60}, "k" * 32, "HS256", {"kid": "k1"}),
    ]  # fmt: skip
    answers = [await (await node.bearing(token)).get("/account") for token in tokens]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, answers[0].content)}
    assert answers[0].json()["detail"] == "UNAUTHORIZED: authentication failed"


async def test_the_same_provider_in_two_tenants_is_split_by_audience(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    await registered(admin, idp, expectedAudiences=["app-1"])
    await registered(await node.client(OTHER), idp, expectedAudiences=["app-2"])
    assert (await account(node, idp.token(aud="app-1")))["legalEntity"]["id"] == TENANT
    assert (await account(node, idp.token(aud=["app-2", "app-1"])))["legalEntity"]["id"] == OTHER
    assert not await accepted(node, idp.token(aud="app-3"))


async def test_every_change_is_in_force_on_the_node_at_once(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    path, token = await registered(admin, idp), idp.token()
    assert await accepted(node, token)
    for change, is_valid in (
        ({"expectedAudiences": ["another"]}, False), ({"expectedAudiences": ["app"]}, True),
        ({"issuers": ["https://another"]}, False), ({"issuers": [idp.issuer]}, True), ({"issuers": None}, True),
    ):  # fmt: skip
        await admin.patch(path, json=change)
        assert await accepted(node, token) is is_valid, change
    await admin.post(f"{path}/invalidate")
    assert not await accepted(node, token)
    await admin.post(f"{path}/reactivate")
    assert await accepted(node, token)
    await admin.delete(path)
    assert not await accepted(node, token)


async def test_a_token_from_before_the_registration_is_refused_also_after_registering_anew(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider, clock: ManualClock
) -> None:
    path = await registered(admin, idp)
    now = int(clock().timestamp())
    within, before = idp.token(iat=now - 25), idp.token(iat=now - 35)
    assert await accepted(node, within)
    assert not await accepted(node, before)
    await admin.delete(path)
    path = await registered(admin, idp)
    assert await accepted(node, within)
    ten_seconds_later = clock() + timedelta(seconds=10)
    await off_loop(OidcProvider.objects.update)(created_at=ten_seconds_later)
    await admin.patch(path, json={})
    assert not await accepted(node, within)


async def test_reactivating_without_keys_keeps_those_that_were_there(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    path, old = await registered(admin, idp), idp.token()
    await admin.post(f"{path}/invalidate")
    idp.rotate("k2")
    await admin.post(f"{path}/reactivate", json={"reactivateKeys": False})
    assert await accepted(node, old)
    await admin.post(f"{path}/reactivate", json={"reactivateKeys": True})
    assert not await accepted(node, old)
    assert await accepted(node, idp.token())


async def test_reloading_takes_new_keys_over_on_every_node(start: Start, idp: IdentityProvider) -> None:
    first, second = await start(**OPEN), await start(**OPEN)
    admin, old = await first.client(TENANT), idp.token()
    await registered(admin, idp)
    await heard(second, old, as_valid=True)
    idp.rotate("k2")
    for node in (first, second):
        assert await accepted(node, old)
    await admin.post(f"{PATH}/reload")
    assert not await accepted(first, old)
    await heard(second, old, as_valid=False)
    for node in (first, second):
        assert await accepted(node, idp.token())


async def test_other_nodes_hear_of_changes_and_a_new_node_fetches_at_its_start(
    start: Start, idp: IdentityProvider
) -> None:
    first, second = await start(**OPEN), await start(**OPEN)
    admin, token = await first.client(TENANT), idp.token()
    path = await registered(admin, idp)
    await heard(second, token, as_valid=True)
    await admin.post(f"{path}/invalidate")
    await heard(second, token, as_valid=False)
    await admin.post(f"{path}/reactivate")
    await heard(second, token, as_valid=True)
    await fetched(idp, 4)  # by both nodes, when it was registered and when it was reactivated
    idp.gate.clear()
    third = await start(**OPEN)  # does not wait for slow providers
    idp.gate.set()
    await fetched(idp, 5)
    assert await accepted(third, token)
    assert idp.asked[KEYS] == 5
    await admin.delete(path)
    for node in (second, third):
        await heard(node, token, as_valid=False)


async def test_an_outage_of_the_provider_is_bridged_until_the_keys_are_old(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider, clock: ManualClock
) -> None:
    await registered(admin, idp)
    token = idp.token(exp=int(clock().timestamp()) + 3600)
    assert await accepted(node, token)
    await idp.go_away()
    clock.advance(timedelta(seconds=FRESH_SECONDS - 1))
    assert await accepted(node, token)
    clock.advance(timedelta(seconds=1))
    assert not await accepted(node, token)
    await idp.come_back()
    clock.advance(timedelta(seconds=ASK_SECONDS))
    assert await accepted(node, token)


async def test_a_key_that_is_replaced_under_its_id_is_found_by_the_next_token(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    await registered(admin, idp)
    old = idp.token()
    assert await accepted(node, old)
    idp.key = private_key("k2")
    assert await accepted(node, idp.token())
    assert not await accepted(node, old)


async def test_keys_that_are_no_rsa_keys_let_nobody_in(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    members = [jwk("k1", idp.key, kty="EC"), jwk("k2", idp.key, alg="RS512")]
    idp.replies[KEYS] = Reply(json.dumps({"keys": members}).encode())
    await registered(admin, idp)
    for kid in ("k1", "k2"):
        assert not await accepted(node, idp.token(kid=kid))
