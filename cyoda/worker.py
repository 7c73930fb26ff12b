"""The data plane inside a worker process: its own event loop, connections and tenants, kept from task to task.

A worker has no callers and no open transactions; nobody computes for it.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

from django.conf import settings

from cyoda.clock import system_clock
from cyoda.cluster.tokens import JoinTokens
from cyoda.conf import Conf
from cyoda.databases import current_url
from cyoda.ids import TimeIds
from cyoda.stores import NodeStores
from tenants.services.directory import StoredTenants
from tenants.services.off_loop import OrmThread
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.members import Registry
from workflows.services.configurations import Configurations
from workflows.services.platform import Limits, Platform
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage

T = TypeVar("T")


class DataPlaneWorker:
    """Runs use cases for threads that wait for them; use it from any thread."""

    def __init__(self, conf: Conf, url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="data plane", daemon=True)
        self._thread.start()
        stores = NodeStores(conf, url)
        self._orm = OrmThread()
        self._tenants = StoredTenants(self._orm, stores.make_schema, auto_create=False)
        self._storage = stores.storage(self._tenants)
        self.platform = platform_of(conf, self._storage)
        self._opening = threading.Lock()
        self._is_open = False

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine on this worker's loop. Raises StorageUnavailable, and what the coroutine raises."""
        return asyncio.run_coroutine_threadsafe(act, self._loop).result()

    def opened(self) -> DataPlaneWorker:
        """Connect, unless that was done. Raises StorageUnavailable."""
        with self._opening:
            if not self._is_open:
                self.run(self._open())
                self._is_open = True
        return self

    def close(self) -> None:
        """Let go of the connections; it cannot be used any more."""
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        await self._tenants.__aexit__()
        await self._storage.close()
        await self._orm.close()

    async def _open(self) -> None:
        await self._storage.open()
        await self._tenants.__aenter__()


def platform_of(conf: Conf, storage: Storage) -> Platform:
    """The data plane without members and without joinable transactions."""
    new_id = TimeIds()
    tokens = JoinTokens(
        secrets.token_bytes(32), node_id=conf.cluster.node_id, lifetime=conf.engine.tx_token_ttl, clock=system_clock
    )
    return Platform(
        storage=storage,
        clock=system_clock,
        new_id=new_id,
        configurations=Configurations(storage),
        compute=LocalDispatcher(Registry(), new_id=new_id, choose=random.choice),
        transactions=Transactions(storage, clock=system_clock, new_id=new_id, tokens=tokens),
        limits=Limits(
            max_sort_keys=conf.search.max_sort_keys,
            scan_budget=conf.search.scan_budget,
            search_ttl=conf.search.snapshot_ttl,
        ),
    )


@cache
def _of_this_process() -> DataPlaneWorker:
    return DataPlaneWorker(settings.CONF, current_url())


_making = threading.Lock()


def worker() -> DataPlaneWorker:
    """The worker of this process, made when it is first asked for: a forked process has its own.

    Raises StorageUnavailable.
    """
    with _making:
        made = _of_this_process()
    return made.opened()
