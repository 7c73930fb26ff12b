"""The stores that the suites of the wire contract run on."""

from __future__ import annotations

import uuid

from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

BACKENDS = ("memory", "postgres")


def new_prefix() -> str:
    """What the names of schemas begin with that no other test uses."""
    return f"t_{uuid.uuid4().hex[:8]}_"


def store_at(postgres_url: str, prefix: str) -> Storage:
    """A store that is not yet opened, on the tenants whose schemas begin so."""
    pool = Pool(PoolSettings(url=postgres_url, size=4))
    return PostgresStorage(pool, SchemaDirectory(pool, prefix=prefix))


def empty_store(postgres_url: str | None) -> Storage:
    """A store that is not yet opened, without tenants; in memory unless a database is given."""
    return MemoryStorage() if postgres_url is None else store_at(postgres_url, new_prefix())
