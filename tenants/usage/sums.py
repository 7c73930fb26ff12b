"""What nodes and workers add to the hours and days of environments; each is one statement over all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

HEARD_OF = timedelta(seconds=30)
"""A node that was not heard of for so long holds no members."""

_MEMBERS = """
INSERT INTO tenants_connectedmembers (environment_id, node, members, seen_at)
SELECT e.id, %(node)s, g.members, %(now)s
FROM unnest(%(schemas)s::text[], %(members)s::int[]) AS g (schema, members)
JOIN tenants_environment e ON e.schema_name = g.schema
ORDER BY e.id
ON CONFLICT (environment_id, node) DO UPDATE SET members = excluded.members, seen_at = excluded.seen_at
"""
# Rows are taken in one order by all, so that nodes that write at the same moment wait for each other at most.
_SUMS = """
INSERT INTO tenants_usageperiod AS period
    (environment_id, span, started_at, requests, requests_refused, callouts, callouts_refused, members_peak)
SELECT e.id, s.span, s.started_at, g.requests, g.requests_refused, g.callouts, g.callouts_refused,
    (SELECT coalesce(sum(c.members), 0) FROM tenants_connectedmembers c
     WHERE c.environment_id = e.id AND c.seen_at > %(heard_of)s)
FROM unnest(%(schemas)s::text[], %(requests)s::bigint[], %(requests_refused)s::bigint[], %(callouts)s::bigint[],
            %(callouts_refused)s::bigint[])
     AS g (schema, requests, requests_refused, callouts, callouts_refused)
JOIN tenants_environment e ON e.schema_name = g.schema
CROSS JOIN (VALUES ('day', %(day)s::timestamptz), ('hour', %(hour)s::timestamptz)) AS s (span, started_at)
ORDER BY e.id, s.span
ON CONFLICT (environment_id, span, started_at) DO UPDATE SET
    requests = period.requests + excluded.requests,
    requests_refused = period.requests_refused + excluded.requests_refused,
    callouts = period.callouts + excluded.callouts,
    callouts_refused = period.callouts_refused + excluded.callouts_refused,
    members_peak = greatest(period.members_peak, excluded.members_peak)
"""
_MEASURES = """
INSERT INTO tenants_usageperiod AS period
    (environment_id, span, started_at, entities, bytes, measured_at,
     requests, requests_refused, callouts, callouts_refused, members_peak)
SELECT e.id, s.span, s.started_at, g.entities, g.bytes, %(now)s, 0, 0, 0, 0, 0
FROM unnest(%(schemas)s::text[], %(entities)s::bigint[], %(bytes)s::bigint[]) AS g (schema, entities, bytes)
JOIN tenants_environment e ON e.schema_name = g.schema
CROSS JOIN (VALUES ('day', %(day)s::timestamptz), ('hour', %(hour)s::timestamptz)) AS s (span, started_at)
ORDER BY e.id, s.span
ON CONFLICT (environment_id, span, started_at) DO UPDATE SET
    entities = excluded.entities, bytes = excluded.bytes, measured_at = excluded.measured_at
"""


@dataclass(slots=True)
class Tally:
    """What one environment was asked since the sums were written last."""

    requests: int = 0
    requests_refused: int = 0
    callouts: int = 0
    callouts_refused: int = 0

    def add(self, other: Tally) -> None:
        self.requests += other.requests
        self.requests_refused += other.requests_refused
        self.callouts += other.callouts
        self.callouts_refused += other.callouts_refused


@dataclass(frozen=True, slots=True)
class Measure:
    """What an environment's schema holds now."""

    entities: int
    bytes: int


@transaction.atomic
def add_sums(node: UUID, tallies: Mapping[str, Tally], members: Mapping[str, int], now: datetime) -> None:
    """By schema name, what a node counted, and how many members it holds; schemas of no environment are left out."""
    schemas = sorted({*tallies, *members})
    sums = [tallies.get(schema, Tally()) for schema in schemas]
    values = {
        "schemas": schemas,
        "requests": [one.requests for one in sums],
        "requests_refused": [one.requests_refused for one in sums],
        "callouts": [one.callouts for one in sums],
        "callouts_refused": [one.callouts_refused for one in sums],
        "heard_of": now - HEARD_OF,
        **_periods(now),
    }
    with connection.cursor() as cursor:
        if members:
            held = {"schemas": sorted(members), "members": [members[schema] for schema in sorted(members)]}
            cursor.execute(_MEMBERS, {**held, "node": node, "now": now})
        cursor.execute(_SUMS, values)


def add_measures(measures: Mapping[str, Measure], now: datetime) -> None:
    """By schema name, what was measured."""
    values = {
        "schemas": list(measures),
        "entities": [one.entities for one in measures.values()],
        "bytes": [one.bytes for one in measures.values()],
        "now": now,
        **_periods(now),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEASURES, values)


def hour_of(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


def day_of(now: datetime) -> datetime:
    return hour_of(now).replace(hour=0)


def _periods(now: datetime) -> dict[str, datetime]:
    return {"hour": hour_of(now), "day": day_of(now)}
