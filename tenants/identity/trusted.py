"""Trusted keys: a tenant's RSA public keys that vouch for subjects of token exchange (contract: identity 8)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from cyoda import jsonio
from cyoda.errors import BadRequest, UnsupportedKeyType
from cyoda.jsonio import Json
from cyoda.principal import TenantId

MAX_MODULUS_BITS = 4096
_KEY_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """A registered key; `issuers` None: any issuer."""

    kid: str
    tenant: TenantId
    jwk: str
    issuers: tuple[str, ...] | None
    is_active: bool
    valid_from: datetime
    valid_to: datetime | None


class TrustedKeys(Protocol):
    async def find(self, kid: str) -> TrustedKey | None:
        """The key of an id, whoever registered it."""
        ...


class NoTrustedKeys:
    """Nobody is trusted."""

    async def find(self, kid: str) -> TrustedKey | None:
        return None


def check_key_id(key_id: str) -> str:
    """Raises BadRequest."""
    if not is_key_id(key_id):
        raise BadRequest("invalid keyId format")
    return key_id


def is_key_id(text: str) -> bool:
    """Whether a trusted key can have this id."""
    return _KEY_ID.fullmatch(text) is not None


def check_jwk(jwk: Mapping[str, Json], key_id: str, *, max_properties: int) -> None:
    """Raises BadRequest, UnsupportedKeyType."""
    if len(jwk) > max_properties:
        raise BadRequest(f"jwk has too many properties ({len(jwk)} > {max_properties})")
    key_type = jwk.get("kty")
    if key_type is None:
        raise BadRequest("jwk missing kty")
    if not isinstance(key_type, str):
        raise BadRequest("jwk kty must be a string")
    if key_type != "RSA":
        raise UnsupportedKeyType(key_type)
    if "kid" in jwk and jwk["kid"] != key_id:
        raise BadRequest(f"jwk.kid ({_quoted(jwk['kid'])}) must equal keyId ({_quoted(key_id)})")
    _numbers(jwk)


def public_key_of(jwk: str) -> RSAPublicKey | None:
    """The key of a registered JWK's text; None when its numbers make none that is safe to use."""
    try:
        return _numbers(jsonio.parse(jwk)).public_key()
    except ValueError:
        return None


def _numbers(jwk: Mapping[str, Json]) -> RSAPublicNumbers:
    """Raises BadRequest."""
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if modulus.bit_length() > MAX_MODULUS_BITS:
        raise BadRequest(f"invalid jwk: modulus has more than {MAX_MODULUS_BITS} bits")
    if modulus == 0:
        raise BadRequest("invalid jwk: modulus must be positive")
    if exponent % 2 == 0:
        raise BadRequest("invalid jwk: exponent must be positive and odd")
    return RSAPublicNumbers(exponent, modulus)


def _number(jwk: Mapping[str, Json], name: str) -> int:
    text = jwk.get(name)
    if not isinstance(text, str) or not _BASE64URL.fullmatch(text.rstrip("=")):
        raise BadRequest(f"invalid jwk: {name} must be base64url")
    try:
        return int.from_bytes(base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)), "big")
    except binascii.Error:
        raise BadRequest(f"invalid jwk: {name} must be base64url") from None


def _quoted(value: Any) -> str:
    return jsonio.dumps(value).decode()[:200]
