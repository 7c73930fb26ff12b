"""The checks of a provider's token, each with a name of its own (contract: identity 10.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cyoda import jsonio
from tenants.identity.oidc.provider import Provider, audiences_of, has_control
from tenants.identity.verify import SKEW_SECONDS

MAX_SUB_CHARACTERS = 255

Claims = Mapping[str, Any]

_jws = jwt.PyJWS()


class Refused(Exception):
    """A token that fails a check; the text is the check's name. It is shown to nobody but who tests a provider."""

    @property
    def check(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose form is right; nothing of it is proven yet."""

    text: str
    kid: str
    claims: Claims

    @property
    def issuer(self) -> str:
        """`iss`, empty when it is no text."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else ""


def read_token(text: str) -> Token:
    """Raises Refused: `form`, `algorithm`, `kid`."""
    try:
        parts = _jws.decode_complete(text, options={"verify_signature": False})
        claims = jsonio.parse(parts["payload"])
    except (jwt.PyJWTError, ValueError):
        raise Refused("form") from None
    if not isinstance(claims, dict):
        raise Refused("form")
    if parts["header"].get("alg") != "RS256":
        raise Refused("algorithm")
    kid = parts["header"].get("kid")
    if not isinstance(kid, str) or not kid:
        raise Refused("kid")
    return Token(text, kid, claims)


def is_signed_by(token: Token, key: RSAPublicKey) -> bool:
    try:
        _jws.decode_complete(token.text, key, algorithms=["RS256"])
    except jwt.PyJWTError:
        return False
    return True


def check_claims(claims: Claims, provider: Provider, now: float) -> float:
    """The moment (epoch seconds, skew included) at which proven claims stop being valid for the provider.

    A token without `exp` is refused. Raises Refused: `exp`, `nbf`, `iat`, `aud`, `sub`.
    """
    expires = _moment(claims, "exp")
    if expires is None or now >= expires + SKEW_SECONDS:
        raise Refused("exp")
    if (_moment(claims, "nbf") or 0) > now + SKEW_SECONDS:
        raise Refused("nbf")
    issued = _moment(claims, "iat")
    earliest = provider.created_at.timestamp() - SKEW_SECONDS
    if issued is not None and not earliest <= issued <= now + SKEW_SECONDS:
        raise Refused("iat")
    if provider.expected_audiences is not None and not provider.expects(audiences_of(claims)):
        raise Refused("aud")
    subject = claims.get("sub")
    is_name = isinstance(subject, str) and 0 < len(subject) <= MAX_SUB_CHARACTERS and not has_control(subject)
    if not is_name:
        raise Refused("sub")
    return expires + SKEW_SECONDS


def _moment(claims: Claims, name: str) -> float | None:
    """Raises Refused when the claim is there and no number."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refused(name)
    try:
        return float(value)
    except OverflowError:
        raise Refused(name) from None
