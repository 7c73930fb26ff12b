"""Discovery and key documents: what is taken, what is passed over, what makes them worthless (identity 10.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm

from tenants.identity.oidc.documents import MAX_KEYS, InvalidDocument, parse_discovery, parse_keys
from tests.identity_provider import jwk, private_key


def keys(*members: Any) -> bytes:
    return json.dumps({"keys": members}).encode()


def rsa_jwk(kid: object = "k", **members: object) -> dict[str, Any]:
    return jwk("k", private_key("k1")) | {"kid": kid} | members


def test_discovery_needs_an_issuer_and_a_place_of_keys() -> None:
    found = parse_discovery(b'{"issuer": "https://a", "jwks_uri": "https://b", "more": 1}')
    assert (found.issuer, found.jwks_uri, dict(found.keys)) == ("https://a", "https://b", {})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"<html>", b"{}", b'{"issuer": "a"}', b'{"jwks_uri": "b"}', b'{"issuer": "", "jwks_uri": "b"}',
        b'{"issuer": "a", "jwks_uri": ""}', b'{"issuer": 1, "jwks_uri": "b"}', b'{"issuer": "a", "jwks_uri": ["b"]}',
        b'{"issuer": "\xff", "jwks_uri": "b"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_anything_else_is_no_discovery_document(body: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_discovery(body)


def test_rsa_keys_for_signing_are_taken_by_their_ids() -> None:
    numbers = private_key("k1").public_key().public_numbers()
    found = parse_keys(keys(rsa_jwk("a"), {name: rsa_jwk("b")[name] for name in ("kty", "kid", "n", "e")}))
    assert {kid: key.public_numbers() for kid, key in found.items()} == {"a": numbers, "b": numbers}
    first = parse_keys(keys(rsa_jwk("a"), jwk("a", private_key("k2"))))
    assert first["a"].public_numbers() == numbers


@pytest.mark.parametrize(
    "member",
    [
        json.loads(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())) | {"kid": "k"},
        {"kty": "oct", "kid": "k", "k": "c2VjcmV0"},
        rsa_jwk(use="enc"), rsa_jwk(alg="RS512"), rsa_jwk(alg="PS256"), rsa_jwk(kid=None), rsa_jwk(kid=""),
        rsa_jwk(kid=7), rsa_jwk(n="?"), rsa_jwk(n=5), rsa_jwk(n=""),
        rsa_jwk(e="AQ"), rsa_jwk(e="Ag"), rsa_jwk(e="_" * 400),
        rsa_jwk(n="_" * 3000), jwk("k", rsa.generate_private_key(public_exponent=65537, key_size=1024)),
        "text", None, [],
    ],
)  # fmt: skip
def test_other_keys_are_passed_over(member: Any) -> None:
    assert list(parse_keys(keys(member, rsa_jwk("good")))) == ["good"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys": {}}', keys(*[rsa_jwk()] * (MAX_KEYS + 1))])
def test_anything_else_is_no_key_document(body: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_keys(body)
