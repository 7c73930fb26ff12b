"""The PostgreSQL backend as a node needs it."""

from __future__ import annotations

from cyoda.conf import Conf
from workflows.storage.base import TenantDirectory
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import create_schema


class NodeStores:
    """One node's pool, the storage over it, and how a tenant's schema is made in it."""

    def __init__(self, conf: Conf, url: str) -> None:
        self._pool = Pool(PoolSettings(url=url, size=conf.storage.db_pool_size))

    async def make_schema(self, schema: str) -> None:
        """Raises StorageUnavailable."""
        async with self._pool.connection() as own:
            await create_schema(own, schema)

    def storage(self, tenants: TenantDirectory) -> PostgresStorage:
        return PostgresStorage(self._pool, tenants)
