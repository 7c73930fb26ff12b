"""Work that no caller waits for: what is done for each kind, who finds it, and a node that does it itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from cyoda.errors import Forbidden, StorageUnavailable, Unauthorized
from workflows.services.platform import Platform
from workflows.services.search_runs import run_search_job
from workflows.storage.base import Work, WorkKind

HANDED_OUT_FOR = timedelta(seconds=10)
"""Work that was handed out and is still due after this time is handed out again."""
BATCH = 100
LOOK_SECONDS = 2.0
CONCURRENT = 2

log = structlog.get_logger(__name__)

Act = Callable[[Work], Awaitable[None]]


async def do_work(work: Work, *, platform: Platform) -> None:
    """Do what is due, or nothing when it has been done. Raises StorageUnavailable: it stays due."""
    try:
        if work.kind == "search":
            await run_search_job(work.tenant, work.id, platform=platform)
        else:
            await platform.storage.remove_search_job(work.tenant, work.id)
    except Unauthorized:  # the tenant is gone, with all its rows
        await platform.storage.drop_work(work)
    except Forbidden:
        log.debug("work of a suspended tenant waits", tenant=work.tenant, id=str(work.id))


async def hand_out(kind: WorkKind, act: Act, *, platform: Platform) -> int:
    """Give every piece of due work to `act`; returns how many. Raises StorageUnavailable and what `act` raises."""
    count = 0
    while True:
        now = platform.clock()
        due = await platform.storage.take_due_work(kind, now=now, again_at=now + HANDED_OUT_FOR, limit=BATCH)
        for work in due:
            await act(work)
        count += len(due)
        if len(due) < BATCH:
            return count


async def remove_expired(*, platform: Platform) -> int:
    """Remove the search jobs whose time is over; returns how many. Raises StorageUnavailable."""
    return await hand_out("expiry", lambda work: do_work(work, platform=platform), platform=platform)


class OwnWorkers:
    """Workers inside the node, for an installation without a broker; leases keep several nodes out of each other's way.

    `wake` may be called from the start; `look` finds what nobody was woken for, until `stop`.
    """

    def __init__(self, *, reap_interval: timedelta = timedelta(minutes=5), concurrent: int = CONCURRENT) -> None:
        self._reap_interval = reap_interval
        self._places = asyncio.Semaphore(concurrent)
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self, platform: Platform, work: Work) -> None:
        self._spawn(self._do(platform, work))

    def look(self, platform: Platform) -> None:
        """Start looking for due work, now and then."""

        async def find() -> None:
            async def start(work: Work) -> None:
                self.wake(platform, work)

            await hand_out("search", start, platform=platform)

        async def remove() -> None:
            await remove_expired(platform=platform)

        self._spawn(_now_and_then(find, LOOK_SECONDS))
        self._spawn(_now_and_then(remove, self._reap_interval.total_seconds()))

    async def stop(self) -> None:
        """End what runs; searches that are under way are left to whoever takes them next."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do(self, platform: Platform, work: Work) -> None:
        async with self._places:
            try:
                await do_work(work, platform=platform)
            except StorageUnavailable:
                log.info("work waits for the storage", kind=work.kind, id=str(work.id))

    def _spawn(self, act: Awaitable[None]) -> None:
        task = asyncio.ensure_future(act)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _now_and_then(act: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        try:
            await act()
        except StorageUnavailable:
            log.debug("no look for work: the storage does not answer")
        await asyncio.sleep(seconds)
