"""One question to the database for all who ask it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Shared(Generic[K, T]):
    """Who asks while an answer is on its way waits for that one; a caller that goes away does not end it for others."""

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Task[T]] = {}

    async def ask(self, key: K, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Raises what the question raises, to everyone who waits for it."""
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(question())
            task.add_done_callback(lambda done: self._is_over(key, done))
        return await asyncio.shield(task)

    def _is_over(self, key: K, done: asyncio.Task[T]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # counts as heard, also when every caller has gone
