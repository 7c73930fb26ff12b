"""The stores that the suites of the wire contract run on."""

from __future__ import annotations

import uuid

from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

BACKENDS = ("memory", "postgres")


def empty_store(postgres_url: str | None) -> Storage:
    """A store that is not yet opened; in PostgreSQL its tenants have schemas that no other test uses."""
    if postgres_url is None:
        return MemoryStorage()
    pool = Pool(PoolSettings(url=postgres_url, size=4))
    return PostgresStorage(pool, SchemaDirectory(pool, prefix=f"t_{uuid.uuid4().hex[:8]}_"))
