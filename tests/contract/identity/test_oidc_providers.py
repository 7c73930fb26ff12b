"""The registry of OIDC providers over HTTP, row by row (contract: identity 10)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cyoda.clock import ManualClock
from tenants.models import AuditEvent, OidcProvider
from tests.contract.identity.conftest import Running, Start, problem
from tests.contract.tenants.conftest import off_loop
from tests.identity_provider import DISCOVERY, KEYS, IdentityProvider, private_key

PATH = "/oauth/oidc/providers"
OPEN = {"CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true", "CYODA_OIDC_REQUIRE_HTTPS": "false"}
TENANT, OTHER = str(uuid4()), str(uuid4())


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


async def registered(admin: httpx.AsyncClient, idp: IdentityProvider, **settings: Any) -> dict[str, Any]:
    answer = await admin.post(PATH, json={"wellKnownConfigUri": idp.uri, **settings})
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- registering ------------------------------------------------------------------------------------------------


async def test_a_registered_provider_is_shown_with_what_was_set(
    admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    made = await registered(admin, idp)
    assert set(made) == {"id", "wellKnownConfigUri", "active", "createdAt"}
    assert (made["wellKnownConfigUri"], made["active"]) == (idp.uri, True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", made["createdAt"])
    assert idp.asked == {DISCOVERY: 1, KEYS: 1}
    settings = {"issuers": [idp.issuer], "expectedAudiences": ["app"], "rolesClaim": "https://x/roles"}
    second = await registered(admin, idp, wellKnownConfigUri=f"{idp.uri}?2", **settings)
    assert {name: second[name] for name in settings} == settings
    assert (await admin.get(PATH)).json() == [made, second]


URI = "https://8.8.8.8/x"
REGISTER = [
    (b"", "invalid request body"), (b"[]", "invalid request body"), (b"{", "invalid request body"),
    ({}, "wellKnownConfigUri is required"),
    ({"wellKnownConfigUri": ""}, "wellKnownConfigUri is required and must be a non-empty string"),
    ({"wellKnownConfigUri": None}, "wellKnownConfigUri is required and must be a non-empty string"),
    ({"wellKnownConfigUri": 1}, "wellKnownConfigUri is required and must be a non-empty string"),
    ({"wellKnownConfigUri": "ftp://" + "a" * 995}, "wellKnownConfigUri must be <= 1000 characters"),
    ({"wellKnownConfigUri": "ftp://a/x"}, 'unsupported scheme "ftp" (want https or http)'),
    ({"wellKnownConfigUri": "http://8.8.8.8/x"}, "https required (CYODA_OIDC_REQUIRE_HTTPS=true)"),
    ({"wellKnownConfigUri": "https:///x"}, "missing host in URI"),
    ({"wellKnownConfigUri": "https://" + "a" * 70 + ".invalid/"}, "DNS lookup failed for " + "a" * 70 + ".invalid"),
    ({"wellKnownConfigUri": URI, "issuers": "a"}, "invalid issuers field"),
    ({"wellKnownConfigUri": URI, "issuers": [1]}, "invalid issuers field"),
    ({"wellKnownConfigUri": URI, "issuers": ["a\0"]}, "invalid issuers field"),
    ({"wellKnownConfigUri": URI, "issuers": ["a"] * 11}, "issuers must have at most 10 entries"),
    ({"wellKnownConfigUri": URI, "issuers": ["a", ""]}, "issuers[1]: must not be empty"),
    ({"wellKnownConfigUri": URI, "issuers": ["a" * 1001]}, "issuers[0]: too long (got 1001 chars, max 1000)"),
    ({"wellKnownConfigUri": URI, "expectedAudiences": {}}, "invalid expectedAudiences field"),
    ({"wellKnownConfigUri": URI, "expectedAudiences": ["a"] * 11}, "expectedAudiences must have at most 10 entries"),
    ({"wellKnownConfigUri": URI, "expectedAudiences": [""]}, "expectedAudiences[0]: must not be empty"),
    ({"wellKnownConfigUri": URI, "expectedAudiences": ["a" * 1001]},
     "expectedAudiences[0]: too long (got 1001 chars, max 1000)"),
    ({"wellKnownConfigUri": URI, "rolesClaim": ["a"]}, "invalid rolesClaim field"),
    ({"wellKnownConfigUri": URI, "rolesClaim": "a" * 101}, "rolesClaim must be <= 100 characters"),
]  # fmt: skip


async def test_each_check_of_a_registration_refuses_in_its_words_and_nothing_is_fetched_or_kept(start: Start) -> None:
    admin = await (await start()).client(TENANT)
    for body, text in REGISTER:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        assert problem(await admin.post(PATH, **content)) == (400, f"BAD_REQUEST: {text}")
    assert (await admin.get(PATH)).json() == []


BLOCKED = [
    "127.0.0.1", "127.9.9.9", "169.254.169.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "[::1]", "[fe80::1]", "[fc00::1]", "[fdff::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "localhost",
    "0.0.0.0", "100.64.0.1", "224.0.0.1", "[::]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "2130706433", "0x7f.1",
]  # fmt: skip


async def test_no_provider_may_be_at_a_blocked_address(start: Start) -> None:
    admin = await (await start()).client("no-uuid")
    for host in BLOCKED:
        answer = await admin.post(PATH, json={"wellKnownConfigUri": f"https://{host}/x", "issuers": 1})
        blocked = (400, "OIDC_SSRF_BLOCKED: wellKnownConfigUri resolves to a blocked address range")
        assert problem(answer) == blocked, host


async def test_the_checks_come_in_the_contracts_order(node: Running, idp: IdentityProvider) -> None:
    admin = await node.client("default-tenant")
    answer = await admin.post(PATH, json={"wellKnownConfigUri": idp.uri, "rolesClaim": 1})
    assert problem(answer) == (400, "BAD_REQUEST: invalid rolesClaim field")
    answer = await admin.post(PATH, json={"wellKnownConfigUri": idp.uri})
    assert problem(answer)[1].startswith("OIDC_INVALID_TENANT: ")
    assert idp.asked == {}


async def test_a_uri_is_registered_once_a_tenant_until_it_is_deleted(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    made = await registered(admin, idp)
    duplicate = (
        409,
        "OIDC_PROVIDER_DUPLICATE: provider with this wellKnownConfigUri already registered for this tenant",
    )
    assert problem(await admin.post(PATH, json={"wellKnownConfigUri": idp.uri})) == duplicate
    await admin.post(f"{PATH}/{made['id']}/invalidate")
    assert problem(await admin.post(PATH, json={"wellKnownConfigUri": idp.uri})) == duplicate
    await registered(await node.client(OTHER), idp)
    assert (await admin.delete(f"{PATH}/{made['id']}")).status_code == 200
    again = await registered(admin, idp)
    assert again["id"] != made["id"]
    assert again["createdAt"] > made["createdAt"]


async def test_a_tenant_has_as_many_providers_as_the_installation_allows(start: Start, idp: IdentityProvider) -> None:
    node = await start(**OPEN, CYODA_OIDC_PROVIDER_MAX_PER_TENANT="2")
    admin = await node.client(TENANT)
    first = await registered(admin, idp)
    await registered(admin, idp, wellKnownConfigUri=f"{idp.uri}?2")
    third = {"wellKnownConfigUri": f"{idp.uri}?3"}
    assert problem(await admin.post(PATH, json=third)) == (
        403,
        "QUOTA_EXCEEDED: the limit of 2 OIDC providers is reached",
    )
    assert len((await admin.get(PATH)).json()) == 2
    await registered(await node.client(OTHER), idp)
    await admin.delete(f"{PATH}/{first['id']}")
    await registered(admin, idp, **third)


async def test_a_provider_that_cannot_be_reached_is_registered_all_the_same(
    admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    await idp.go_away()
    await registered(admin, idp)


# --- listing and changing ---------------------------------------------------------------------------------------


async def test_anyone_of_the_tenant_lists_its_providers_and_may_leave_out_inactive_ones(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    made = await registered(admin, idp)
    await admin.post(f"{PATH}/{made['id']}/invalidate")
    anyone = await node.client(TENANT, user_roles=[])
    assert (await anyone.get(PATH)).json() == [made | {"active": False}]
    assert (await anyone.get(f"{PATH}?activeOnly=true")).json() == []
    assert (await anyone.get(f"{PATH}?activeOnly=maybe")).status_code == 400
    assert (await (await node.client(OTHER, user_roles=[])).get(PATH)).json() == []


AFTER_CHANGE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"issuers": ["i"], "expectedAudiences": ["a"], "rolesClaim": "r"}),
    ({"issuers": None}, {"expectedAudiences": ["a"], "rolesClaim": "r"}),
    ({"issuers": []}, {"expectedAudiences": ["a"], "rolesClaim": "r"}),
    ({"expectedAudiences": None, "rolesClaim": None}, {"issuers": ["i"]}),
    ({"expectedAudiences": []}, {"issuers": ["i"], "rolesClaim": "r"}),
    (
        {"issuers": ["x", "y"], "rolesClaim": "z"},
        {"issuers": ["x", "y"], "expectedAudiences": ["a"], "rolesClaim": "z"},
    ),
]


async def test_a_change_keeps_clears_or_replaces_each_setting_and_fetches_anew(
    admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    for number, (change, after) in enumerate(AFTER_CHANGE):
        settings = {"issuers": ["i"], "expectedAudiences": ["a"], "rolesClaim": "r"}
        made = await registered(admin, idp, wellKnownConfigUri=f"{idp.root}{DISCOVERY}?{number}", **settings)
        answer = await admin.patch(f"{PATH}/{made['id']}", json=change)
        base = {name: made[name] for name in ("id", "wellKnownConfigUri", "active", "createdAt")}
        assert (answer.status_code, answer.json()) == (200, base | after)
        assert (await admin.get(PATH)).json()[-1] == base | after
        assert idp.asked[f"{DISCOVERY}?{number}"] == 2
    assert idp.asked[KEYS] == 2 * len(AFTER_CHANGE)


async def test_a_change_is_checked_like_a_registration(admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    path = f"{PATH}/{(await registered(admin, idp))['id']}"
    for body, text in (
        ({"issuers": [""]}, "issuers[0]: must not be empty"),
        ({"expectedAudiences": "a"}, "invalid expectedAudiences field"),
        ({"rolesClaim": 5}, "invalid rolesClaim field"),
        ([], "invalid request body"),
    ):
        assert problem(await admin.patch(path, json=body)) == (400, f"BAD_REQUEST: {text}")
    assert idp.asked == {DISCOVERY: 1, KEYS: 1}


async def test_an_invalidated_provider_cannot_be_changed_until_it_is_reactivated(
    admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    made = await registered(admin, idp)
    path = f"{PATH}/{made['id']}"
    for _ in range(2):
        answer = await admin.post(f"{path}/invalidate")
        assert (answer.status_code, answer.content, answer.headers.get("content-type")) == (200, b"", None)
    assert problem(await admin.patch(path, json={})) == (409, "OIDC_PROVIDER_INACTIVE: OIDC provider is invalidated")
    for body in ({}, {"json": {"reactivateKeys": True}}, {"json": {"reactivateKeys": None}}):
        answer = await admin.post(f"{path}/reactivate", **body)
        assert (answer.status_code, answer.json()) == (200, made)
    assert idp.asked == {DISCOVERY: 4, KEYS: 4}
    assert (await admin.post(f"{path}/reactivate", json={"reactivateKeys": False})).json() == made
    assert idp.asked == {DISCOVERY: 5, KEYS: 4}
    answer = await admin.post(f"{path}/reactivate", json={"reactivateKeys": "yes"})
    assert problem(answer) == (400, "BAD_REQUEST: invalid request body")
    assert (await admin.patch(path, json={})).status_code == 200


async def test_reloading_fetches_the_documents_of_the_tenants_active_providers(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    await registered(admin, idp)
    gone = await registered(admin, idp, wellKnownConfigUri=f"{idp.uri}?gone")
    await admin.post(f"{PATH}/{gone['id']}/invalidate")
    await registered(await node.client(OTHER), idp, wellKnownConfigUri=f"{idp.uri}?other")
    idp.asked.clear()
    answer = await admin.post(f"{PATH}/reload")
    assert (answer.status_code, answer.content) == (200, b"")
    assert idp.asked == {DISCOVERY: 1, KEYS: 1}


# --- who may ----------------------------------------------------------------------------------------------------

CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "/{id}", {}),
    ("POST", "/{id}/invalidate", None),
    ("POST", "/{id}/reactivate", None),
    ("DELETE", "/{id}", None),
]
ALL_CHANGES = [*CHANGES, ("POST", "", {"wellKnownConfigUri": "x"}), ("POST", "/reload", None), ("POST", "/test", {})]


async def test_only_an_admin_changes_providers(node: Running, admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    made = await registered(admin, idp)
    for roles in ([], ["ROLE_M2M"], ["ROLE_VIEWER"], ["ROLE_DEVELOPER"]):
        anyone = await node.client(TENANT, user_roles=roles)
        for method, path, body in ALL_CHANGES:
            answer = await anyone.request(method, PATH + path.format(id=made["id"]), json=body)
            assert problem(answer) == (403, "FORBIDDEN: forbidden")
    assert (await admin.get(PATH)).json() == [made]


async def test_a_provider_of_another_tenant_is_as_absent_as_none(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    made, stranger, nobody = await registered(admin, idp), await node.client(OTHER), uuid4()
    for method, path, body in CHANGES:
        foreign, missing = [
            await stranger.request(method, PATH + path.format(id=provider_id), json=body)
            for provider_id in (made["id"], nobody)
        ]
        assert problem(foreign) == (404, "OIDC_PROVIDER_NOT_FOUND: OIDC provider not found")
        assert foreign.text.replace(made["id"], str(nobody)) == missing.text
        malformed = await admin.request(method, PATH + path.format(id="not-a-uuid"), json=body)
        assert (malformed.status_code, malformed.json()["properties"]["errorCode"]) == (400, "BAD_REQUEST")
    await stranger.post(f"{PATH}/reload")
    assert (await admin.get(PATH)).json() == [made]
    assert idp.asked == {DISCOVERY: 1, KEYS: 1}


async def test_in_mock_mode_nothing_is_offered_and_no_role_asked_for(start: Start) -> None:
    anyone = (await start(CYODA_IAM_MODE="mock", CYODA_IAM_MOCK_ROLES="NONE")).admin
    for method, path, body in [*ALL_CHANGES, ("GET", "", None)]:
        answer = await anyone.request(method, PATH + path.format(id=uuid4()), json=body)
        assert problem(answer) == (501, "NOT_IMPLEMENTED: not yet implemented")


async def test_every_change_is_in_the_audit_log(admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    path = f"{PATH}/{(await registered(admin, idp))['id']}"
    await admin.patch(path, json={"rolesClaim": "groups"})
    for action in ("invalidate", "invalidate", "reactivate"):
        await admin.post(f"{path}/{action}")
    await admin.post(f"{PATH}/reload")
    await admin.delete(path, headers={"X-Reason": "no%0Amore " + "x" * 600})
    events = await off_loop(lambda: list(AuditEvent.objects.filter(target_type="OIDC provider").order_by("id")))()
    actions = ["registered", "changed", "invalidated", "reactivated", "reloaded", "deleted"]
    assert [event.action for event in events] == actions
    assert {event.tenant_id for event in events} == {TENANT}
    assert [event.reason for event in events] == [""] * 5 + ["nomore " + "x" * 493]
    assert (events[1].before["rolesClaim"], events[1].after["rolesClaim"]) == (None, "groups")
    assert await off_loop(OidcProvider.objects.count)() == 0


# --- trying a token ---------------------------------------------------------------------------------------------


async def test_a_token_is_tried_with_settings_that_are_not_saved(
    admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    settings = {"wellKnownConfigUri": idp.uri, "rolesClaim": "groups"}
    token = idp.token(groups={"ROLE_ADMIN": 1})
    tried = (await admin.post(f"{PATH}/test", json={"token": token, "provider": settings})).json()
    claims = tried.pop("claims")
    assert (claims["sub"], claims["groups"]) == ("jane", {"ROLE_ADMIN": 1})
    user_id = "oidc:00000000-0000-0000-0000-000000000000:jane"
    assert tried == {"accepted": True, "userId": user_id, "roles": ["ROLE_ADMIN"]}
    wrong = settings | {"expectedAudiences": ["another"]}
    tried = (await admin.post(f"{PATH}/test", json={"token": token, "provider": wrong})).json()
    assert (tried["accepted"], tried["failedCheck"], tried["roles"]) == (False, "aud", ["ROLE_ADMIN"])
    assert (await admin.get(PATH)).json() == []


async def test_a_token_is_tried_with_the_tenants_own_providers_only(
    node: Running, admin: httpx.AsyncClient, idp: IdentityProvider
) -> None:
    token = idp.token()
    assert problem(await admin.post(f"{PATH}/test", json={"token": token}))[0] == 404
    await registered(await node.client(OTHER), idp)
    assert problem(await admin.post(f"{PATH}/test", json={"token": token}))[0] == 404
    async with IdentityProvider() as away:
        await registered(admin, away)
    made = await registered(admin, idp)
    tried = (await admin.post(f"{PATH}/test", json={"token": token})).json()
    assert (tried["accepted"], tried["providerId"]) == (True, made["id"])
    tried = (await admin.post(f"{PATH}/test", json={"token": idp.token(exp=1)})).json()
    assert (tried["failedCheck"], tried["providerId"]) == ("exp", made["id"])
    await idp.go_away()
    tried = (await admin.post(f"{PATH}/test", json={"token": token})).json()
    assert (tried["accepted"], tried["failedCheck"]) == (False, "discovery")


async def test_a_trial_is_checked_like_a_registration(start: Start) -> None:
    admin = await (await start()).client(TENANT)
    settings = {"wellKnownConfigUri": "https://127.0.0.1/x"}
    answer = await admin.post(f"{PATH}/test", json={"token": "x", "provider": settings})
    assert problem(answer)[1].startswith("OIDC_SSRF_BLOCKED: ")
    for body in ({}, {"token": 1}, {"token": "x", "provider": 1}, {"token": "x", "provider": {}}):
        assert problem(await admin.post(f"{PATH}/test", json=body))[1].startswith("BAD_REQUEST: ")


async def test_the_documents_are_shown_as_the_node_has_them(admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    path = f"{PATH}/{(await registered(admin, idp))['id']}/documents"
    shown = (await admin.get(path)).json()
    assert (shown["issuer"], shown["keyIds"], "failure" in shown) == (idp.issuer, ["k1"], False)
    await idp.go_away()
    await admin.post(f"{PATH}/reload")
    failed = (await admin.get(path)).json()
    assert (failed["keyIds"], failed["freshUntil"]) == (["k1"], shown["freshUntil"])
    assert "Connect" in failed["failure"]


async def test_a_refused_token_says_what_was_seen_and_expected(admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    settings = {"wellKnownConfigUri": idp.uri, "expectedAudiences": ["orders"]}
    said = {
        'iss is "elsewhere", accepted is ' + idp.issuer: idp.token(iss="elsewhere"),
        'kid is "k9", the provider\'s keys are k1': idp.token(kid="k9"),
        "the key k1 did not sign it": idp.token(key=private_key("k2")),
        "exp is missing, now is": idp.token(exp=None),
        'aud is "app", expected is orders': idp.token(),
        "sub is missing": idp.token(aud="orders", sub=None),
    }
    for reason, token in said.items():
        tried = (await admin.post(f"{PATH}/test", json={"token": token, "provider": settings})).json()
        assert tried["reason"].startswith(reason), tried
    lost = {"wellKnownConfigUri": f"{idp.root}/keys"}
    tried = (await admin.post(f"{PATH}/test", json={"token": idp.token(), "provider": lost})).json()
    assert (tried["failedCheck"], "needs an issuer" in tried["reason"]) == ("discovery", True)


ODD_VALUES = [
    None, True, 0, -1, 1e300, 10**400, "", "\0", "\ud800", "a" * 10_000, "ü", [], {}, [None], [[]], {"a": {}}, ["\0"],
    "https://8.8.8.8/\0", "https://[::1", "https://a:b@localhost:1/", "https://8.8.8.8:65536", "//8.8.8.8/x",
]  # fmt: skip
ODD_TEXTS = [
    b"\xff",
    b"[" * 100_000,
    b'{"issuers": ' + b"[" * 600,
    b'{"issuers": ["a"]',
    b'{"a": NaN}',
    b" " * 2_000_000,
]


async def test_no_body_makes_an_internal_failure(admin: httpx.AsyncClient, idp: IdentityProvider) -> None:
    path = f"{PATH}/{(await registered(admin, idp))['id']}"
    names = ("wellKnownConfigUri", "issuers", "expectedAudiences", "rolesClaim", "token", "provider", "reactivateKeys")
    bodies = [json.dumps({"wellKnownConfigUri": "ftp://x", name: value}) for name in names for value in ODD_VALUES]
    for method, target in (("POST", PATH), ("PATCH", path), ("POST", f"{path}/reactivate"), ("POST", f"{PATH}/test")):
        for body in [*bodies, *ODD_TEXTS]:
            answer = await admin.request(method, target, content=body)
            assert answer.status_code in (200, 400, 404), f"{method} {target} {body[:100]}: {answer.text}"
