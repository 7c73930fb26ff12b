"""How a token fares with a provider, check by check, before anyone calls with it: the test login of a form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cyoda import jsonio
from cyoda.principal import TenantId
from tenants.identity.oidc.documents import Documents, fetch_discovery, fetch_keys
from tenants.identity.oidc.fetching import Fetcher, FetchFailed
from tenants.identity.oidc.judging import Claims, Refused, Token, check_claims, is_signed_by, read_token
from tenants.identity.oidc.provider import Provider, principal_of, roles_of
from tenants.identity.oidc.registration import Registration
from tenants.identity.verify import MAX_TOKEN_CHARACTERS

UNSAVED = UUID(int=0)
_SHOWN_CHARACTERS = 300
_SAYS_NOTHING = ("discovery", "keys", "issuer")
"""Checks after which the token may still be another provider's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`user_id` is whom the token speaks for; None when it fails `failed_check`. Its claims may be false then.

    `reason` says what the check found and what it would have accepted.
    """

    provider: Provider
    failed_check: str | None
    reason: str | None = None
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
    except FetchFailed as failure:
        return Verdict(provider=provider, failed_check="discovery", reason=f"{provider.uri}: {failure}")
    try:
        documents = await fetch_keys(discovery, fetcher)
    except FetchFailed as failure:
        return Verdict(provider=provider, failed_check="keys", reason=f"{discovery.jwks_uri}: {failure}")
    return verdict(text, provider, documents, roles_claim=roles_claim, now=now)


def verdict(text: str, provider: Provider, documents: Documents, *, roles_claim: str, now: float) -> Verdict:
    """All checks that a token passes when it calls, until one fails.

    Their names: `form`, `algorithm`, `kid`, `issuer`, `signature`, `exp`, `nbf`, `iat`, `aud`, `sub`.
    """
    token: Token | None = None
    roles: tuple[str, ...] = ()
    try:
        if len(text) > MAX_TOKEN_CHARACTERS:
            raise Refused("form")
        token = read_token(text)
        roles = roles_of(token.claims.get(provider.roles_claim or roles_claim))
        _check(token, provider, documents, now)
    except Refused as refused:
        claims = None if token is None else token.claims
        reason = explained(refused.check, token, provider, documents, now)
        return Verdict(provider=provider, failed_check=refused.check, reason=reason, claims=claims, roles=roles)
    user_id = principal_of(provider, token.claims, roles_claim).user_id
    return Verdict(provider=provider, failed_check=None, claims=token.claims, roles=roles, user_id=user_id)


def _check(token: Token, provider: Provider, documents: Documents, now: float) -> None:
    """Raises Refused."""
    if token.issuer not in provider.accepted_issuers(documents.issuer):
        raise Refused("issuer")
    key = documents.keys.get(token.kid)
    if key is None:
        raise Refused("kid")
    if not is_signed_by(token, key):
        raise Refused("signature")
    check_claims(token.claims, provider, now)


def explained(check: str, token: Token | None, provider: Provider, documents: Documents, now: float) -> str | None:
    """What a failed check has seen, in words for who sets up a provider; None where its name says it all."""
    if token is None:
        return None
    claims = token.claims
    match check:
        case "issuer":
            accepted = provider.accepted_issuers(documents.issuer)
            if not accepted:
                return f"issuers must contain {documents.issuer}, which the discovery document names"
            return f"iss is {_quoted(claims.get('iss'))}, accepted is {' or '.join(accepted)}"
        case "kid":
            return f"kid is {_quoted(token.kid)}, the provider's keys are {', '.join(documents.keys) or 'none'}"
        case "signature":
            return f"the key {token.kid} did not sign it"
        case "exp" | "nbf" | "iat":
            instant = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
            return f"{check} is {_quoted(claims.get(check))}, now is {int(now)} ({instant})"
        case "aud":
            expected = " or ".join(provider.expected_audiences or ())
            return f"aud is {_quoted(claims.get('aud'))}, expected is {expected}"
        case "sub":
            return f"sub is {_quoted(claims.get('sub'))}"
        case _:
            return None


def _quoted(value: object) -> str:
    return "missing" if value is None else jsonio.dumps(value).decode()[:_SHOWN_CHARACTERS]
