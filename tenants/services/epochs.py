"""How nodes learn that configuration they keep in memory has changed: a number a kind, looked at twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Self, TypeVar

import structlog
from django.db.models import F

from cyoda.errors import StorageUnavailable
from tenants.models import Epoch
from tenants.services.news import announce
from tenants.services.off_loop import OrmThread

LOOK_SECONDS = 0.5

T = TypeVar("T")

log = structlog.get_logger(__name__)

Reread = Callable[[], Awaitable[None]]
"""Reads a kind of configuration again. Raises StorageUnavailable."""


def raise_epoch(name: Epoch.Name) -> None:
    """Inside the transaction of the change; concurrent changes of one kind follow each other."""
    Epoch.objects.bulk_create([Epoch(name=name)], ignore_conflicts=True)
    Epoch.objects.filter(pk=name).update(number=F("number") + 1)
    announce()


def epochs() -> dict[str, int]:
    """The numbers; a kind that never changed has none."""
    return dict(Epoch.objects.values_list("name", "number"))


class Freshness:
    """Calls what rereads a kind of configuration at start and whenever its number has changed."""

    def __init__(self, orm: OrmThread, rereads: Mapping[Epoch.Name, Reread]) -> None:
        self._orm = orm
        self._rereads = rereads
        self._seen: dict[str, int | None] = {}
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Take over what has changed. Raises StorageUnavailable."""
        numbers = await self._orm.run(epochs)
        for name, reread in self._rereads.items():
            number = numbers.get(name, 0)
            if self._seen.get(name) != number:
                await reread()
                self._seen[name] = number

    async def changed(self, change: Callable[[], T]) -> T:
        """Make a change of this node's own: when it returns, the change is in force here. Raises what it raises."""
        answer = await self._orm.run(change)
        await self.look()
        return answer

    async def __aenter__(self) -> Self:
        """Raises StorageUnavailable: a node does not start without its keys."""
        await self.look()
        self._looking = asyncio.create_task(self._keep_looking())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except StorageUnavailable:
                log.warning("configuration cannot be reread; what was read last stays in force")
            except Exception:  # an edge of the node: one fault must not end all looking
                log.exception("configuration cannot be reread; what was read last stays in force")
