"""Work that waits together travels together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest

from cyoda.errors import Conflict, StorageUnavailable
from workflows.storage.postgres.batching import Batching, Waiting


def take_all(queue: deque[Waiting[int, int]]) -> list[Waiting[int, int]]:
    batch = list(queue)
    queue.clear()
    return batch


class Line:
    """Answers each number with its square, when it is let."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.batches: list[Sequence[int]] = []
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()

    async def run(self, items: Sequence[int]) -> Sequence[int | BaseException]:
        self.batches.append(items)
        await self.gate.wait()
        return [Conflict() if item < 0 else item * item for item in items]


async def test_items_submitted_in_one_tick_share_a_batch() -> None:
    line = Line()
    batching = Batching(line.run, take_all)
    assert await asyncio.gather(*(batching.submit(number) for number in range(4))) == [0, 1, 4, 9]
    assert line.batches == [[0, 1, 2, 3]]


async def test_a_lone_item_is_sent_at_once() -> None:
    line = Line()
    batching = Batching(line.run, take_all)
    assert [await batching.submit(3), await batching.submit(4)] == [9, 16]
    assert line.batches == [[3], [4]]


async def test_what_arrives_while_a_batch_is_under_way_forms_the_next() -> None:
    line = Line(is_open=False)
    batching = Batching(line.run, take_all)
    first = asyncio.create_task(batching.submit(1))
    while not line.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(batching.submit(number)) for number in (2, 3)]
    await asyncio.sleep(0)
    assert line.batches == [[1]]
    line.gate.set()
    assert await asyncio.gather(first, *others) == [1, 4, 9]
    assert line.batches == [[1], [2, 3]]


async def test_two_batches_run_at_once_where_that_is_allowed() -> None:
    line = Line(is_open=False)
    batching = Batching(line.run, take_all, parallel=2)
    tasks: list[asyncio.Task[int]] = []
    for number in (1, 2, 3):
        tasks.append(asyncio.create_task(batching.submit(number)))
        for _ in range(4):
            await asyncio.sleep(0)
    assert line.batches == [[1], [2]]
    line.gate.set()
    assert await asyncio.gather(*tasks) == [1, 4, 9]


async def test_one_items_refusal_is_its_own() -> None:
    batching = Batching(Line().run, take_all)
    answers = await asyncio.gather(*(batching.submit(number) for number in (1, -1, 2)), return_exceptions=True)
    assert [answers[0], answers[2]] == [1, 4]
    assert isinstance(answers[1], Conflict)


async def test_a_caller_that_gave_up_is_not_sent() -> None:
    line = Line(is_open=False)
    batching = Batching(line.run, take_all)
    first = asyncio.create_task(batching.submit(1))
    while not line.batches:
        await asyncio.sleep(0)
    gone, kept = asyncio.create_task(batching.submit(2)), asyncio.create_task(batching.submit(3))
    await asyncio.sleep(0)
    gone.cancel()
    line.gate.set()
    assert await asyncio.gather(first, kept) == [1, 9]
    assert line.batches == [[1], [3]]
    with pytest.raises(asyncio.CancelledError):
        await gone


class Broken:
    """Fails the first batch as told, and answers the others."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause
        self.message = "storage is not available"
        self.batches: list[Sequence[int]] = []
        self.gate = asyncio.Event()

    async def run(self, items: Sequence[int]) -> Sequence[int | BaseException]:
        self.batches.append(items)
        await self.gate.wait()
        if len(self.batches) == 1:
            raise StorageUnavailable(self.message) from self.cause
        return list(items)

    async def behind_the_first(self) -> list[int | BaseException]:
        batching = Batching(self.run, take_all)
        first = asyncio.create_task(batching.submit(1))
        while not self.batches:
            await asyncio.sleep(0)
        second = asyncio.create_task(batching.submit(2))
        await asyncio.sleep(0)
        self.gate.set()
        return await asyncio.gather(first, second, return_exceptions=True)


async def test_when_time_ran_out_nobody_waits_another_time_behind() -> None:
    line = Broken(TimeoutError())
    assert [type(answer) for answer in await line.behind_the_first()] == [StorageUnavailable] * 2
    assert line.batches == [[1]]


async def test_when_a_connection_broke_those_behind_are_still_served() -> None:
    line = Broken(ConnectionResetError())
    first, second = await line.behind_the_first()
    assert isinstance(first, StorageUnavailable)
    assert second == 2


async def test_those_behind_are_told_no_more_than_that_the_storage_is_gone() -> None:
    """What is unknown about a batch that was sent is known of those that were not."""
    line = Broken(TimeoutError())
    line.message = "commit could not be confirmed"
    answers = await line.behind_the_first()
    assert [str(answer) for answer in answers] == ["commit could not be confirmed", str(StorageUnavailable())]
