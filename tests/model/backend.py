"""A store with an event loop of its own, for tests whose steps are drawn one by one."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from workflows.storage.base import Storage

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
    """One open store and a tenant in it; `run` waits for a coroutine."""

    def __init__(self, store: Storage, runner: asyncio.Runner) -> None:
        self.store = store
        self.tenant = f"tenant-{uuid.uuid4()}"
        self._runner = runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)


@pytest.fixture
def backend(new_store: Callable[[], Storage]) -> Iterator[Backend]:
    with asyncio.Runner() as runner:
        store = new_store()
        runner.run(store.open())
        yield Backend(store, runner)
        runner.run(store.close())
