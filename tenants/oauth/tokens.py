"""The tokens of a sign-in: JWTs of ours, which the same verifier judges as all others (contract: control plane 3.5)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser

from cyoda.clock import system_clock
from cyoda.errors import StorageUnavailable
from tenants.cloud.access import configured_bearers
from tenants.identity.issue import TokenIssuer
from tenants.models import Person
from tenants.oauth import scopes
from tenants.services.consents import SIGN_IN, Place
from tenants.services.people import verified_addresses
from tenants.services.tiers import tier_of


def issuer() -> TokenIssuer:
    """Raises StorageUnavailable where no node runs, and in mock mode, which has no tokens."""
    issuer = configured_bearers().issuer
    if issuer is None:
        raise StorageUnavailable
    return issuer


def audience() -> str:
    """What tokens are for: this installation's API."""
    return settings.CONF.jwt.audience or settings.PUBLIC_URL


def openid_issuer() -> str:
    """Who signs people in, as OpenID Connect names it; the `iss` of access tokens is CYODA_JWT_ISSUER."""
    return f"{settings.PUBLIC_URL}/"


def access_token(request: Any, refresh_token: bool = False) -> str:
    """The library's token generator; `request.place` is what the validator has found the request to rest on.

    The answer names the scopes that the token has. Raises NoSigningKey, StorageUnavailable.
    """
    place: Place = request.place
    membership, user = place.membership, request.user
    request.scopes = scopes.allowed(request.scopes, membership.role)
    more = {
        "aud": audience(),
        "scope": " ".join(request.scopes),
        "caas_tier": tier_of(membership.organisation, system_clock()).pk,
        "caas_cyoda_employee": user.is_staff,
        SIGN_IN: str(request.consent.pk),
    }
    return issuer().for_person(person_id(user), place.tenant, (membership.role,), user.get_username(), more=more)


def id_token(request: Any) -> str:
    """Raises NoSigningKey, StorageUnavailable."""
    claims = {"iss": openid_issuer(), "aud": request.client.client_id, **facts_of(request.user, request.scopes)}
    if request.nonce:
        claims["nonce"] = request.nonce
    return issuer().id_token(claims)


def facts_of(user: AbstractUser, granted: Collection[str]) -> dict[str, object]:
    """What the scopes let a client know of a person."""
    facts: dict[str, object] = {"sub": person_id(user)}
    if scopes.PROFILE in granted:
        facts |= {"name": user.get_full_name() or user.get_username(), "preferred_username": user.get_username()}
    addresses = verified_addresses(user) if scopes.EMAIL in granted else []
    if addresses:
        facts |= {"email": addresses[0], "email_verified": True}
    return facts


def person_id(user: AbstractUser) -> str:
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    return str(person.id)
