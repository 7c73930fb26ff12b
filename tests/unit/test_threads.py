"""Requests of Django's pages have a thread each, and the next one has a used one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from asgiref.sync import sync_to_async

from cyoda.threads import KeptThreads


class Django:
    """Calls what the scope holds in the request's thread, and notes which one that is."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    async def __call__(self, scope: Callable[[], None], receive: object, send: object) -> None:
        own = await sync_to_async(threading.get_ident)()
        self.threads.append(own)
        await sync_to_async(scope)()
        assert await sync_to_async(threading.get_ident)() == own


def nothing() -> None:
    pass


async def free(threads: KeptThreads, count: int) -> None:
    async with asyncio.timeout(10):
        while len(threads._free) != count:
            await asyncio.sleep(0)


async def test_a_request_after_another_has_its_thread() -> None:
    django = Django()
    threads = KeptThreads(django)
    for _ in range(3):
        await threads(nothing, None, None)
        await free(threads, 1)
    assert len(set(django.threads)) == 1


async def test_requests_at_once_have_threads_of_their_own_and_a_few_are_kept() -> None:
    django, together = Django(), threading.Barrier(4)
    threads = KeptThreads(django, kept=2)
    await asyncio.gather(*(threads(together.wait, None, None) for _ in range(4)))
    assert len(set(django.threads)) == 4
    await free(threads, 2)
    await asyncio.gather(*(threads(nothing, None, None) for _ in range(2)))
    assert len(set(django.threads)) == 4


async def test_the_thread_of_a_request_that_was_left_is_free_when_it_has_ended() -> None:
    django, begun, end = Django(), threading.Event(), threading.Event()
    threads = KeptThreads(django)

    def long() -> None:
        begun.set()
        end.wait(10)

    left = asyncio.create_task(threads(long, None, None))
    await asyncio.to_thread(begun.wait, 10)
    left.cancel()
    await threads(nothing, None, None)
    assert len(set(django.threads)) == 2, "nobody waits for it"
    end.set()
    with pytest.raises(asyncio.CancelledError):
        await left
    await free(threads, 2)
