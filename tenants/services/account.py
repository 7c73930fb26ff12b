"""Who a caller is and what the organisation has subscribed to, for the caller to see (contract: control plane 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from cyoda.principal import Principal
from tenants.models import Organisation, Person, Subscription, Tier
from tenants.services.organisations import organisation_meant
from tenants.services.tiers import Limit, default_tier, in_force, limits_of

_ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Names:
    """How a caller and the caller's organisation are called."""

    user: str
    organisation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A tier from a moment on; the id of what nobody subscribed to is the tier's name."""

    id: str
    status: str
    tier: str
    period_from: datetime
    period_to: datetime | None
    limits: Sequence[Limit]


def names_of(principal: Principal) -> Names:
    """The names that the rows know; the ids stand for others, and tokens carry none."""
    organisation = organisation_meant(principal.tenant)
    if organisation is None:
        return Names(user=principal.user_id, organisation=principal.tenant)
    person = _member(organisation, principal.user_id)
    return Names(
        user=principal.user_id if person is None else person.user.get_full_name() or person.user.get_username(),
        organisation=organisation.name,
    )


def subscriptions_of(tenant: str, now: datetime) -> Sequence[Subscribed]:
    """All of the tenant's organisation, the one in force first: its own, or the default tier.

    Raises Tier.DoesNotExist (there is no default tier).
    """
    organisation = organisation_meant(tenant)
    if organisation is None:
        return [_by_default(default_tier(), _ALWAYS)]
    current = in_force(now).filter(organisation=organisation).first()
    former = Subscription.objects.filter(organisation=organisation).select_related("tier")
    found = [_subscribed(row, now) for row in former if current is None or row.pk != current.pk]
    first = _by_default(default_tier(), organisation.created_at) if current is None else _subscribed(current, now)
    return [first, *found]


def _member(organisation: Organisation, user_id: str) -> Person | None:
    """Only members of the organisation have a name in it, whatever ids its tokens carry."""
    try:
        person_id = UUID(user_id)
    except ValueError:
        return None
    members = Person.objects.select_related("user").filter(user__memberships__organisation=organisation)
    return members.filter(pk=person_id).first()


def _subscribed(row: Subscription, now: datetime) -> Subscribed:
    is_over = row.status == Subscription.Status.ACTIVE and row.period_to is not None and row.period_to <= now
    return Subscribed(
        id=str(row.pk),
        status=Subscription.Status.EXPIRED if is_over else row.status,
        tier=row.tier.pk,
        period_from=row.period_from,
        period_to=row.period_to,
        limits=limits_of(row.tier),
    )


def _by_default(tier: Tier, since: datetime) -> Subscribed:
    return Subscribed(
        id=tier.pk,
        status=Subscription.Status.ACTIVE,
        tier=tier.pk,
        period_from=since,
        period_to=None,
        limits=limits_of(tier),
    )
