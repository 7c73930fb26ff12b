"""How a node makes changes of configuration known to all nodes at once (tenants.services.news)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from cyoda.errors import StorageUnavailable

SECONDS = 3.0

log = structlog.get_logger(__name__)
Look = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class NodeNews:
    """`own` look at the rows here (they raise StorageUnavailable), `others` has the other nodes look."""

    loop: asyncio.AbstractEventLoop
    own: Sequence[Look]
    others: Look | None = None

    async def spread(self) -> None:
        looks = [self.look()] if self.others is None else [self.look(), self.others()]
        await asyncio.gather(*looks)

    async def look(self) -> None:
        try:
            for look in self.own:
                await look()
        except StorageUnavailable:
            log.warning("configuration cannot be reread; what was read last stays in force")

    def spread_and_wait(self) -> None:
        asked = asyncio.run_coroutine_threadsafe(self.spread(), self.loop)
        try:
            asked.result(SECONDS)
        except TimeoutError:
            asked.cancel()
            log.warning("not every node has looked at a change in time")
