"""From a bearer token to a principal (contract: identity 5).

Every failure is the same Unauthorized: a caller learns nothing about which check failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from cyoda.clock import Clock
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.identity.keys import KeyPair, KeyRing

SKEW_SECONDS = 30
MAX_TOKEN_CHARACTERS = 16 * 1024
MAX_CACHED = 4096
RESERVED_TENANT = "SYSTEM"
_LAST_MOMENT = 1e15
"""Epoch seconds far beyond any use, small enough to calculate with."""

Claims = Mapping[str, Any]

# Times, issuer and audience are judged here, by our own clock and with one refusal; PyJWT judges the signature.
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class ForeignTokens(Protocol):
    """Tokens that somebody else has signed (contract: identity 10.4)."""

    def remembered(self, token: str) -> Principal | None:
        """Whom a token speaks for that was valid before and still is."""
        ...

    async def principal_of(self, token: str) -> Principal:
        """Raises Unauthorized."""
        ...


class UnknownKid(Unauthorized):
    """A token that names no key of ours, well formed so far: another issuer may know it."""


class IncompleteIdentity(Unauthorized):
    """A token that is valid, and names no tenant or no user."""


@dataclass(frozen=True, slots=True)
class _Verified:
    principal: Principal
    pair: KeyPair
    valid_until: float


class TokenVerifier:
    """Validates first-party tokens and remembers the valid ones until they expire."""

    def __init__(self, ring: KeyRing, *, issuer: str, audience: str | None = None, clock: Clock) -> None:
        self._ring = ring
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._cache: dict[str, _Verified] = {}

    def principal_of(self, token: str) -> Principal:
        """Raises Unauthorized; UnknownKid when another issuer may be asked."""
        now = self._clock().timestamp()
        known = self._cache.get(token)
        if known is not None:
            if now < known.valid_until and self._ring.find(known.pair.kid) is known.pair:
                return known.principal
            del self._cache[token]
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise Unauthorized
        pair = self._pair_of(token)
        claims = signed_claims(token, pair.public_key)
        valid_until = _valid_until(claims, now)
        self._check_origin(claims)
        principal = principal_from(claims)
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[token] = _Verified(principal, pair, valid_until)
        return principal

    def _pair_of(self, token: str) -> KeyPair:
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Unauthorized from None
        kid = header.get("kid")
        if header.get("alg") != "RS256" or not isinstance(kid, str) or kid == "":
            raise Unauthorized
        pair = self._ring.find(kid)
        if pair is None:
            raise UnknownKid
        if not pair.is_active:
            raise Unauthorized
        return pair

    def _check_origin(self, claims: Claims) -> None:
        if claims.get("iss") != self._issuer:
            raise Unauthorized
        if self._audience is not None:
            audience = claims.get("aud")
            if self._audience not in (audience if isinstance(audience, list) else [audience]):
                raise Unauthorized


class BearerAuthenticator:
    """Reads `Bearer <token>`, the prefix exact. `foreign` is asked only about tokens whose key is none of ours."""

    def __init__(self, verifier: TokenVerifier, foreign: ForeignTokens | None = None) -> None:
        self._verifier = verifier
        self._foreign = foreign

    async def authenticate(self, authorization: str | None) -> Principal:
        """Raises Unauthorized."""
        if authorization is None or not authorization.startswith("Bearer "):
            raise Unauthorized
        token = authorization[7:]
        if self._foreign is None:
            return self._verifier.principal_of(token)
        remembered = self._foreign.remembered(token)
        if remembered is not None:
            return remembered
        try:
            return self._verifier.principal_of(token)
        except UnknownKid:
            return await self._foreign.principal_of(token)


def principal_from(claims: Claims) -> Principal:
    """Who the claims speak for. Raises IncompleteIdentity, and Unauthorized for the reserved tenant."""
    tenant = _name(claims.get("caas_org_id"))
    user_id = _name(claims.get("caas_user_id") or claims.get("sub"))
    if tenant == RESERVED_TENANT:
        raise Unauthorized
    is_service = "scopes" in claims and "user_roles" not in claims
    return Principal(
        tenant=tenant,
        user_id=user_id,
        kind="service" if is_service else "user",
        roles=_texts(claims.get("user_roles")) or _texts(claims.get("scopes")),
    )


def signed_claims(token: str, public_key: RSAPublicKey) -> Claims:
    """The claims of a token that the key has signed, RS256; nothing else of it is judged. Raises Unauthorized."""
    try:
        return jwt.decode(token, public_key, algorithms=["RS256"], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise Unauthorized from None


def moment_of(claims: Claims, name: str) -> float | None:
    """A claim in epoch seconds; None when it is absent or no such number."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_LAST_MOMENT <= value <= _LAST_MOMENT:
        return None
    return value


def is_name(value: object) -> TypeGuard[str]:
    """Whether a claim is a text that can be stored as an id; JSON may escape halves of characters."""
    return isinstance(value, str) and value != "" and "\0" not in value and _is_unicode(value)


def _valid_until(claims: Claims, now: float) -> float:
    """The moment (epoch seconds, skew included) at which a token that is valid now stops being so."""
    expires, issued, not_before = moment_of(claims, "exp"), moment_of(claims, "iat"), claims.get("nbf")
    starts = issued if not_before is None else moment_of(claims, "nbf")
    if expires is None or issued is None or starts is None:
        raise Unauthorized
    if now >= expires + SKEW_SECONDS or max(issued, starts) > now + SKEW_SECONDS:
        raise Unauthorized
    return expires + SKEW_SECONDS


def _name(value: object) -> str:
    if not is_name(value):
        raise IncompleteIdentity
    return value


def _texts(value: object) -> tuple[str, ...]:
    return (
        tuple(item for item in value if isinstance(item, str) and _is_unicode(item)) if isinstance(value, list) else ()
    )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
