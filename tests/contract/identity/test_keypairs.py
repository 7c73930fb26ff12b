"""Signing keys over HTTP: their whole life, shared by all nodes (contract: identity 6, 7; checklist 4)."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cyoda.clock import ManualClock, utc_text
from tenants.models import AuditEvent, SigningKey
from tests.contract.identity.conftest import Running, Start, accepted, problem
from tests.contract.tenants.conftest import off_loop

NEW = {"algorithm": "RS256", "audience": "client"}
YEAR = timedelta(days=365)


async def issued(node: Running, **more: Any) -> dict[str, Any]:
    answer = await node.admin.post("/oauth/keys/keypair", json=NEW | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def token_of(node: Running) -> str:
    answer = await node.token()
    assert answer.status_code == 200, answer.text
    return answer.json()["access_token"]


async def published(node: Running) -> set[str]:
    return {key["kid"] for key in (await node.admin.get("/.well-known/jwks.json")).json()["keys"]}


def kid_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


async def test_a_new_pair_signs_from_then_on_and_old_tokens_stay_valid(node: Running, clock: ManualClock) -> None:
    old = await token_of(node)
    assert kid_of(old) == node.key.kid
    clock.advance(timedelta(seconds=1))
    pair = await issued(node)
    assert pair == {
        "keyId": pair["keyId"], "algorithm": "RS256", "publicKey": pair["publicKey"], "active": True,
        "validFrom": utc_text(clock.now), "validTo": utc_text(clock.now + YEAR),
    }  # fmt: skip
    assert len(pair["keyId"]) == 32
    public_key = load_der_public_key(base64.b64decode(pair["publicKey"]))
    assert isinstance(public_key, RSAPublicKey)
    assert public_key.key_size == 2048
    new = await token_of(node)
    jwt.decode(new, public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
    assert kid_of(new) == pair["keyId"]
    assert (await node.admin.get("/oauth/keys/keypair/current?audience=client")).json() == pair
    assert await accepted(node, old)
    assert await accepted(node, new)
    assert await published(node) == {node.key.kid, pair["keyId"]}


async def test_rotation_with_grace_publishes_the_old_pair_until_it_ends_and_refuses_its_tokens_at_once(
    node: Running, clock: ManualClock
) -> None:
    clock.advance(timedelta(seconds=1))
    first = await issued(node)
    old = await token_of(node)
    clock.advance(timedelta(seconds=1))
    second = await issued(node, invalidateCurrent=True, invalidateGracePeriodSec=60)
    assert not await accepted(node, old)
    node = Running(node.node, node.key, await node.bearing(await token_of(node)), node.stack)
    assert await published(node) == {node.key.kid, first["keyId"], second["keyId"]}
    clock.advance(timedelta(seconds=61))
    assert await published(node) == {second["keyId"]}


async def test_a_human_pair_is_rotated_apart_from_those_for_clients(node: Running) -> None:
    human = await issued(node, audience="human", invalidateCurrent=True)
    assert kid_of(await token_of(node)) == node.key.kid
    assert (await node.admin.get("/oauth/keys/keypair/current?audience=human")).json() == human
    assert human["keyId"] in await published(node)


async def test_invalidating_and_reactivating(node: Running, clock: ManualClock) -> None:
    clock.advance(timedelta(seconds=1))
    pair = await issued(node)
    path, token = f"/oauth/keys/keypair/{pair['keyId']}", await token_of(node)
    gone = await node.admin.post(f"{path}/invalidate", json={"gracePeriodSec": 10})
    assert (gone.status_code, gone.content, "content-type" in gone.headers) == (200, b"", False)
    assert not await accepted(node, token)
    assert kid_of(await token_of(node)) == node.key.kid
    assert pair["keyId"] in await published(node)
    assert (await node.admin.post(f"{path}/invalidate")).status_code == 200
    assert pair["keyId"] not in await published(node)
    until = clock.now + timedelta(days=1)
    back = await node.admin.post(f"{path}/reactivate", json={"validTo": utc_text(until)})
    assert back.json() == pair | {"validFrom": utc_text(clock.now), "validTo": utc_text(until)}
    assert await accepted(node, token)
    assert kid_of(await token_of(node)) == pair["keyId"]
    clock.advance(timedelta(days=1))  # past its end and active: it validates, and neither signs nor is published
    assert kid_of(await token_of(node)) == node.key.kid
    assert pair["keyId"] not in await published(node)


async def test_deleting_the_last_pair_ends_tokens_and_their_issue(start: Start, clock: ManualClock) -> None:
    node = await start()
    gone = await node.admin.delete(f"/oauth/keys/keypair/{node.key.kid}")
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await node.admin.get("/account")).status_code == 401
    refused = await node.token()
    assert (refused.status_code, refused.json()) == (
        500, {"error": "server_error", "error_description": "server_error"},
    )  # fmt: skip
    assert await published(node) == set()
    again = await start()  # what the configuration holds does not bring it back
    assert (await again.admin.get("/account")).status_code == 401


async def test_issued_pairs_and_states_survive_a_restart(start: Start, clock: ManualClock) -> None:
    node = await start()
    clock.advance(timedelta(seconds=1))
    pair = await issued(node)
    token = await token_of(node)
    assert (await node.admin.post(f"/oauth/keys/keypair/{node.key.kid}/invalidate")).status_code == 200
    await node.stop()
    clock.advance(timedelta(seconds=1))
    again = await start()
    assert kid_of(await token_of(again)) == pair["keyId"]
    assert await accepted(again, token)
    assert (await again.admin.get("/account")).status_code == 401
    assert await published(again) == {pair["keyId"]}


async def test_the_configured_pair_is_valid_anew_from_each_start_until_somebody_sets_its_end(
    start: Start, clock: ManualClock
) -> None:
    node = await start()
    clock.advance(timedelta(days=400))
    assert (await node.token()).status_code == 500
    again = await start()
    assert kid_of(await token_of(again)) == node.key.kid


async def test_what_one_node_changes_holds_on_the_others_within_a_second(start: Start, clock: ManualClock) -> None:
    one, other = await start(), await start()
    clock.advance(timedelta(seconds=1))
    pair = await issued(one)
    token = await token_of(one)
    assert kid_of(token) == pair["keyId"]
    began = time.monotonic()
    while not await accepted(other, token):
        await asyncio.sleep(0.01)
    learned_s, began = time.monotonic() - began, time.monotonic()
    assert (await one.admin.post(f"/oauth/keys/keypair/{pair['keyId']}/invalidate")).status_code == 200
    assert not await accepted(one, token)
    while await accepted(other, token):
        await asyncio.sleep(0.01)
    refused_s = time.monotonic() - began
    print(f"another node accepted after {learned_s:.2f} s, refused after {refused_s:.2f} s")
    assert max(learned_s, refused_s) < 1


async def test_a_pair_that_cannot_be_decrypted_does_not_sign_and_still_validates(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    node = await start(CYODA_ENCRYPTION_KEY="first")
    pair = await issued(node, validFrom="2030-01-01T00:00:00Z")
    token = await token_of(node)
    assert kid_of(token) == pair["keyId"]
    stranger = await start(CYODA_ENCRYPTION_KEY="another")
    assert await accepted(stranger, token)
    assert kid_of(await token_of(stranger)) == node.key.kid
    await issued(stranger, audience="human")  # everything is reread
    assert sum(pair["keyId"] in line for line in caplog.text.splitlines()) == 1
    rotated = await start(CYODA_ENCRYPTION_KEY="another,first")
    assert kid_of(await token_of(rotated)) == pair["keyId"]


async def test_a_private_key_is_never_in_a_row_as_it_is(node: Running) -> None:
    pair = await issued(node)

    @off_loop
    def rows() -> dict[str, bytes | None]:
        return {row.kid: row.private_key and bytes(row.private_key) for row in SigningKey.objects.all()}

    kept = await rows()
    assert kept[node.key.kid] is None
    assert b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01" not in (
        kept[pair["keyId"]] or b""
    )  # rsaEncryption, as PKCS#8 has it


REFUSED: list[tuple[str, str, Any, int, str]] = [
    *(
        ("POST", "", body, 400, "UNSUPPORTED_ALGORITHM: only RS256 supported in this version")
        for body in ({}, {"algorithm": "ES256", "audience": "x"})
    ),
    ("POST", "", {"algorithm": "RS256"}, 400, "BAD_REQUEST: invalid audience"),
    ("POST", "", NEW | {"audience": "CLIENT"}, 400, "BAD_REQUEST: invalid audience"),
    ("POST", "", NEW | {"validTo": "2020-01-01T00:00:00Z", "invalidateGracePeriodSec": -1}, 400,
     "BAD_REQUEST: validTo must be > validFrom"),
    ("POST", "", NEW | {"validFrom": "2030-01-01T00:00:00Z", "validTo": "2030-01-01T00:00:00Z"}, 400,
     "BAD_REQUEST: validTo must be > validFrom"),
    ("POST", "", NEW | {"invalidateGracePeriodSec": -1}, 400, "BAD_REQUEST: gracePeriodSec must be >= 0"),
    ("POST", "", NEW | {"invalidateGracePeriodSec": 31622401}, 400,
     "BAD_REQUEST: gracePeriodSec must be <= 31622400 (366 days = 1 leap year)"),
    ("POST", "", NEW | {"validFrom": "tomorrow"}, 400, "BAD_REQUEST: invalid request body"),
    ("POST", "", NEW | {"validFrom": "0001-01-01T00:00:00+10:00"}, 400, "BAD_REQUEST: invalid request body"),
    ("POST", "", [], 400, "BAD_REQUEST: invalid request body"),
    ("POST", "", "text", 400, "BAD_REQUEST: invalid request body"),
    ("GET", "/current", None, 400, "BAD_REQUEST: missing required parameter 'audience'"),
    ("GET", "/current?audience=robot", None, 400, "BAD_REQUEST: invalid audience"),
    ("GET", "/current?audience=human", None, 404, "KEYPAIR_NOT_FOUND: no active key pair for audience"),
    ("DELETE", "/unknown", None, 404, "KEYPAIR_NOT_FOUND: key pair not found"),
    ("POST", "/unknown/invalidate", None, 404, "KEYPAIR_NOT_FOUND: key pair not found"),
    ("POST", "/unknown/invalidate", {"gracePeriodSec": -1}, 400, "BAD_REQUEST: gracePeriodSec must be >= 0"),
    ("POST", "/unknown/invalidate", {"gracePeriodSec": 10**9}, 400,
     "BAD_REQUEST: gracePeriodSec must be <= 31622400 (366 days = 1 leap year)"),
    ("POST", "/unknown/invalidate", {"gracePeriodSec": "1"}, 400, "BAD_REQUEST: invalid request body"),
    ("POST", "/unknown/reactivate", {}, 400, "BAD_REQUEST: validTo required"),
    ("POST", "/unknown/reactivate", {"validTo": "2026-01-01T00:00:00Z"}, 400,
     "BAD_REQUEST: validTo must be in the future"),
    ("POST", "/unknown/reactivate", {"validFrom": "2031-01-01T00:00:00Z", "validTo": "2030-01-01T00:00:00Z"}, 400,
     "BAD_REQUEST: validTo must be > validFrom"),
    ("POST", "/unknown/reactivate", {"validTo": "2030-01-01T00:00:00Z"}, 404, "KEYPAIR_NOT_FOUND: key pair not found"),
]  # fmt: skip


async def test_every_refusal_has_its_words_and_changes_nothing(node: Running) -> None:
    for method, path, body, status, detail in REFUSED:
        answer = await node.admin.request(method, f"/oauth/keys/keypair{path}", json=body)
        assert problem(answer) == (status, detail), f"{method} {path} {body}"
    large = await node.admin.post("/oauth/keys/keypair", content=b"{" + b" " * 1024 * 1024 + b"}")
    assert problem(large) == (400, "BAD_REQUEST: invalid request body")
    assert await published(node) == {node.key.kid}


async def test_a_window_at_the_end_of_the_calendar_is_one(node: Running) -> None:
    pair = await issued(node, validFrom="9999-12-31T00:00:00Z", audience="human")
    assert pair["validTo"].startswith("9999-12-31T23:59:59")


ENDPOINTS = [
    ("POST", ""), ("GET", "/current?audience=client"), ("DELETE", "/k"), ("POST", "/k/invalidate"),
    ("POST", "/k/reactivate"),
]  # fmt: skip


async def test_only_administrators_manage_keys(node: Running) -> None:
    person = await node.client(user_roles=["ROLE_M2M"])
    for method, path in ENDPOINTS:
        answer = await person.request(method, f"/oauth/keys/keypair{path}", content=b"no JSON")
        assert problem(answer) == (403, "FORBIDDEN: forbidden")
    assert problem(await person.get("/oauth/keys/keypair/current"))[0] == 400
    anonymous = await node.client()
    del anonymous.headers["Authorization"]
    for method, path in ENDPOINTS:
        assert (await anonymous.request(method, f"/oauth/keys/keypair{path}")).status_code == 401


async def test_a_platform_tenant_keeps_global_things_to_its_own_administrators(start: Start) -> None:
    node = await start(CYODA_IAM_PLATFORM_TENANT="acme")
    stranger = await node.client("globex")
    for method, path in ENDPOINTS:
        assert problem(await stranger.request(method, f"/oauth/keys/keypair{path}")) == (403, "FORBIDDEN: forbidden")
    for path in ("/admin/log-level", "/admin/trace-sampler"):
        assert problem(await stranger.get(path)) == (403, "FORBIDDEN: admin role required")
        assert (await node.admin.get(path)).status_code == 200
    assert (await node.admin.get("/oauth/keys/keypair/current?audience=client")).status_code == 200
    assert (await stranger.get("/clients")).status_code == 200


async def test_every_change_is_in_the_audit_log_without_a_secret(node: Running) -> None:
    pair = await issued(node)
    path = f"/oauth/keys/keypair/{pair['keyId']}"
    await node.admin.post(f"{path}/invalidate", headers={"X-Request-ID": "r-1"})
    await node.admin.post(f"{path}/reactivate", json={"validTo": "2030-01-01T00:00:00Z"})
    await node.admin.delete(path)

    @off_loop
    def events() -> list[AuditEvent]:
        return list(AuditEvent.objects.filter(target_id=pair["keyId"]).order_by("id"))

    made = await events()
    assert [event.action for event in made] == ["issued", "invalidated", "reactivated", "deleted"]
    assert {event.actor_id for event in made} == {"u-1"}
    ids = [event.request_id for event in made]
    assert (ids[1], len(set(ids)), min(map(len, ids))) == ("r-1", 4, 3)
