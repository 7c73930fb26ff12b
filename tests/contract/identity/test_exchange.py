"""Token exchange with the keys that a tenant trusts (contract: identity 3.4, 4; checklist 5)."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cyoda.clock import ManualClock
from tenants.identity.exchange import GRANT as EXCHANGE
from tenants.identity.exchange import JWT_TYPE
from tests.contract.identity.conftest import Running, Start, accepted
from tests.contract.identity.test_trusted_keys import ENABLED, PATH, node, registered, registration, vouching

__all__ = ["node", "vouching"]  # fixtures


def subject(key: Any, clock: ManualClock, *, kid: str | None = "idp-1", algorithm: str = "RS256", **claims: Any) -> str:
    """A subject token; a claim of None is left out."""
    now = int(clock.now.timestamp())
    claims = {"sub": "ann", "caas_org_id": "acme", "iss": "https://idp", "iat": now, "exp": now + 60} | claims
    payload = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": kid} if kid else {})


async def exchanged(node: Running, token: str | None, token_type: str = JWT_TYPE) -> httpx.Response:
    form = {"grant_type": EXCHANGE, "subject_token_type": token_type}
    return await node.token(**form, **({} if token is None else {"subject_token": token}))


async def test_a_client_gets_a_token_for_whom_a_trusted_key_vouches_for(
    node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    await registered(node.admin, registration(vouching, issuers=["https://other", "https://idp"]))
    answer = await exchanged(node, subject(vouching, clock, user_roles=["ROLE_X"], roles=["ROLE_Y"]))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    token = body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 3600, "issued_token_type": JWT_TYPE}
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "kid": node.key.kid}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert len(claims.pop("jti")) == 36
    now = int(clock.now.timestamp())
    assert claims == {
        "sub": "ann", "iss": "cyoda", "caas_user_id": "ann", "caas_org_id": "acme", "user_roles": ["ROLE_X"],
        "act": {"sub": "boot"}, "caas_tier": "unlimited", "iat": now, "exp": now + 3600,
    }  # fmt: skip
    assert (await (await node.bearing(token)).get("/account")).json()["userAccountInfo"]["userId"] == "ann"


@pytest.mark.parametrize(
    ("claims", "roles"),
    [({"roles": ["ROLE_Y"]}, ["ROLE_Y"]), ({}, None), ({"user_roles": []}, []), ({"user_roles": "x"}, "x")],
)
async def test_roles_come_from_either_claim(
    node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock, claims: dict[str, Any], roles: Any
) -> None:
    await registered(node.admin, registration(vouching))
    token = (await exchanged(node, subject(vouching, clock, **claims))).json()["access_token"]
    minted = jwt.decode(token, options={"verify_signature": False})
    assert minted["user_roles"] == roles
    assert "scopes" not in minted
    assert await accepted(node, token)


@pytest.fixture
async def several(node: Running, vouching: rsa.RSAPrivateKey) -> None:
    """Keys in every state: `idp-1` of one issuer, `inactive`, `early`, `late`, and `foreign` of another tenant."""
    windows = {
        "inactive": {},
        "early": {"validFrom": "2026-06-01T00:00:00Z"},
        "late": {"validFrom": "2025-01-01T00:00:00Z", "validTo": "2026-01-01T00:00:00Z"},
    }
    await registered(node.admin, registration(vouching, issuers=["https://idp"]))
    for key_id, window in windows.items():
        await registered(node.admin, registration(vouching, key_id, **window))
    await node.admin.post(f"{PATH}/inactive/invalidate", json={"gracePeriodSec": 60})
    await registered(await node.client("globex"), registration(vouching, "foreign"))


@pytest.mark.usefixtures("several")
async def test_all_twelve_checks_in_order(node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock) -> None:
    now = int(clock.now.timestamp())
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def token(**more: Any) -> str:
        return subject(vouching, clock, **more)

    head, payload, signature = token().split(".")
    cases: list[tuple[str | None, str]] = [
        (None, "invalid subject token"),
        ("a.b.c", "invalid subject token"),
        (f"{head}.{payload}", "invalid subject token"),
        (token(algorithm="RS512"), "unsupported token algorithm"),
        (subject(None, clock, algorithm="none"), "unsupported token algorithm"),
        (subject("s" * 32, clock, algorithm="HS256"), "unsupported token algorithm"),
        (token(kid=None), "missing kid in subject token"),
        (token(kid="unknown"), "unknown trusted key"),
        (token(kid="a\0b"), "unknown trusted key"),
        (token(kid="a\ud800b"), "unknown trusted key"),
        (subject(node.key.private_key, clock, kid=node.key.kid), "unknown trusted key"),
        (subject(other, clock, kid="inactive"), "trusted key is inactive"),
        (subject(other, clock, kid="early"), "trusted key not yet valid"),
        (subject(other, clock, kid="late"), "trusted key expired"),
        (subject(other, clock, iss="x"), "signature verification failed"),
        (f"{head}.{token(sub='eve').split('.')[1]}.{signature}", "signature verification failed"),
        (token(iss="https://another", exp=None), "untrusted token issuer"),
        (token(iss=None), "untrusted token issuer"),
        (token(exp=None, iat=None), "missing exp claim"),
        (token(exp="soon"), "missing exp claim"),
        (token(exp=10**400), "missing exp claim"),
        (token(exp=now - 30, iat=None), "token expired"),
        (token(iat=None, nbf=now + 31), "missing iat claim"),
        (token(iat=now + 31), "iat is in the future"),
        (token(nbf=now + 31, sub=None), "token not yet valid (nbf)"),
        (token(nbf="later"), "token not yet valid (nbf)"),
        (token(sub=None, caas_org_id="x"), "subject token missing sub claim"),
        (token(sub=""), "subject token missing sub claim"),
        (token(sub="a\0b"), "subject token missing sub claim"),
        (token(sub="a\ud800b"), "subject token missing sub claim"),
    ]  # fmt: skip
    for refused, description in cases:
        answer = await exchanged(node, refused)
        assert (answer.status_code, answer.json()) == (
            400, {"error": "invalid_grant", "error_description": description},
        ), description  # fmt: skip
    answer = await exchanged(node, token(), "urn:ietf:params:oauth:token-type:access_token")
    assert answer.json()["error_description"] == "unsupported subject_token_type"
    for wrong in (token(caas_org_id="globex"), token(caas_org_id=None), token(kid="foreign", iss="x")):
        answer = await exchanged(node, wrong)
        assert (answer.status_code, answer.json()) == (
            403, {"error": "access_denied", "error_description": "tenant mismatch"},
        )  # fmt: skip
    skewed = token(exp=now - 29, iat=now + 30, nbf=now + 30)
    assert (await exchanged(node, skewed)).status_code == 200
    assert (await node.token("boot", "wrong", grant_type=EXCHANGE)).json()["error"] == "invalid_client"


async def test_a_trusted_keys_token_is_no_bearer(
    node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    await registered(node.admin, registration(vouching))
    assert not await accepted(node, subject(vouching, clock))


async def test_a_key_whose_numbers_make_none_vouches_for_nobody(
    node: Running, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    await registered(node.admin, registration(vouching, jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}))
    answer = await exchanged(node, subject(vouching, clock))
    assert answer.json()["error_description"] == "signature verification failed"


async def test_without_a_signing_key_an_exchange_fails_like_any_grant(
    start: Start, vouching: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    node = await start(**ENABLED, CYODA_JWT_BOOTSTRAP_AUDIENCE="human")
    await registered(node.admin, registration(vouching))
    answer = await exchanged(node, subject(vouching, clock))
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert (await node.token()).status_code == 500
