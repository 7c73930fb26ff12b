"""What a person who has signed in may fetch tokens for, and the refresh tokens that keep it (contract: identity 19)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet

from cyoda.clock import Clock
from cyoda.errors import Forbidden, Unauthorized
from cyoda.principal import Principal, TenantId
from tenants.models import Environment, Membership, Organisation, Person, RefreshToken
from tenants.naming import is_uuid
from tenants.services.organisations import organisation_meant

LIFETIME = timedelta(days=14)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One person in one environment, or in an organisation that has none, with the role of their membership."""

    person_id: str
    username: str
    tenant: TenantId
    roles: tuple[str, ...]
    refresh_token: str | None = None
    """Only right after the sign-in: a digest is kept."""


def grant(user: AbstractUser, wanted: str | None, *, clock: Clock) -> Grant:
    """A new refresh token for the wanted environment (its tenant id or name), or the first of the first membership.

    Where none is ready and none is wanted, what is given is good for the organisation, which has no data, and for
    ordering environments; there is no refresh token then.
    Raises Forbidden when the person has no such environment that is ready, or no membership.
    """
    membership, environment = _choice(user, wanted)
    if environment is None:
        return _grant(user, membership, str(membership.organisation_id), None)  # type: ignore[attr-defined] - the key's column
    token = secrets.token_urlsafe(32)
    now = clock()
    RefreshToken.objects.filter(user=user, expires_at__lte=now).delete()
    RefreshToken.objects.create(digest=_digest(token), user=user, environment=environment, expires_at=now + LIFETIME)
    return _grant(user, membership, environment.tenant_id, token)


def refreshed(token: str, *, clock: Clock) -> Grant:
    """What a refresh token stands for now: with today's role, and only while membership and environment stand.

    Raises Unauthorized.
    """
    row = (
        RefreshToken.objects.select_related("user__person", "environment")
        .filter(pk=_digest(token), revoked_at=None, expires_at__gt=clock(), user__is_active=True)
        .filter(environment__in=_open_environments())
        .first()
    )
    if row is None:
        raise Unauthorized
    membership = Membership.objects.filter(user=row.user, organisation=row.environment.organisation_id).first()  # type: ignore[attr-defined] - the key's column
    if membership is None:
        raise Unauthorized
    return _grant(row.user, membership, row.environment.tenant_id, None)


def revoke(token: str, *, clock: Clock) -> None:
    """End a refresh token; an unknown one is no fault."""
    RefreshToken.objects.filter(pk=_digest(token), revoked_at=None).update(revoked_at=clock())


def person_of(principal: Principal) -> Person | None:
    """Who the caller is, None for clients; a tenant's own provider may name anybody, but only of that tenant."""
    return colleagues(principal.tenant, [principal.user_id]).first()


def colleagues(tenant: TenantId, user_ids: Iterable[str]) -> QuerySet[Person]:
    """Those of the ids that are people of the tenant's organisation."""
    ids = [UUID(text) for text in user_ids if is_uuid(text)]
    members = Membership.objects.filter(organisation=organisation_meant(tenant, of_person=True)).values("user")
    return Person.objects.select_related("user").filter(pk__in=ids, user__in=members)


def _choice(user: AbstractUser, wanted: str | None) -> tuple[Membership, Environment | None]:
    open_environments = _open_environments().order_by("created_at")
    memberships = Membership.objects.filter(user=user, organisation__state=Organisation.State.ACTIVE)
    memberships = memberships.order_by("created_at", "pk")
    for membership in memberships:
        for environment in open_environments.filter(organisation=membership.organisation_id):  # type: ignore[attr-defined] - the key's column
            if wanted is None or wanted in (environment.tenant_id, environment.name):
                return membership, environment
    if wanted is not None:
        raise Forbidden("there is no such environment")
    first = memberships.first()
    if first is None:
        raise Forbidden("there is no organisation to sign in to")
    return first, None


def _open_environments() -> QuerySet[Environment]:
    return Environment.objects.filter(state=Environment.State.READY, organisation__state=Organisation.State.ACTIVE)


def _grant(user: AbstractUser, membership: Membership, tenant: TenantId, token: str | None) -> Grant:
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    return Grant(
        person_id=str(person.id),
        username=user.get_username(),
        tenant=tenant,
        roles=(membership.role,),
        refresh_token=token,
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
