"""A store with an event loop of its own, for tests whose steps are drawn one by one."""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage

T = TypeVar("T")

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
"""Long, random runs instead of the short, repeatable ones of the suite."""


def effort(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples * 40 if IS_THOROUGH else examples,
        derandomize=not IS_THOROUGH,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        **more,
    )


class Backend:
    """The nodes of one store and a tenant in it; `run` waits for a coroutine."""

    def __init__(self, nodes: Sequence[Storage], runner: asyncio.Runner) -> None:
        self.tenant = f"tenant-{uuid.uuid4()}"
        self.store = nodes[0]
        self._next_node = itertools.cycle(nodes)
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def any_node(self) -> Storage:
        """Transactions take turns on the nodes, so that their commits meet in the database and not before."""
        return next(self._next_node)


@pytest.fixture
def backend(new_store: Callable[[], Storage]) -> Iterator[Backend]:
    with asyncio.Runner() as runner:
        first = new_store()
        nodes = [first] if isinstance(first, MemoryStorage) else [first, new_store(), new_store()]
        for node in nodes:
            runner.run(node.open())
        yield Backend(nodes, runner)
        for node in nodes:
            runner.run(node.close())
