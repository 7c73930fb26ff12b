"""Tiers and who has which (contract: control plane 3). Nodes take changes over within about a second."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from cyoda.clock import Clock, system_clock
from tenants.models import Epoch, Organisation, Subscription, Tier
from tenants.services.audit import Doer, record
from tenants.services.epochs import raise_epoch

Entitlement = Literal[
    "NUM_MODEL_FIELDS",
    "NUM_MODEL_FIELDS_CUMULATIVE",
    "NUM_MODELS",
    "NUM_CLIENT_NODES",
    "PAYLOAD_SIZE",
    "DISK_USAGE",
    "API_REQUEST",
    "EXTERNALIZED_CALL",
]
RATES = frozenset({"API_REQUEST", "EXTERNALIZED_CALL"})
INTERVALS = {
    "SECONDS": timedelta(seconds=1),
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "DAYS": timedelta(days=1),
}
MAX_LIMIT = 2**63 - 1
MIB, GIB = 1024**2, 1024**3


class InvalidTier(ValueError):
    """The tier's values contradict each other; the text is a sentence for an operator."""


class TierInUse(Exception):
    """Organisations have the tier, or it is the one of those without a subscription."""


class Limit(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True):
    """How much of one entitlement; rates have an interval, the others none."""

    entitlement_id: Entitlement
    cumulative: bool
    limit: int
    time_interval_bound: Literal["SECONDS", "MINUTES", "HOURS", "DAYS"] | None = None

    @property
    def interval(self) -> timedelta:
        """Raises KeyError for what is no rate."""
        return INTERVALS[self.time_interval_bound or ""]


def limits_of(tier: Tier) -> tuple[Limit, ...]:
    """The limits as they are stored. Raises InvalidTier."""
    try:
        limits = msgspec.convert(tier.limits, tuple[Limit, ...])
    except msgspec.ValidationError as error:
        raise InvalidTier(f"The limits cannot be read: {error}.") from None
    seen: set[str] = set()
    for limit in limits:
        name = limit.entitlement_id
        if name in seen:
            raise InvalidTier(f"{name} is limited twice.")
        seen.add(name)
        if not 0 <= limit.limit <= MAX_LIMIT:
            raise InvalidTier(f"The limit of {name} must be at least 0.")
        if (name in RATES) != (limit.time_interval_bound is not None):
            must = "needs a timeIntervalBound" if name in RATES else "has no timeIntervalBound"
            raise InvalidTier(f"{name} {must}.")
    return limits


@transaction.atomic
def save_tier(doer: Doer, tier: Tier) -> None:
    """Store a new or changed tier. Raises InvalidTier."""
    limits_of(tier)
    if not isinstance(tier.backends, list) or not all(isinstance(name, str) for name in tier.backends):
        raise InvalidTier("The backends must be a list of names.")
    if tier.env_deploys_per_day < -1:
        raise InvalidTier("The deploys a day must be at least 0, or -1 for any number.")
    before = Tier.objects.select_for_update().filter(pk=tier.pk).first()
    tier.save()
    record(
        doer,
        "tier created" if before is None else "tier changed",
        ("tier", tier.pk),
        before=None if before is None else _values(before),
        after=_values(tier),
    )
    raise_epoch(Epoch.Name.TIERS)


@transaction.atomic
def delete_tier(doer: Doer, tier: Tier) -> None:
    """Raises TierInUse."""
    if tier.pk == settings.CONF.quotas.default_tier:
        raise TierInUse(f"{tier.pk} is the tier of organisations without a subscription.")
    if Subscription.objects.filter(tier=tier).exists():
        raise TierInUse(f"Organisations have or had the tier {tier.pk}.")
    record(doer, "tier deleted", ("tier", tier.pk), before=_values(tier))
    tier.delete()
    raise_epoch(Epoch.Name.TIERS)


@transaction.atomic
def assign_tier(
    doer: Doer,
    organisation: Organisation,
    tier: Tier,
    *,
    period_to: datetime | None = None,
    clock: Clock = system_clock,
) -> Subscription:
    """Give an organisation a tier from now on, in place of the one it has.

    Raises InvalidTier (a period in the past).
    """
    now = clock()
    if period_to is not None and period_to <= now:
        raise InvalidTier("The subscription would have ended already.")
    before = _ended(organisation, now)
    subscription = Subscription.objects.create(
        organisation=organisation, tier=tier, period_from=now, period_to=period_to
    )
    record(
        doer,
        "tier assigned",
        ("subscription", str(subscription.pk)),
        owner=organisation,
        before=before,
        after=_subscribed(subscription),
        clock=clock,
    )
    raise_epoch(Epoch.Name.TIERS)
    return subscription


@transaction.atomic
def cancel_subscription(doer: Doer, organisation: Organisation, *, clock: Clock = system_clock) -> None:
    """From now on the organisation has the default tier. One without a subscription stays as it is."""
    before = _ended(organisation, clock())
    if before is None:
        return
    record(
        doer, "subscription cancelled", ("organisation", str(organisation.pk)), owner=organisation, before=before,
        clock=clock,
    )  # fmt: skip
    raise_epoch(Epoch.Name.TIERS)


def in_force(now: datetime) -> QuerySet[Subscription]:
    """The subscriptions of this moment, with their tiers."""
    current = Subscription.objects.filter(status=Subscription.Status.ACTIVE, period_from__lte=now)
    return current.filter(Q(period_to=None) | Q(period_to__gt=now)).select_related("tier")


def default_tier() -> Tier:
    """The tier of organisations without a subscription. Raises Tier.DoesNotExist."""
    return Tier.objects.get(pk=settings.CONF.quotas.default_tier)


def tier_of(organisation: Organisation, now: datetime) -> Tier:
    """The tier that an organisation has now. Raises Tier.DoesNotExist (there is no default tier)."""
    subscribed = in_force(now).filter(organisation=organisation).first()
    return default_tier() if subscribed is None else subscribed.tier


def limiting_tier(organisation: Organisation, now: datetime) -> Tier | None:
    """The tier whose limits hold for an organisation; None where the installation limits nobody.

    Raises Tier.DoesNotExist (there is no default tier).
    """
    return tier_of(organisation, now) if settings.CONF.quotas.enabled else None


def is_tier(name: str) -> bool:
    """Whether there is a tier of this name."""
    return Tier.objects.filter(pk=name).exists()


def ensure_tiers(**_: Any) -> None:
    """Write the planned tiers into an installation that has none; called after migrating."""
    if not Tier.objects.exists():
        Tier.objects.bulk_create(_planned(), ignore_conflicts=True)


def _ended(organisation: Organisation, now: datetime) -> dict[str, Any] | None:
    """End the active subscription; what it was."""
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    active = Subscription.objects.filter(organisation=organisation, status=Subscription.Status.ACTIVE).first()
    if active is None:
        return None
    before = _subscribed(active)
    is_over = active.period_to is not None and active.period_to <= now
    active.status = Subscription.Status.EXPIRED if is_over else Subscription.Status.CANCELLED
    active.period_to = active.period_to if is_over else now
    active.save(update_fields=["status", "period_to"])
    return before


def _subscribed(subscription: Subscription) -> dict[str, Any]:
    period_to = subscription.period_to
    return {"tier": subscription.tier.pk, "period_to": None if period_to is None else period_to.isoformat()}


def _values(tier: Tier) -> dict[str, Any]:
    fields = ("title", "limits", "backends", "env_deploys_per_day", "env_lifetime_days", "deploys_apps")
    return {name: getattr(tier, name) for name in fields}


def _planned() -> list[Tier]:
    small = _limits(fields=150, all_fields=300, models=20, members=1, payload=5 * MIB, disk=2 * GIB)
    return [
        Tier(name="free", title="Free", limits=[*small, *_rates(300, "MINUTES")], backends=["local"],
             env_deploys_per_day=1, env_lifetime_days=30),
        Tier(name="developer", title="Developer", limits=[*small, *_rates(300, "MINUTES")], backends=["local"],
             env_deploys_per_day=3),
        Tier(name="pro", title="Pro", backends=["*"], env_deploys_per_day=3, limits=[
            *_limits(fields=500, all_fields=2000, models=100, members=5, payload=50 * MIB, disk=1024 * GIB),
            *_rates(50, "SECONDS"),
        ]),
        Tier(name="enterprise", title="Enterprise", backends=["*"], deploys_apps=True),
    ]  # fmt: skip


def _limits(
    *, fields: int, all_fields: int, models: int, members: int, payload: int, disk: int
) -> list[dict[str, object]]:
    return [
        {"entitlementId": "NUM_MODEL_FIELDS", "cumulative": False, "limit": fields},
        {"entitlementId": "NUM_MODEL_FIELDS_CUMULATIVE", "cumulative": True, "limit": all_fields},
        {"entitlementId": "NUM_MODELS", "cumulative": False, "limit": models},
        {"entitlementId": "NUM_CLIENT_NODES", "cumulative": False, "limit": members},
        {"entitlementId": "PAYLOAD_SIZE", "cumulative": False, "limit": payload},
        {"entitlementId": "DISK_USAGE", "cumulative": False, "limit": disk},
    ]


def _rates(limit: int, interval: str) -> list[dict[str, object]]:
    return [
        {"entitlementId": name, "cumulative": True, "limit": limit, "timeIntervalBound": interval}
        for name in ("API_REQUEST", "EXTERNALIZED_CALL")
    ]
