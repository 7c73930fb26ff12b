"""Token exchange: a client asks for a token on behalf of a subject that a trusted key vouches for (identity 3.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt

from cyoda.errors import Unauthorized
from cyoda.principal import TenantId
from tenants.identity.trusted import TrustedKey, TrustedKeys, public_key_of
from tenants.identity.verify import SKEW_SECONDS, Claims, is_name, moment_of, signed_claims

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


class ExchangeRefused(Exception):
    """The first check that does not hold: status, `error` and `error_description` of the answer."""

    def __init__(self, description: str, *, status: int = 400, error: str = "invalid_grant") -> None:
        super().__init__(description)
        self.description = description
        self.status = status
        self.error = error


@dataclass(frozen=True, slots=True)
class Subject:
    """Who was vouched for; `user_roles` is the claim as it stands in the subject token."""

    id: str
    user_roles: Any


async def subject_of(parameters: Mapping[str, str], tenant: TenantId, keys: TrustedKeys, now: datetime) -> Subject:
    """The subject that a client of `tenant` may act for, after all twelve checks in the contract's order.

    The last is stricter than the reference: the key too must be the tenant's own, or another tenant could vouch for
    people here. Raises ExchangeRefused.
    """
    if parameters.get("subject_token_type") != JWT_TYPE:
        raise ExchangeRefused("unsupported subject_token_type")
    token = parameters.get("subject_token", "")
    key = await keys.find(_kid_of(token))
    if key is None:
        raise ExchangeRefused("unknown trusted key")
    _check_validity(key, now)
    claims = _signed(token, key)
    if key.issuers is not None and claims.get("iss") not in key.issuers:
        raise ExchangeRefused("untrusted token issuer")
    _check_times(claims, now.timestamp())
    subject = claims.get("sub")
    if not is_name(subject):
        raise ExchangeRefused("subject token missing sub claim")
    if not claims.get("caas_org_id") == key.tenant == tenant:
        raise ExchangeRefused("tenant mismatch", status=403, error="access_denied")
    roles = claims.get("user_roles")
    return Subject(subject, claims.get("roles") if roles is None else roles)


def _kid_of(token: str) -> str:
    try:
        header = jwt.decode_complete(token, options={"verify_signature": False})["header"]
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise ExchangeRefused("invalid subject token") from None
    if header.get("alg") != "RS256":
        raise ExchangeRefused("unsupported token algorithm")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise ExchangeRefused("missing kid in subject token")
    return kid


def _check_validity(key: TrustedKey, now: datetime) -> None:
    if not key.is_active:
        raise ExchangeRefused("trusted key is inactive")
    if now < key.valid_from:
        raise ExchangeRefused("trusted key not yet valid")
    if key.valid_to is not None and key.valid_to <= now:
        raise ExchangeRefused("trusted key expired")


def _signed(token: str, key: TrustedKey) -> Claims:
    public_key = public_key_of(key.jwk)
    try:
        if public_key is not None:
            return signed_claims(token, public_key)
    except Unauthorized:
        pass
    raise ExchangeRefused("signature verification failed")


def _check_times(claims: Claims, now: float) -> None:
    expires, issued = moment_of(claims, "exp"), moment_of(claims, "iat")
    if expires is None:
        raise ExchangeRefused("missing exp claim")
    if now >= expires + SKEW_SECONDS:
        raise ExchangeRefused("token expired")
    if issued is None:
        raise ExchangeRefused("missing iat claim")
    if issued > now + SKEW_SECONDS:
        raise ExchangeRefused("iat is in the future")
    if claims.get("nbf") is not None:
        starts = moment_of(claims, "nbf")
        if starts is None or starts > now + SKEW_SECONDS:
            raise ExchangeRefused("token not yet valid (nbf)")
