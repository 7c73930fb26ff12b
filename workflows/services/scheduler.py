"""Finding due timers of all tenants and firing them in this node (contract: engine 4.5; docs/adr/0007-timers.md)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog

from cyoda.errors import Forbidden, StorageUnavailable, Unauthorized
from cyoda.principal import TenantId
from workflows.core.timer import Timer
from workflows.services.platform import Platform
from workflows.services.timers import Outcome, fire_timer
from workflows.storage.base import Work

SHORTEST_PAUSE_SECONDS = 0.02

Observe = Callable[[Outcome, float], None]
"""(what became of a timer, by how many seconds it was late when its firing began)"""

log = structlog.get_logger(__name__)


def _unobserved(_outcome: Outcome, _late_seconds: float) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """`concurrent` timers fire at once in a node: most of that time they wait for members."""

    scan_interval: timedelta = timedelta(seconds=1)
    batch_size: int = 100
    redispatch_backoff: timedelta = timedelta(seconds=30)
    concurrent: int = 1000


class Scheduler:
    """One node's share: it takes due timers, which no other node then gets before the back-off is over."""

    def __init__(
        self, platform: Platform, scheduling: Scheduling | None = None, *, observe: Observe = _unobserved
    ) -> None:
        self._platform = platform
        self._observe = observe
        self._scheduling = scheduling or Scheduling()
        self._firing: dict[tuple[TenantId, str], asyncio.Task[None]] = {}
        self._run: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Scan from now on, whenever the next timer is due or an interval has passed."""
        self._run = asyncio.create_task(self._keep_scanning())

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """Scan no more, and let what fires end within the grace; the rest rolls back and is left to others."""
        if self._run is not None:
            await _cancelled([self._run])
        if self._firing and grace_seconds:
            await asyncio.wait(self._firing.values(), timeout=grace_seconds)
        await _cancelled(self._firing.values())

    async def scan(self) -> int:
        """Begin to fire all that is due now; returns how many timers were taken. Raises StorageUnavailable."""
        taken = 0
        while True:
            limit = await self._free_places()
            now = self._platform.clock()
            again_at = now + self._scheduling.redispatch_backoff
            due = await self._platform.storage.take_due_work("timer", now=now, again_at=again_at, limit=limit)
            await self._begin(due)
            taken += len(due)
            if len(due) < limit:
                return taken

    async def settled(self) -> None:
        """Wait until nothing fires any more."""
        while self._firing:
            await asyncio.wait(self._firing.values())

    async def _free_places(self) -> int:
        while len(self._firing) >= self._scheduling.concurrent:
            await asyncio.wait(self._firing.values(), return_when=asyncio.FIRST_COMPLETED)
        return min(self._scheduling.batch_size, self._scheduling.concurrent - len(self._firing))

    async def _begin(self, due: Sequence[Work]) -> None:
        of_tenant: dict[TenantId, list[Work]] = defaultdict(list)
        for work in due:
            of_tenant[work.tenant].append(work)
        for tenant, works in of_tenant.items():
            try:
                timers = await self._platform.storage.timers(tenant, [work.id.hex for work in works])
            except Unauthorized:  # the tenant is gone, with all its rows
                for work in works:
                    await self._platform.storage.drop_work(work)
            except Forbidden:
                log.debug("timers of a suspended tenant wait", tenant=tenant)
            else:
                for timer in timers:
                    self._fire(tenant, timer)

    def _fire(self, tenant: TenantId, timer: Timer) -> None:
        """A timer whose firing takes longer than the back-off is not begun twice here."""
        key = tenant, timer.id
        if key not in self._firing:
            task = self._firing[key] = asyncio.create_task(self._resolve(tenant, timer))
            task.add_done_callback(lambda done: self._done(key, done))

    async def _resolve(self, tenant: TenantId, timer: Timer) -> None:
        late = self._platform.clock() - timer.due_at
        with suppress(StorageUnavailable, Unauthorized, Forbidden):  # it stays, and is taken again
            outcome = await fire_timer(tenant, timer, platform=self._platform)
            self._observe(outcome, late.total_seconds())

    def _done(self, key: tuple[TenantId, str], task: asyncio.Task[None]) -> None:
        del self._firing[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("firing a timer failed", tenant=key[0], timer=key[1], exc_info=error)

    async def _keep_scanning(self) -> None:
        interval = self._scheduling.scan_interval.total_seconds()
        while True:
            pause = interval
            try:
                await self.scan()
                pause = await self._pause(interval)
            except StorageUnavailable:
                log.debug("no scan for timers: the storage does not answer")
            except Exception:
                log.exception("a scan for timers failed")  # an edge of the node: one fault must not end all firing
            await asyncio.sleep(pause)

    async def _pause(self, longest: float) -> float:
        """Seconds until the next timer is due, within bounds."""
        due_at = await self._platform.storage.next_due("timer")
        left = longest if due_at is None else (due_at - self._platform.clock()).total_seconds()
        return min(max(left, SHORTEST_PAUSE_SECONDS), longest)


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    ended = list(tasks)
    for task in ended:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)
