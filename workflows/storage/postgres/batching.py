"""Work that waits together travels together: one statement for all callers that wait at the moment it is sent.

A lone caller waits for nobody. While batches are under way the next callers gather, and leave as one batch when a
batch ends: the busier, the larger the batches.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cyoda.errors import StorageUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Waiting(Generic[Item, Answer]):
    """A caller's item and where its answer goes; callers that gave up are skipped."""

    __slots__ = ("answer", "item")

    def __init__(self, item: Item, answer: asyncio.Future[Answer]) -> None:
        self.item = item
        self.answer = answer


Take = Callable[[deque[Waiting[Item, Answer]]], list[Waiting[Item, Answer]]]
"""Removes from the queue what may travel together now; at least one unless the queue is empty."""


class Batching(Generic[Item, Answer]):
    """Batches for `run`, which answers item by item with the answer or the exception to raise.

    At most `parallel` batches are under way at once.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | BaseException]]],
        take: Take[Item, Answer],
        parallel: int = 1,
    ) -> None:
        self._run = run
        self._take = take
        self._free = parallel
        self._queue: deque[Waiting[Item, Answer]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_scheduled = False

    async def submit(self, item: Item) -> Answer:
        """The item's answer. Raises what `run` answers for it."""
        loop = asyncio.get_running_loop()
        waiting: Waiting[Item, Answer] = Waiting(item, loop.create_future())
        self._queue.append(waiting)
        if self._free and not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._start)
        return await waiting.answer

    def _start(self) -> None:
        self._is_scheduled = False
        while self._free and self._queue:
            batch = [waiting for waiting in self._take(self._queue) if not waiting.answer.done()]
            if not batch:
                continue
            self._free -= 1
            task = asyncio.get_running_loop().create_task(self._answer(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: list[Waiting[Item, Answer]]) -> None:
        try:
            answers = await self._run([waiting.item for waiting in batch])
        except StorageUnavailable as error:
            _fail(batch, error)
            if isinstance(error.__cause__, TimeoutError):  # whoever waits behind would only time out later, unsent
                _fail(self._queue, StorageUnavailable())
                self._queue.clear()
        except BaseException as error:  # noqa: BLE001 - it is the callers' to handle, and each must hear of it
            _fail(batch, error)
        else:
            for waiting, answer in zip(batch, answers, strict=True):
                _settle(waiting, answer)
        finally:
            self._free += 1
            self._start()


def _settle(waiting: Waiting[Item, Answer], answer: Answer | BaseException) -> None:
    if waiting.answer.done():
        return
    if isinstance(answer, BaseException):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)


def _fail(batch: Sequence[Waiting[Item, Answer]] | deque[Waiting[Item, Answer]], error: BaseException) -> None:
    for waiting in batch:
        _settle(waiting, _own_copy(error))


def _own_copy(error: BaseException) -> BaseException:
    """Each caller gets its own exception: a shared one would gather every caller's traceback."""
    if isinstance(error, asyncio.CancelledError):
        return asyncio.CancelledError()
    if isinstance(error, StorageUnavailable):
        return StorageUnavailable(error.message)
    return error
