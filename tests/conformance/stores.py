"""The backends that every storage test runs on, and fresh tenants in them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

import pytest

from tests.conformance.home import Home
from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory


@pytest.fixture(params=["memory", "postgres"])
def new_store(request: pytest.FixtureRequest) -> Callable[[], Storage]:
    if request.param == "memory":
        return MemoryStorage
    url: str = request.getfixturevalue("postgres_url")

    def new_postgres() -> Storage:
        pool = Pool(PoolSettings(url=url))
        return PostgresStorage(pool, SchemaDirectory(pool))

    return new_postgres


@pytest.fixture
async def store(new_store: Callable[[], Storage]) -> AsyncIterator[Storage]:
    store = new_store()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other_node(store: Storage, new_store: Callable[[], Storage]) -> AsyncIterator[Storage]:
    """A second node on the same data; a memory store has only one."""
    if isinstance(store, MemoryStorage):
        yield store
        return
    node = new_store()
    await node.open()
    yield node
    await node.close()


@pytest.fixture
def home(store: Storage) -> Home:
    """A tenant that nobody has used before."""
    return Home(store, f"tenant-{uuid.uuid4()}")


@pytest.fixture
def stranger(store: Storage) -> Home:
    """Another such tenant in the same store."""
    return Home(store, f"tenant-{uuid.uuid4()}")
