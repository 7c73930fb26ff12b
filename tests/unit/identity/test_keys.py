"""Signing keys, key ids and JWKS (contract: identity 2, 6)."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cyoda.clock import ManualClock
from cyoda.conf import ConfError
from tenants.identity.keys import InvalidKey, load_key_pair
from tenants.identity.service import identity_service
from tests.unit.identity.conftest import SECRET, client_for, jwt_conf, pem_of

ASK: Any = {"data": {"grant_type": "client_credentials"}, "auth": ("boot", SECRET)}


def test_a_key_is_read_in_every_form_with_the_same_id(private_key: rsa.RSAPrivateKey) -> None:
    pkcs8, pkcs1 = pem_of(private_key), pem_of(private_key, PrivateFormat.TraditionalOpenSSL)
    forms = [pkcs8, pkcs1, base64.b64encode(pkcs8.encode()).decode(), pkcs8.replace("\n", "\\n")]
    spki = private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert {load_key_pair(form).kid for form in forms} == {hashlib.sha256(spki).hexdigest()[:32]}


def ec_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


BROKEN_PEM = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize("text", ["", "nonsense", "aGVsbG8=", BROKEN_PEM, ec_pem()])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidKey):
        load_key_pair(text)


def test_a_bad_signing_key_stops_the_start_with_a_sentence_that_names_it(
    private_key: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    with pytest.raises(ConfError, match=r"^CYODA_JWT_SIGNING_KEY must be an RSA private key\.$"):
        identity_service(jwt_conf(private_key, CYODA_JWT_SIGNING_KEY=ec_pem()), clock)


async def test_the_jwks_verifies_the_tokens_of_the_service(api: httpx.AsyncClient, clock: ManualClock) -> None:
    answer = await api.get("/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/json"
    (key,) = answer.json()["keys"]
    assert {name: key[name] for name in ("kty", "use", "alg", "e")} == {
        "kty": "RSA", "use": "sig", "alg": "RS256", "e": "AQAB",
    }  # fmt: skip
    token = (await api.post("/oauth/token", **ASK)).json()
    header = jwt.get_unverified_header(token["access_token"])
    assert header == {"alg": "RS256", "typ": "JWT", "kid": key["kid"]}
    jwt.decode(token["access_token"], jwt.PyJWK(key).key, algorithms=["RS256"], options={"verify_exp": False})


async def test_the_jwks_is_read_only(api: httpx.AsyncClient) -> None:
    assert (await api.post("/.well-known/jwks.json")).status_code == 405


async def test_a_pair_past_its_validity_leaves_the_jwks_and_signs_no_more_but_still_validates(
    private_key: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    conf = jwt_conf(private_key, CYODA_IAM_KEYPAIR_DEFAULT_VALIDITY_DAYS="1", CYODA_JWT_EXPIRY_SECONDS="864000")
    async with client_for(conf, clock) as api:
        token = (await api.post("/oauth/token", **ASK)).json()["access_token"]
        clock.now = clock.now.replace(day=clock.now.day + 2)
        assert (await api.get("/.well-known/jwks.json")).json() == {"keys": []}
        refused = await api.post("/oauth/token", **ASK)
        assert (refused.status_code, refused.json()["error"]) == (500, "server_error")
        assert (await api.get("/whoami", headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_a_bootstrap_key_for_humans_does_not_sign_client_tokens(
    private_key: rsa.RSAPrivateKey, clock: ManualClock
) -> None:
    async with client_for(jwt_conf(private_key, CYODA_JWT_BOOTSTRAP_AUDIENCE="human"), clock) as api:
        refused = await api.post("/oauth/token", **ASK)
    assert (refused.status_code, refused.json()) == (
        500, {"error": "server_error", "error_description": "server_error"},
    )  # fmt: skip
