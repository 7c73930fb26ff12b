"""Schemas of tenants: made by the numbered scripts in `schema/`, and registered with the number they have reached.

The registry `public.cyoda_schema` tells in one query which schemas a new release must upgrade, and which ones came
with a dump from another database cluster: their xids are rebased, because snapshots compare them.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from cyoda.principal import TenantId
from workflows.storage.postgres.connections import Connection
from workflows.storage.postgres.pool import Pool
from workflows.storage.postgres.statements import Statements, quoted, templates

_FOLDER = Path(__file__).parent / "schema"
_LOCK = "cyoda_schema"
_UPGRADE_SECONDS = 600.0


class Script(NamedTuple):
    number: int
    text: str
    """Statements with `{schema}` for the quoted schema."""


@cache
def scripts() -> Sequence[Script]:
    """All scripts in order; they are never changed once released."""
    return [
        Script(int(file.name.partition("_")[0]), file.read_text(encoding="utf-8"))
        for file in sorted(_FOLDER.glob("[0-9]*.sql"))
    ]


def newest_version() -> int:
    return scripts()[-1].number


async def create_schema(connection: Connection, schema: str) -> None:
    """Create a tenant's schema and tables, or what is missing of them, in one transaction.

    `connection` is an asyncpg connection. Creations by several nodes at once leave one schema.
    """
    async with connection.transaction():
        await _ensure_registry(connection)
        await connection.fetch(templates()["lock"], f"{_LOCK}/{schema}")
        version = await connection.fetchval(templates()["schema_version"], schema) or 0
        if version < newest_version():
            await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            await _apply(connection, schema, version)


async def drop_schema(connection: Connection, schema: str) -> None:
    """Remove a tenant's schema with everything in it, its registration and its work; an absent one is fine."""
    async with connection.transaction():
        await _ensure_registry(connection)
        await connection.fetch(templates()["lock"], f"{_LOCK}/{schema}")
        await connection.execute(f"DROP SCHEMA IF EXISTS {quoted(schema)} CASCADE")
        if await connection.fetchval(templates()["has_pending_work"]):
            await connection.execute(templates()["forget_work"], schema)
        await connection.execute(templates()["unregister"], schema)


async def upgrade_schemas(pool: Pool) -> Sequence[str]:
    """Bring every registered schema up to date, each in its own transaction; returns the names of those changed.

    Costs one query when there is nothing to do. Schemas of a newer release are left alone.
    """
    outdated = await _outdated(pool)
    for schema, _, _ in outdated:
        async with pool.connection(_UPGRADE_SECONDS) as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.fetch(templates()["lock"], f"{_LOCK}/{schema}")
            rows = await connection.fetch(templates()["outdated"], newest_version())
            for name, version, is_foreign in rows:
                if name == schema:
                    await _upgrade(connection, schema, version, is_foreign)
    return [schema for schema, _, _ in outdated]


async def _outdated(pool: Pool) -> Sequence[Any]:
    async with pool.connection() as connection:
        try:
            return await connection.fetch(templates()["outdated"], newest_version())
        except asyncpg.UndefinedTableError:
            async with connection.transaction():
                await _ensure_registry(connection)
            return []


async def _ensure_registry(connection: Connection) -> None:
    if not await connection.fetchval(templates()["has_registry"]):
        await connection.fetch(templates()["lock"], _LOCK)
        await connection.execute(templates()["create_registry"])


async def _upgrade(connection: Connection, schema: str, version: int, is_foreign: bool) -> None:
    if is_foreign:
        sql = Statements(schema)
        await connection.execute(sql["rebase_versions"])
        await connection.execute(sql["rebase_heads"])
    await _apply(connection, schema, version)
    if is_foreign:
        await connection.execute(Statements(schema)["forget_search_jobs"], schema)


async def _apply(connection: Connection, schema: str, version: int) -> None:
    for script in scripts():
        if script.number > version:
            await connection.execute(script.text.replace("{schema}", quoted(schema)))
    await connection.execute(templates()["register"], schema, newest_version())


class SchemaDirectory:
    """A TenantDirectory that knows no tenants: every id has a schema of its own, created on first use."""

    def __init__(self, pool: Pool, prefix: str = "t_") -> None:
        self._pool = pool
        self._prefix = prefix
        self._schemas: dict[TenantId, str] = {}

    def name_of(self, tenant: TenantId) -> str:
        """Deterministic, and different for different tenants whatever characters they are made of."""
        return self._prefix + hashlib.sha256(tenant.encode()).hexdigest()[:32]

    async def schema_of(self, tenant: TenantId) -> str:
        """Raises StorageUnavailable."""
        schema = self._schemas.get(tenant)
        if schema is None:
            schema = self.name_of(tenant)
            async with self._pool.connection() as connection:
                await create_schema(connection, schema)
            self._schemas[tenant] = schema
        return schema
