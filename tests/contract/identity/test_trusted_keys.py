"""Trusted keys over HTTP (contract: identity 8; checklist 5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cyoda.clock import ManualClock, utc_text
from tests.contract.identity.conftest import Running, Start, problem

ENABLED = {"CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true"}
PATH = "/oauth/keys/trusted"


@pytest.fixture(scope="module")
def vouching() -> rsa.RSAPrivateKey:
    """The key of somebody that the tenant trusts."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def node(start: Start) -> Running:
    return await start(**ENABLED)


def jwk_of(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    return jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)


def registration(key: rsa.RSAPrivateKey, key_id: str = "idp-1", **more: Any) -> dict[str, Any]:
    return {"keyId": key_id, "jwk": jwk_of(key), "audience": "human"} | more


async def registered(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_key_is_shown_as_it_was_registered(
    node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    jwk = jwk_of(vouching) | {"x5c": ["…"], "n2": 1.50}
    shown = await registered(node.admin, registration(vouching, jwk=jwk))
    assert shown == {
        "keyId": "idp-1", "legalEntityId": "acme", "jwk": jwk, "audience": "human", "active": True,
        "validFrom": utc_text(clock.now), "validTo": utc_text(clock.now + timedelta(days=365)),
    }  # fmt: skip
    text = f'{{"kty":"RSA",  "n":"{jwk["n"]}","e":"AQAB","extra":1.50}}'
    body = f'{{"keyId":"verbatim","jwk":{text},"audience":"client","issuers":["https://a"]}}'
    assert text in (await node.admin.post(PATH, content=body)).text
    listed = await node.admin.get(PATH)
    assert text in listed.text
    assert [(one["keyId"], one.get("issuers")) for one in listed.json()] == [
        ("idp-1", None), ("verbatim", ["https://a"])
    ]  # fmt: skip


async def test_a_key_of_the_same_id_is_replaced(node: Running, vouching: rsa.RSAPrivateKey) -> None:
    await registered(node.admin, registration(vouching, issuers=["https://a"]))
    await node.admin.post(f"{PATH}/idp-1/invalidate")
    again = await registered(node.admin, registration(vouching, audience="client", validTo="2040-01-01T00:00:00Z"))
    assert (again["audience"], again["active"], again["validTo"]) == ("client", True, "2040-01-01T00:00:00Z")
    assert (await node.admin.get(PATH)).json() == [again]
    assert "issuers" not in again


async def test_invalidating_the_previous_ones(node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock) -> None:
    for key_id in ("a", "b"):
        await registered(node.admin, registration(vouching, key_id))
    await registered(node.admin, registration(vouching, "c", invalidatePrevious=True, invalidateGracePeriodSec=60))
    listed = {one["keyId"]: (one["active"], one["validTo"]) for one in (await node.admin.get(PATH)).json()}
    assert listed["a"] == listed["b"] == (False, utc_text(clock.now + timedelta(seconds=60)))
    assert listed["c"][0]


async def test_invalidate_reactivate_delete(node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock) -> None:
    key = await registered(node.admin, registration(vouching))
    gone = await node.admin.post(f"{PATH}/idp-1/invalidate", json={"gracePeriodSec": 5})
    assert (gone.status_code, gone.content) == (200, b"")
    (shown,) = (await node.admin.get(PATH)).json()
    assert shown == key | {"active": False, "validTo": utc_text(clock.now + timedelta(seconds=5))}
    back = await node.admin.post(
        f"{PATH}/idp-1/reactivate", json={"validFrom": "2026-02-01T00:00:00Z", "validTo": "2027-01-01T00:00:00Z"}
    )
    assert back.json() == key | {"validFrom": "2026-02-01T00:00:00Z", "validTo": "2027-01-01T00:00:00Z"}
    gone = await node.admin.delete(f"{PATH}/idp-1")
    assert (gone.status_code, gone.content) == (200, b"")
    assert (await node.admin.get(PATH)).json() == []


async def test_a_tenant_has_so_many_active_keys_and_no_more(
    start: Start, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    node = await start(**ENABLED, CYODA_IAM_TRUSTED_KEY_MAX_PER_TENANT="2")
    soon = utc_text(clock.now + timedelta(seconds=60))
    await registered(node.admin, registration(vouching, "a", validTo=soon))
    await registered(node.admin, registration(vouching, "b"))
    full = (400, "TRUSTED_KEY_CAP_REACHED: trusted-key cap reached for tenant")
    assert problem(await node.admin.post(PATH, json=registration(vouching, "c"))) == full
    await registered(node.admin, registration(vouching, "b"))  # a replacement counts once
    other = await node.client("globex")
    await registered(other, registration(vouching, "d"))
    clock.advance(timedelta(seconds=60))
    await registered(node.admin, registration(vouching, "c"))
    assert problem(await node.admin.post(PATH, json=registration(vouching, "e"))) == full
    await node.admin.post(f"{PATH}/b/invalidate")
    await registered(node.admin, registration(vouching, "e"))


async def test_the_wall_between_tenants(node: Running, vouching: rsa.RSAPrivateKey) -> None:
    key = await registered(node.admin, registration(vouching))
    stranger = await node.client("globex")
    taken = await stranger.post(PATH, json=registration(vouching))
    assert problem(taken) == (
        409, "KEY_OWNED_BY_DIFFERENT_TENANT: key with this keyId belongs to a different tenant"
    )  # fmt: skip
    until = {"validTo": "2040-01-01T00:00:00Z"}
    for method, path, body in (
        ("DELETE", "", None), ("POST", "/invalidate", None), ("POST", "/reactivate", until)
    ):  # fmt: skip
        foreign, missing = [
            await stranger.request(method, f"{PATH}/{key_id}{path}", json=body) for key_id in ("idp-1", "idp-2")
        ]
        assert problem(foreign) == (404, "TRUSTED_KEY_NOT_FOUND: trusted key not found")
        assert foreign.content.replace(b"idp-1", b"idp-2") == missing.content
    assert (await stranger.get(PATH)).json() == []
    assert (await node.admin.get(PATH)).json() == [key]


async def test_the_order_of_refusals(start: Start, vouching: rsa.RSAPrivateKey) -> None:
    off, on = await start(), await start(**ENABLED)
    endpoints = (
        ("POST", ""), ("GET", ""), ("DELETE", "/ü"), ("POST", "/ü/invalidate"), ("POST", "/ü/reactivate")
    )  # fmt: skip
    for node in (off, on):
        person = await node.client(user_roles=[])
        for method, path in endpoints:
            assert problem(await person.request(method, PATH + path)) == (403, "FORBIDDEN: forbidden")
    for method, path in endpoints:
        refused = await off.admin.request(method, PATH + path)
        assert problem(refused) == (404, "FEATURE_DISABLED: trusted-key registration is disabled")
        if path:
            assert problem(await on.admin.request(method, PATH + path)) == (400, "BAD_REQUEST: invalid keyId format")


async def test_every_refused_registration_has_its_words(node: Running, vouching: rsa.RSAPrivateKey) -> None:
    jwk = jwk_of(vouching)
    large = rsa.generate_private_key(public_exponent=65537, key_size=4104)
    cases: list[tuple[Any, str]] = [
        ([], "BAD_REQUEST: invalid request body"),
        (registration(vouching, jwk=[]), "BAD_REQUEST: invalid request body"),
        (registration(vouching, issuers="x"), "BAD_REQUEST: invalid request body"),
        (registration(vouching, issuers=["a\0b"]), "BAD_REQUEST: invalid request body"),
        ({}, "BAD_REQUEST: invalid keyId format"),
        (registration(vouching, "a b"), "BAD_REQUEST: invalid keyId format"),
        (registration(vouching, "a" * 129), "BAD_REQUEST: invalid keyId format"),
        (registration(vouching, jwk={str(n): n for n in range(21)}),
         "BAD_REQUEST: jwk has too many properties (21 > 20)"),
        (registration(vouching, jwk={}), "BAD_REQUEST: jwk missing kty"),
        (registration(vouching, jwk={"kty": 1}), "BAD_REQUEST: jwk kty must be a string"),
        (registration(vouching, jwk={"kty": "EC", "kid": "x"}), "UNSUPPORTED_KEY_TYPE: "),
        (registration(vouching, jwk=jwk | {"kid": "other"}),
         'BAD_REQUEST: jwk.kid ("other") must equal keyId ("idp-1")'),
        (registration(vouching, jwk={"kty": "RSA", "e": "AQAB"}), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, jwk=jwk | {"n": "+/+/"}), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, jwk=jwk | {"n": "A"}), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, jwk=jwk | {"n": "AA"}), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, jwk=jwk | {"e": "AQAA"}), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, jwk=jwk_of(large)), "BAD_REQUEST: invalid jwk: "),
        (registration(vouching, audience="robot"), "BAD_REQUEST: invalid audience"),
        (registration(vouching, validTo="2020-01-01T00:00:00Z"), "BAD_REQUEST: validTo must be > validFrom"),
        (registration(vouching, invalidateGracePeriodSec=-1), "BAD_REQUEST: gracePeriodSec must be >= 0"),
        (registration(vouching, invalidateGracePeriodSec=31622401), "BAD_REQUEST: gracePeriodSec must be <= 31622400 "),
    ]  # fmt: skip
    for body, detail in cases:
        status, told = problem(await node.admin.post(PATH, json=body))
        assert (status, told.startswith(detail)) == (400, True), f"{body}: {told}"
    for path, body, detail in (
        ("/x/invalidate", {"gracePeriodSec": -1}, "BAD_REQUEST: gracePeriodSec must be >= 0"),
        ("/x/reactivate", {}, "BAD_REQUEST: validTo required"),
        ("/x/reactivate", {"validTo": "2020-01-01T00:00:00Z"}, "BAD_REQUEST: validTo must be in the future"),
    ):
        assert problem(await node.admin.post(PATH + path, json=body)) == (400, detail)
    assert (await node.admin.get(PATH)).json() == []
