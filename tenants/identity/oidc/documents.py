"""A provider's two documents: discovery, and the keys that sign its tokens (contract: identity 10.2)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from cyoda import jsonio
from tenants.identity.oidc.fetching import Fetcher, FetchFailed

KEY_TYPES = frozenset(("application/json", "application/jwk-set+json"))
MAX_KEYS = 100
MODULUS_BITS = range(2048, 8193)
MAX_EXPONENT = 2**32

Keys = Mapping[str, RSAPublicKey]


class InvalidDocument(Exception):
    """The document lacks what it must have; the text says what."""


@dataclass(frozen=True, slots=True)
class Documents:
    """What is known of a provider: its issuer, where its keys are, and those keys by id."""

    issuer: str
    jwks_uri: str
    keys: Keys


async def fetch_documents(uri: str, fetcher: Fetcher) -> Documents:
    """Discovery first, then the keys it points to. Raises FetchFailed."""
    return await fetch_keys(await fetch_discovery(uri, fetcher), fetcher)


async def fetch_discovery(uri: str, fetcher: Fetcher) -> Documents:
    """Discovery alone, without keys. Raises FetchFailed."""
    body = await fetcher.get(uri)
    try:
        return parse_discovery(body)
    except InvalidDocument as fault:
        raise FetchFailed(str(fault)) from None


async def fetch_keys(discovery: Documents, fetcher: Fetcher) -> Documents:
    """The documents with the keys that are there now. Raises FetchFailed."""
    body = await fetcher.get(discovery.jwks_uri, content_types=KEY_TYPES)
    try:
        return replace(discovery, keys=parse_keys(body))
    except InvalidDocument as fault:
        raise FetchFailed(str(fault)) from None


def parse_discovery(body: bytes) -> Documents:
    """Raises InvalidDocument."""
    members = json_object(body)
    issuer, jwks_uri = members.get("issuer"), members.get("jwks_uri")
    if not isinstance(issuer, str) or not issuer or not isinstance(jwks_uri, str) or not jwks_uri:
        raise InvalidDocument("the discovery document needs an issuer and a jwks_uri")
    return Documents(issuer, jwks_uri, {})


def parse_keys(body: bytes) -> Keys:
    """The RSA keys that may sign with RS256, by id; all others are passed over. Raises InvalidDocument."""
    members = json_object(body).get("keys")
    if not isinstance(members, list):
        raise InvalidDocument("the key document has no keys")
    if len(members) > MAX_KEYS:
        raise InvalidDocument(f"the key document has more than {MAX_KEYS} keys")
    keys: dict[str, RSAPublicKey] = {}
    for jwk in members:
        key = _signing_key(jwk) if isinstance(jwk, dict) else None
        if key is not None:
            keys.setdefault(jwk["kid"], key)
    return keys


def json_object(body: bytes) -> dict[str, Any]:
    """Raises InvalidDocument."""
    try:
        value = jsonio.parse(body)
    except jsonio.InvalidJson:
        raise InvalidDocument("the document is not JSON") from None
    if not isinstance(value, dict):
        raise InvalidDocument("the document is not a JSON object")
    return value


def _signing_key(jwk: dict[str, Any]) -> RSAPublicKey | None:
    is_usable = (
        jwk.get("kty") == "RSA"
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", "RS256") == "RS256"
        and isinstance(jwk.get("kid"), str)
        and jwk["kid"] != ""
    )
    if not is_usable:
        return None
    modulus, exponent = _number(jwk.get("n")), _number(jwk.get("e"))
    if modulus.bit_length() not in MODULUS_BITS or exponent not in range(3, MAX_EXPONENT, 2):
        return None
    try:
        return RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None


def _number(text: object) -> int:
    """A base64url number; 0 for anything else."""
    if not isinstance(text, str):
        return 0
    try:
        return int.from_bytes(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True), "big")
    except (binascii.Error, ValueError):
        return 0
