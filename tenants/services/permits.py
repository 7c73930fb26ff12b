"""Rates that hold over all nodes: a node leases a few permits at a time from the window's row (docs/adr/0012).

Windows are whole intervals since the epoch; the row says which one is current, so that nodes whose clocks differ a
little still share it. What is leased and not used when a window ends is lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from cyoda.clock import Clock
from cyoda.errors import StorageUnavailable, TooManyRequests
from tenants.models import QuotaWindow
from tenants.services.entitlements import Rate
from tenants.services.off_loop import OrmThread
from tenants.services.sharing import Shared

LEASES_A_WINDOW = 20
LATE_LEASES = 3
"""So many leases in a row may come after their window's end before the database counts as not answering."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAKE = """
WITH held AS (
    SELECT id, started_at, CASE WHEN started_at < %(start)s THEN 0 ELSE taken END AS taken
    FROM tenants_quotawindow
    WHERE tenant = %(tenant)s AND entitlement = %(entitlement)s
    FOR UPDATE
)
UPDATE tenants_quotawindow AS quota
SET started_at = greatest(held.started_at, %(start)s),
    taken = greatest(held.taken, least(held.taken + %(wanted)s, %(limit)s))
FROM held
WHERE quota.id = held.id
RETURNING quota.taken - held.taken, quota.started_at
"""


class Lease(NamedTuple):
    """Permits of one window."""

    granted: int
    started_at: datetime


def take_permits(schema: str, entitlement: str, rate: Rate, wanted: int, now: datetime) -> Lease:
    """Up to `wanted` of what is left of the current window, in one statement; granted 0 means that it is used up."""
    values = {
        "tenant": schema,
        "entitlement": entitlement,
        "start": window_start(rate.interval, now),
        "wanted": wanted,
        "limit": rate.limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        row = cursor.fetchone()
        if row is None:
            window = QuotaWindow(tenant=schema, entitlement=entitlement, started_at=values["start"])
            QuotaWindow.objects.bulk_create([window], ignore_conflicts=True)
            cursor.execute(_TAKE, values)
            row = cursor.fetchone()
    assert row is not None
    return Lease(*row)


def window_start(interval: timedelta, now: datetime) -> datetime:
    return now - (now - _EPOCH) % interval


class Meter:
    """One rate of one tenant on one node. With permits in hand, passing is a subtraction."""

    def __init__(self, orm: OrmThread, clock: Clock, schema: str, entitlement: str, rate: Rate) -> None:
        self.rate = rate
        self._orm = orm
        self._clock = clock
        self._schema = schema
        self._entitlement = entitlement
        self._permits = 0
        self._is_used_up = False
        self._ends_at = _EPOCH
        self._waiting = 0
        self._leases: Shared[None, None] = Shared()

    @property
    def is_idle(self) -> bool:
        """Nothing would be lost with this meter."""
        return not self._waiting and self._ends_at <= self._clock()

    async def pass_one(self) -> None:
        """Raises TooManyRequests, StorageUnavailable."""
        while True:
            now = self._clock()
            if now < self._ends_at:
                if self._permits:
                    self._permits -= 1
                    return
                if self._is_used_up:
                    raise self._refusal(now)
            await self._lease()

    async def _lease(self) -> None:
        self._waiting += 1
        try:
            await self._leases.ask(None, self._take)
        finally:
            self._waiting -= 1

    async def _take(self) -> None:
        for _ in range(LATE_LEASES):
            wanted = max(self.rate.limit // LEASES_A_WINDOW, self._waiting, 1)
            now = self._clock()
            lease = await self._orm.run(self._asking(wanted, now))
            ends_at = lease.started_at + self.rate.interval
            if self._clock() < ends_at:
                self._permits, self._is_used_up, self._ends_at = lease.granted, not lease.granted, ends_at
                return
        raise StorageUnavailable("the quota cannot be counted in time")

    def _asking(self, wanted: int, now: datetime) -> Callable[[], Lease]:
        return lambda: take_permits(self._schema, self._entitlement, self.rate, wanted, now)

    def _refusal(self, now: datetime) -> TooManyRequests:
        seconds = math.ceil((self._ends_at - now).total_seconds())
        what = "requests" if self._entitlement == "API_REQUEST" else "callouts"
        limit = self.rate.limit
        return TooManyRequests(
            f"the limit of {limit} {what} in {self.rate.interval.total_seconds():g} seconds is reached",
            retry_after_seconds=seconds,
            properties={"entitlementId": self._entitlement, "limit": limit},
        )
