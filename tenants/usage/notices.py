"""Notices: an environment came near a limit, or to it. The row decides that each is given once, whoever races."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cyoda.clock import Clock, system_clock
from tenants.models import Environment, Membership, Notice, NoticeDelivery, Role, UsagePeriod, Webhook
from tenants.services.audit import PLATFORM, record
from tenants.usage.figures import Figure, figures_of_all
from tenants.usage.sums import day_of, hour_of

THRESHOLDS = (100, 80)
"""Percent; the highest one that is reached is told, those below it are not told afterwards."""
_BATCH = 500
_LOOKED_BACK = timedelta(minutes=10)
"""How long after the end of an hour or a day what happened at its very end may not have been seen."""


def give_notices(*, clock: Clock = system_clock) -> int:
    """Look at every environment that was used today, and shortly after an hour's end at what that came to.

    Returns how many notices were given. Raises Tier.DoesNotExist (there is no default tier), InvalidTier.
    """
    now = clock()
    ended = hour_of(now) - timedelta(microseconds=1)
    return _look(now) + (_look(ended) if now - ended < _LOOKED_BACK else 0)


def _look(now: datetime) -> int:
    used = UsagePeriod.objects.filter(span=UsagePeriod.Span.DAY, started_at=day_of(now))
    rows = Environment.objects.filter(state=Environment.State.READY, pk__in=used.values("environment"))
    given = 0
    for environments in _batches(rows.select_related("organisation").order_by("pk").iterator(_BATCH)):
        given += sum(_give(*near, now) for near in _near(environments, now))
    return given


def _batches(rows: Iterator[Environment]) -> Iterator[list[Environment]]:
    while batch := list(islice(rows, _BATCH)):
        yield batch


def _near(environments: Sequence[Environment], now: datetime) -> Iterator[tuple[Environment, Figure, int]]:
    """What has come to a threshold that was not told in its period."""
    told: dict[tuple[UUID, str, datetime], int] = {}
    for one in Notice.objects.filter(environment__in=environments).order_by("threshold"):
        told[one.environment_id, one.entitlement, one.period_started_at] = one.threshold  # type: ignore[attr-defined]
    figures = figures_of_all(environments, now)
    for environment in environments:
        for figure in figures[environment.pk].values():
            reached = _reached(figure)
            if reached > told.get((environment.pk, figure.name, figure.period), 0):
                yield environment, figure, reached


def _reached(figure: Figure) -> int:
    if figure.limit is None or not figure.worst:
        return 0
    return next((one for one in THRESHOLDS if figure.worst * 100 >= figure.limit * one), 0)


@transaction.atomic
def _give(environment: Environment, figure: Figure, threshold: int, now: datetime) -> bool:
    """The notice, its event and its deliveries; False when somebody else has given it."""
    notice, is_new = Notice.objects.get_or_create(
        environment=environment,
        entitlement=figure.name,
        threshold=threshold,
        period_started_at=figure.period,
        defaults={"used": figure.worst, "limit": figure.limit, "created_at": now},
    )
    if not is_new:
        return False
    after = {"entitlementId": figure.name, "threshold": threshold, "used": figure.worst, "limit": figure.limit}
    record(PLATFORM, "limit near" if threshold < 100 else "limit reached", ("environment", str(environment.pk)),
           owner=environment, after=after)  # fmt: skip
    owners = Membership.objects.filter(organisation=environment.organisation, role=Role.OWNER)
    people = User.objects.filter(pk__in=owners.values("user"), is_active=True).exclude(email="")
    hooks = Webhook.objects.filter(Q(organisation=environment.organisation) | Q(organisation=None))
    NoticeDelivery.objects.bulk_create(
        [
            *(NoticeDelivery(notice=notice, user=user, not_before=now) for user in people),
            *(NoticeDelivery(notice=notice, webhook=hook, not_before=now) for hook in hooks),
        ]
    )
    return True
