"""Builds and removes declared indexes in the background, beside all reads and writes.

What is wanted stands with the models; a row of pending work says that a schema's indexes need looking after. Whoever
takes it compares what is declared with what exists, so a builder that was killed, with an index half built, is made
good by the next one. One builder at a time works in a schema.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import structlog

from cyoda.errors import StorageUnavailable
from workflows.core.entity import ModelKey
from workflows.core.field_index import READY, IndexState, joint_state
from workflows.storage.postgres import configuration
from workflows.storage.postgres.connections import Connection
from workflows.storage.postgres.fields import FieldKey, keys_of
from workflows.storage.postgres.pool import REFUSALS, Pool, Row
from workflows.storage.postgres.statements import Statements, quoted, templates

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
_AGAIN_AFTER = timedelta(minutes=1)
_LOCK = "cyoda_indexes"

_PHASES = {
    "building index: scanning table": (0.0, 0.5),
    "building index: sorting live tuples": (0.5, 0.0),
    "building index: loading tuples in tree": (0.5, 0.2),
    "waiting for writers before validation": (0.7, 0.0),
    "index validation: scanning index": (0.7, 0.1),
    "index validation: sorting tuples": (0.8, 0.0),
    "index validation: scanning table": (0.8, 0.19),
    "waiting for old snapshots": (0.99, 0.0),
}
"""Where in the whole each phase begins, and how much of it it is."""


class IndexBuilder:
    """Looks for wanted indexes while it runs; `wake` makes it look at once."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What is half built is made good by the next builder."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def wake(self) -> None:
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.look()
            except StorageUnavailable:
                pass  # whoever needs the database tells it
            except asyncpg.PostgresError as error:
                log.warning("wanted indexes could not be looked for", error=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._woken.wait()

    async def look(self) -> None:
        """Build and remove what is wanted in all schemas now. Raises StorageUnavailable."""
        if not (await self._pool.fetch(templates()["has_pending_work"]))[0][0]:
            return
        for schema, work_id, due_at in await self._pool.fetch(templates()["take_wanted_indexes"], _AGAIN_AFTER):
            try:
                async with self._pool.alone() as connection:
                    await self._tend(connection, schema, work_id, due_at)
            except asyncpg.PostgresError as error:  # of this schema only; its work comes back
                log.warning("indexes could not be looked after", schema=schema, error=str(error))

    async def _tend(self, connection: Connection, schema: str, work_id: UUID, due_at: datetime) -> None:
        if await connection.fetchval(templates()["schema_exists"], f"{quoted(schema)}.field_index_failure"):
            if not await connection.fetchval(templates()["try_building"], f"{_LOCK}/{schema}"):
                return  # another builder is at it; the work stays due
            if not await settle(connection, Statements(schema)):
                return  # what failed is tried again when the work is due again
        await connection.execute(templates()["have_wanted_indexes"], schema, work_id, due_at)


async def settle(connection: Connection, sql: Statements) -> bool:
    """Make a schema's indexes what its models declare; whether all could be built."""
    await connection.execute("SET statement_timeout = 0")
    models = [configuration.model_of(row) for row in await connection.fetch(sql["declared_indexes"])]
    wanted = {key.name: key for model in models for key in keys_of(model)}
    existing = {row[0]: row[1] for row in await _existing(connection, sql)}
    for name, is_valid in existing.items():
        if name not in wanted or not is_valid:
            await _drop(connection, sql, name)
    missing = [key for name, key in wanted.items() if not existing.get(name)]
    failed = [key.name for key in missing if not await _is_created(connection, sql, key)]
    await connection.execute(sql["keep_failed_indexes"], failed)
    if missing:
        await connection.execute(f"ANALYZE {sql.table('head')}")
    return not failed


async def _is_created(connection: Connection, sql: Statements, key: FieldKey) -> bool:
    try:
        await connection.execute(
            f"CREATE INDEX CONCURRENTLY {quoted(key.name)} ON {sql.table('head')} {key.definition}"
        )
    except REFUSALS:
        raise
    except asyncpg.PostgresError as error:
        if key.name in {row[0] for row in await _existing(connection, sql)}:
            await _drop(connection, sql, key.name)
        await connection.execute(sql["note_failed_index"], key.name, str(error))
        return False
    return True


async def _drop(connection: Connection, sql: Statements, name: str) -> None:
    await connection.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {sql.table(name)}")


async def _existing(connection: Connection, sql: Statements) -> Sequence[Row]:
    return await connection.fetch(sql["existing_indexes"], sql.table("head"))


async def states(pool: Pool, sql: Statements, key: ModelKey) -> Mapping[str, IndexState]:
    """The state of the index of each declared field; none for an unknown model. Raises StorageUnavailable."""
    model = configuration.stored_model((await pool.fetch(sql["load"], key.id))[0]).model
    if model is None or not model.indexed:
        return {}
    async with pool.connection() as connection:
        existing = {row[0]: row for row in await _existing(connection, sql)}
        failed = {row[0] for row in await connection.fetch(sql["failed_indexes"])}
    found: dict[str, list[IndexState]] = {}
    for wanted in keys_of(model):
        found.setdefault(wanted.field, []).append(_state(existing.get(wanted.name), wanted.name in failed))
    return {field: joint_state(parts) for field, parts in found.items()}


def _state(row: Row | None, has_failed: bool) -> IndexState:
    if row is None or not row[1]:
        progress = 0.0 if row is None else _progress(row)
        return IndexState("failed" if has_failed else "building", progress)
    return READY


def _progress(row: Row) -> float:
    _, _, phase, blocks_done, blocks, tuples_done, tuples = row
    if phase is None:
        return 0.0
    base, share = next((part for name, part in _PHASES.items() if phase.startswith(name)), (0.0, 0.0))
    done, total = (blocks_done, blocks) if blocks else (tuples_done, tuples)
    return round(base + share * min(1.0, done / total if total else 0.0), 3)
