"""The backends that every storage test runs on, and fresh tenants in them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from tests.conformance.home import Home
from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage


@pytest.fixture(params=["memory"])
def new_store(request: pytest.FixtureRequest) -> Callable[[], Storage]:
    return MemoryStorage


@pytest.fixture
async def store(new_store: Callable[[], Storage]) -> AsyncIterator[Storage]:
    store = new_store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def home(store: Storage) -> Home:
    """A tenant that nobody has used before."""
    return Home(store, f"tenant-{uuid.uuid4()}")


@pytest.fixture
def stranger(store: Storage) -> Home:
    """Another such tenant in the same store."""
    return Home(store, f"tenant-{uuid.uuid4()}")
