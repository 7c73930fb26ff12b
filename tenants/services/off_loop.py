"""The ORM beside an event loop: questions are asked in a thread whose database connection is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connections

from cyoda.errors import StorageUnavailable
from tenants.services import news

ANSWER_SECONDS = 4.0
SLOW_THREADS = 4

T = TypeVar("T")


class OrmThread:
    """One thread for one node's questions about tenants and clients, which are rare: answers are remembered."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="orm")

    async def run(self, ask: Callable[[], T]) -> T:
        """Raises StorageUnavailable when the database does not answer within a few seconds."""
        found: list[None] = []
        collecting = _in_context(_collecting(found), ask)
        asked = asyncio.get_running_loop().run_in_executor(self._thread, collecting)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await asked
        except TimeoutError:
            raise StorageUnavailable from None
        if found:
            await news.spread()
        return answer

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown()


class OrmThreads:
    """A few threads for what may take its time or is asked by strangers, such as passwords; they keep no connection."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=SLOW_THREADS, thread_name_prefix="slow-orm")

    async def run(self, ask: Callable[[], T]) -> T:
        """Raises StorageUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _in_context(_asked_and_closed, ask))

    def close(self) -> None:
        self._threads.shutdown()


def _collecting(found: list[None]) -> Callable[[Callable[[], T]], T]:
    """Asks, and leaves the news of it in `found`."""

    def asked(ask: Callable[[], T]) -> T:
        news.collected.set(found)
        return _asked(ask)

    return asked


def _in_context(run: Callable[[Callable[[], T]], T], ask: Callable[[], T]) -> Callable[[], T]:
    """The same in a thread, which knows the request under way then."""
    context = copy_context()
    return lambda: context.run(run, ask)


def _asked(ask: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return ask()
    except (OperationalError, InterfaceError) as error:
        raise StorageUnavailable from error


def _asked_and_closed(ask: Callable[[], T]) -> T:
    try:
        return _asked(ask)
    finally:
        connections.close_all()
