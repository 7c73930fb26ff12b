"""What schemas hold, asked by a worker: never on a request's way, and each question cheap."""

from __future__ import annotations

from datetime import timedelta

from django.db import ProgrammingError, connection
from django.db.models import F, Max, Q
from psycopg.errors import UndefinedTable

from cyoda.clock import Clock, system_clock
from tenants.models import ConnectedMembers, Environment, Notice, UsagePeriod
from tenants.services.entitlements import sizes_of
from tenants.usage.sums import HEARD_OF, Measure, add_measures, day_of

AT_ONCE = 500
"""Environments of one round; the others have their turn in the next ones."""
ROUND_SECONDS = 60
"""Between two rounds, as beat has them."""
COUNTED_UP_TO = 10_000
"""Entities; what is more is what the planner expects."""
HOURS_KEPT, DAYS_KEPT = timedelta(days=14), timedelta(days=400)

_COUNT = "SELECT count(*) FROM (SELECT FROM {schema}.head WHERE NOT deleted LIMIT %s) AS found"
_EXPECT = "EXPLAIN (FORMAT JSON) SELECT FROM {schema}.head WHERE NOT deleted"


def measure(*, clock: Clock = system_clock) -> int:
    """Measure the environments that wait longest for it; returns how many."""
    today = Q(usage__span=UsagePeriod.Span.DAY, usage__started_at__gte=day_of(clock()) - timedelta(days=1))
    waiting = Environment.objects.filter(state=Environment.State.READY).annotate(
        measured_at=Max("usage__measured_at", filter=today)
    )
    by_age = waiting.order_by(F("measured_at").asc(nulls_first=True))
    sizes = sizes_of(list(by_age.values_list("schema_name", flat=True)[:AT_ONCE]))
    measures: dict[str, Measure] = {}
    for schema, size in sizes.items():
        try:  # it may have been removed meanwhile
            measures[schema] = Measure(entities_in(schema), size)
        except ProgrammingError as error:
            if not isinstance(error.__cause__, UndefinedTable):
                raise
    add_measures(measures, clock())
    return len(measures)


def renewed_after_seconds() -> int:
    """After how long each environment has its turn again."""
    ready = Environment.objects.filter(state=Environment.State.READY).count()
    return ROUND_SECONDS * max(1, -(-ready // AT_ONCE))


def entities_in(schema: str) -> int:
    """Entities that are not deleted; exact up to COUNTED_UP_TO. Raises ProgrammingError: the schema is gone."""
    name = connection.ops.quote_name(schema)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(schema=name), [COUNTED_UP_TO + 1])
        [(counted,)] = cursor.fetchall()
        if counted <= COUNTED_UP_TO:
            return counted
        cursor.execute(_EXPECT.format(schema=name))
        [([expected],)] = cursor.fetchall()
    return max(counted, expected["Plan"]["Plan Rows"])


def forget_old(*, clock: Clock = system_clock) -> None:
    """Hours and days that are over for long, notices of such days, and nodes that are gone."""
    now = clock()
    UsagePeriod.objects.filter(span=UsagePeriod.Span.HOUR, started_at__lt=now - HOURS_KEPT).delete()
    UsagePeriod.objects.filter(span=UsagePeriod.Span.DAY, started_at__lt=now - DAYS_KEPT).delete()
    Notice.objects.filter(period_started_at__lt=now - DAYS_KEPT).delete()
    ConnectedMembers.objects.filter(seen_at__lt=now - 10 * HEARD_OF).delete()
