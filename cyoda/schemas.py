"""The PostgreSQL backend's schemas as provisioning needs them (tenants.provisioning.schemas.Schemas)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from django.db import connection

from cyoda.databases import current_url
from workflows.storage.postgres.pool import Connection, Pool, PoolSettings
from workflows.storage.postgres.tenants import create_schema, drop_schema

PROVISIONING_SECONDS = 15.0
"""Below the lease of the steps that wait for it."""


class PostgresSchemas:
    """Schemas in the database that Django uses."""

    def create(self, schema: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {connection.ops.quote_name(schema)}")

    def create_tables(self, schema: str) -> None:
        """Raises StorageUnavailable."""
        asyncio.run(_alone(lambda own: create_schema(own, schema)))

    def drop(self, schema: str) -> None:
        """Raises StorageUnavailable."""
        asyncio.run(_alone(lambda own: drop_schema(own, schema)))


async def _alone(act: Callable[[Connection], Awaitable[None]]) -> None:
    pool = Pool(PoolSettings(url=current_url(), size=1, timeout=PROVISIONING_SECONDS))
    await pool.open()
    try:
        async with pool.connection() as own:
            await act(own)
    finally:
        await pool.close()
