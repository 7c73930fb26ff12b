"""The PostgreSQL backend's schemas as provisioning needs them (tenants.provisioning.schemas.Schemas)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from django.db import Error, connection

from cyoda.databases import current_url
from workflows.storage.postgres.pool import Connection, Pool, PoolSettings
from workflows.storage.postgres.tenants import create_schema, drop_schema

PROVISIONING_SECONDS = 15.0
"""Below the lease of the steps that wait for it."""
TENANT_SCHEMA = "^t_[0-9a-f]{32}$"
"""What a tenant's schema is called (tenants.naming)."""


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

    def names(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ %s", [TENANT_SCHEMA])
            found = {name for (name,) in cursor.fetchall()}
            cursor.execute("SELECT to_regclass('public.cyoda_schema') IS NOT NULL")
            [(has_registry,)] = cursor.fetchall()
            if has_registry:
                cursor.execute("SELECT schema_name FROM public.cyoda_schema WHERE schema_name ~ %s", [TENANT_SCHEMA])
                found |= {name for (name,) in cursor.fetchall()}
        return found

    def check(self) -> Sequence[str]:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT has_database_privilege(current_database(), 'CREATE'), current_user")
                [(may_create, user)] = cursor.fetchall()
        except Error as error:
            return (f"PostgreSQL does not answer: {' '.join(str(error).split())}.",)
        return () if may_create else (f"The database role {user} may not create schemas: grant it CREATE.",)


async def _alone(act: Callable[[Connection], Awaitable[None]]) -> None:
    pool = Pool(PoolSettings(url=current_url(), size=1, timeout=PROVISIONING_SECONDS))
    await pool.open()
    try:
        async with pool.connection() as own:
            await act(own)
    finally:
        await pool.close()
