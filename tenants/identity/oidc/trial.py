"""How a token fares with a provider, check by check, before anyone calls with it: the test login of a form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cyoda.principal import TenantId
from tenants.identity.oidc.documents import Documents, fetch_discovery, fetch_keys
from tenants.identity.oidc.fetching import Fetcher, FetchFailed
from tenants.identity.oidc.judging import Claims, Refused, check_claims, is_signed_by, read_token
from tenants.identity.oidc.provider import Provider, principal_of, roles_of
from tenants.identity.oidc.registration import Registration
from tenants.identity.verify import MAX_TOKEN_CHARACTERS

UNSAVED = UUID(int=0)
_SAYS_NOTHING = ("discovery", "keys", "issuer")
"""Checks after which the token may still be another provider's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`user_id` is whom the token speaks for; None when it fails `failed_check`. Its claims may be false then."""

    provider: Provider
    failed_check: str | None
    claims: Claims | None = None
    roles: tuple[str, ...] = ()
    user_id: str | None = None


def unsaved(tenant: TenantId, registration: Registration) -> Provider:
    """A provider as if it had always been registered, so that a token of a while ago can be tried."""
    return Provider(
        id=UNSAVED,
        tenant=tenant,
        uri=registration.uri,
        created_at=datetime.min.replace(tzinfo=UTC),
        issuers=None if registration.issuers is None else tuple(registration.issuers),
        expected_audiences=None if registration.expected_audiences is None else tuple(registration.expected_audiences),
        roles_claim=registration.roles_claim,
    )


async def tried(
    text: str, providers: Iterable[Provider], fetcher: Fetcher, *, roles_claim: str, now: float
) -> Verdict | None:
    """The verdict of the provider that takes the token, or else of one that it may be meant for; None without any.

    Documents are fetched for it, and may fail too: `discovery`, `keys`.
    """
    best: Verdict | None = None
    for provider in providers:
        found = await _tried(text, provider, fetcher, roles_claim, now)
        if found.failed_check is None:
            return found
        if best is None or best.failed_check in _SAYS_NOTHING:
            best = found
    return best


async def _tried(text: str, provider: Provider, fetcher: Fetcher, roles_claim: str, now: float) -> Verdict:
    try:
        discovery = await fetch_discovery(provider.uri, fetcher)
    except FetchFailed:
        return Verdict(provider=provider, failed_check="discovery")
    try:
        documents = await fetch_keys(discovery, fetcher)
    except FetchFailed:
        return Verdict(provider=provider, failed_check="keys")
    return verdict(text, provider, documents, roles_claim=roles_claim, now=now)


def verdict(text: str, provider: Provider, documents: Documents, *, roles_claim: str, now: float) -> Verdict:
    """All checks that a token passes when it calls, until one fails.

    Their names: `form`, `algorithm`, `kid`, `issuer`, `signature`, `exp`, `nbf`, `iat`, `aud`, `sub`.
    """
    claims: Claims | None = None
    roles: tuple[str, ...] = ()
    try:
        if len(text) > MAX_TOKEN_CHARACTERS:
            raise Refused("form")
        token = read_token(text)
        claims = token.claims
        roles = roles_of(claims.get(provider.roles_claim or roles_claim))
        if token.issuer not in provider.accepted_issuers(documents.issuer):
            raise Refused("issuer")
        key = documents.keys.get(token.kid)
        if key is None:
            raise Refused("kid")
        if not is_signed_by(token, key):
            raise Refused("signature")
        check_claims(claims, provider, now)
    except Refused as refused:
        return Verdict(provider=provider, failed_check=refused.check, claims=claims, roles=roles)
    user_id = principal_of(provider, claims, roles_claim).user_id
    return Verdict(provider=provider, failed_check=None, claims=claims, roles=roles, user_id=user_id)
