"""What environments use now, against the limits of their tiers (contract: control plane 3.1; docs/help/usage.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Sum

from tenants.models import ConnectedMembers, Environment, QuotaWindow, UsagePeriod
from tenants.services.permits import window_start
from tenants.services.seats import NUM_CLIENT_NODES
from tenants.services.tiers import Limit, default_tier, in_force, limits_of
from tenants.usage.sums import HEARD_OF, day_of, hour_of

ENTITIES: Final = "ENTITIES"
BYTES: Final = "DISK_USAGE"
REQUESTS: Final = "API_REQUEST"
CALLOUTS: Final = "EXTERNALIZED_CALL"
MEMBERS: Final = NUM_CLIENT_NODES

TITLES: Mapping[str, str] = {
    ENTITIES: "entities",
    BYTES: "bytes of storage",
    REQUESTS: "requests",
    CALLOUTS: "callouts",
    MEMBERS: "connected members",
}
"""What is counted, in the order in which it is shown."""
NOW: Final = "now"
TODAY: Final = "today"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How much of one thing is used, None where nothing was measured yet; `limit` None is unlimited.

    `window` says of which time: NOW, TODAY, or the interval of the limit, which began at `since`. `worst` is what
    notices go by: the most of the period that began at `period`. `today` is the sum or the peak of the day, `refused`
    how often the limit was in the way today. `at` is the age of the figure, None for "never".
    """

    name: str
    used: int | None
    limit: int | None = None
    window: str = NOW
    worst: int = 0
    period: datetime
    today: int | None = None
    refused: int = 0
    at: datetime | None = None

    @property
    def percent(self) -> int | None:
        """Of the limit; None without one. A limit of nothing is used up by the first use."""
        if self.limit is None or self.used is None:
            return None
        return self.used * 100 // self.limit if self.limit else 100 * bool(self.used)


Figures = Mapping[str, Figure]


def figures_of(environment: Environment, now: datetime) -> Figures:
    """By name. Raises Tier.DoesNotExist (there is no default tier), InvalidTier."""
    return figures_of_all([environment], now)[environment.pk]


def figures_of_all(environments: Sequence[Environment], now: datetime) -> Mapping[UUID, Figures]:
    """By environment; so many questions as for one. Raises Tier.DoesNotExist, InvalidTier."""
    periods = _periods(environments, now)
    connected = dict(
        ConnectedMembers.objects.filter(environment__in=environments, seen_at__gt=now - HEARD_OF)
        .values_list("environment")
        .annotate(Sum("members"))
    )
    limits = _limits(environments, now) if settings.CONF.quotas.enabled else {}
    windows = {
        (window.tenant, window.entitlement): window
        for window in QuotaWindow.objects.filter(tenant__in=[one.schema_name for one in environments])
    }
    figures: dict[UUID, Figures] = {}
    for one in environments:
        day = periods.get((one.pk, UsagePeriod.Span.DAY)) or UsagePeriod()
        hour = periods.get((one.pk, UsagePeriod.Span.HOUR)) or UsagePeriod()
        own = limits.get(one.organisation.pk, {})
        window = {name: windows.get((one.schema_name, name)) for name in (REQUESTS, CALLOUTS)}
        figures[one.pk] = {
            ENTITIES: Figure(name=ENTITIES, used=day.entities, period=day_of(now), at=day.measured_at),
            BYTES: _bytes(day, own.get(BYTES), now),
            REQUESTS: _rate(REQUESTS, hour, day, own.get(REQUESTS), window[REQUESTS], now),
            CALLOUTS: _rate(CALLOUTS, hour, day, own.get(CALLOUTS), window[CALLOUTS], now),
            MEMBERS: _members(connected.get(one.pk, 0), day, own.get(MEMBERS), now),
        }
    return figures


def history_of(environment: Environment, span: UsagePeriod.Span, number: int) -> list[UsagePeriod]:
    """The last hours or days in which something was counted, the newest first."""
    return list(UsagePeriod.objects.filter(environment=environment, span=span)[:number])


def _periods(environments: Sequence[Environment], now: datetime) -> Mapping[tuple[UUID, str], UsagePeriod]:
    rows = UsagePeriod.objects.filter(environment__in=environments, started_at__in=(hour_of(now), day_of(now)))
    current = {UsagePeriod.Span.HOUR: hour_of(now), UsagePeriod.Span.DAY: day_of(now)}
    return {
        (row.environment_id, row.span): row  # type: ignore[attr-defined] - django-types has no *_id
        for row in rows
        if row.started_at == current[UsagePeriod.Span(row.span)]
    }


def _limits(environments: Sequence[Environment], now: datetime) -> Mapping[UUID, Mapping[str, Limit]]:
    owners = {one.organisation.pk for one in environments}
    tiers = {row.organisation.pk: row.tier for row in in_force(now).filter(organisation__in=owners)}
    if owners - tiers.keys():
        default = default_tier()
        tiers = {owner: tiers.get(owner, default) for owner in owners}
    return {owner: {limit.entitlement_id: limit for limit in limits_of(tier)} for owner, tier in tiers.items()}


def _bytes(day: UsagePeriod, limit: Limit | None, now: datetime) -> Figure:
    return Figure(
        name=BYTES,
        used=day.bytes,
        limit=None if limit is None else limit.limit,
        worst=day.bytes or 0,
        period=day_of(now).replace(day=1),
        at=day.measured_at,
    )


def _members(connected: int, day: UsagePeriod, limit: Limit | None, now: datetime) -> Figure:
    return Figure(
        name=MEMBERS,
        used=connected,
        limit=None if limit is None else limit.limit,
        worst=day.members_peak,
        period=day_of(now),
        today=day.members_peak,
        at=now,
    )


def _rate(
    name: str, hour: UsagePeriod, day: UsagePeriod, limit: Limit | None, window: QuotaWindow | None, now: datetime
) -> Figure:
    """Of hours and days we have the sums; of shorter intervals what was handed out to nodes, and what was refused."""
    field = "requests" if name == REQUESTS else "callouts"
    today, refused = getattr(day, field), getattr(day, f"{field}_refused")
    if limit is None:
        return Figure(name=name, used=today, window=TODAY, period=day_of(now), today=today, at=now)
    match limit.time_interval_bound:
        case "DAYS":
            used, period, in_the_way = today, day_of(now), refused
        case "HOURS":
            used, period, in_the_way = getattr(hour, field), hour_of(now), getattr(hour, f"{field}_refused")
        case _:
            is_current = window is not None and window.started_at >= window_start(limit.interval, now)
            used, period, in_the_way = window.taken if window and is_current else 0, day_of(now), refused
    return Figure(
        name=name,
        used=used,
        limit=limit.limit,
        window=limit.time_interval_bound or NOW,
        worst=max(used, limit.limit) if in_the_way else used,
        period=period,
        today=today,
        refused=refused,
        at=now,
    )
