"""Models and workflows, and the epoch that every commit is checked against."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from cyoda import jsonio
from workflows.core.entity import ModelKey
from workflows.core.field_index import FieldIndex
from workflows.core.fsm.document import shown_name
from workflows.core.schema.change_level import ChangeLevel
from workflows.core.schema.model import Model
from workflows.core.schema.serial import from_json, to_json
from workflows.core.schema.types import is_object
from workflows.core.unique import UniqueKey
from workflows.storage.base import Import, ModelChange, StoredModel, WorkflowVersion
from workflows.storage.postgres import rows
from workflows.storage.postgres.connections import Connection
from workflows.storage.postgres.fields import INDEX_WORK_ID, FieldKey, keys_of
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements

_indexes = msgspec.json.Decoder(tuple[FieldIndex, ...])
_unique_keys = msgspec.json.Decoder(tuple[UniqueKey, ...])


class Configuration:
    """The configuration of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def load(self, key: ModelKey) -> StoredModel:
        return stored_model((await self._pool.fetch(self._sql["load"], key.id))[0])

    async def models(self) -> Sequence[Model]:
        return [model_of(row) for row in await self._pool.fetch(self._sql["models"])]

    async def change(self, key: ModelKey, decide: Callable[[StoredModel, int], ModelChange]) -> StoredModel:
        """One transaction that commits wait for and that waits for commits under way. Raises what `decide` raises."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.fetch(self._sql["lock_configuration"])
            # Statements after the lock see everything that was committed before it.
            found = stored_model(await connection.fetchrow(self._sql["load"], key.id))
            live = await connection.fetchval(self._sql["count_live"], key.id)
            successor = decide(found, live)
            await self._save(connection, key, found, successor)
            epoch = await connection.fetchval(self._sql["raise_epoch"])
            revision = await connection.fetchval(self._sql["revision"], key.id)
        return StoredModel(model=successor.model, workflows=successor.workflows, epoch=epoch, revision=revision)

    async def versions(self, key: ModelKey, before: int | None, limit: int) -> Sequence[WorkflowVersion]:
        found = await self._pool.fetch(self._sql["workflow_versions"], key.id, before, limit)
        return [_version(row) for row in found]

    async def version(self, key: ModelKey, number: int) -> WorkflowVersion | None:
        found = await self._pool.fetch(self._sql["workflow_version"], key.id, number)
        return _version(found[0]) if found else None

    async def _save(self, connection: Connection, key: ModelKey, stored: StoredModel, successor: ModelChange) -> None:
        model = successor.model
        if model is None:
            await connection.execute(self._sql["delete_model"], key.id)
        elif model != stored.model:
            await connection.execute(
                self._sql["save_model"],
                key.id,
                key.name,
                key.version,
                model.locked,
                None if model.change_level is None else model.change_level.name,
                jsonio.dumps(to_json(model.node)).decode(),
                jsonio.dumps(model.unique_keys).decode(),
                model.updated_at,
                jsonio.dumps(model.indexes).decode(),
            )
        if _keys_of(model) != _keys_of(stored.model):
            await connection.execute(self._sql["want_indexes"], self._sql.schema, INDEX_WORK_ID)
        if successor.workflows != stored.workflows:
            await connection.execute(self._sql["delete_workflows"], key.id)
            texts = [text.decode() for text in successor.workflows]
            shown = [_shown(text) for text in successor.workflows]
            names, activity = [name for name, _ in shown], [is_active for _, is_active in shown]
            await connection.execute(self._sql["save_workflows"], key.id, texts, names, activity)
            if (made := successor.made) is not None:
                by = (None, None) if made.actor is None else (made.actor.id, made.actor.kind)
                listed = [shown_name(text) for text in successor.workflows]
                await connection.execute(
                    self._sql["keep_workflows"], key.id, made.at, made.mode, *by, listed, texts
                )  # fmt: skip


def stored_model(row: Row) -> StoredModel:
    """From a row of `load`."""
    return StoredModel(
        model=None if row[1] is None else model_of(row),
        workflows=tuple(text.encode() for text in row[9]),
        epoch=row[0],
        revision=row[10],
    )


def _version(row: Row) -> WorkflowVersion:
    number, at, mode, actor_id, actor_kind, names, texts = row
    actor = None if actor_id is None else rows.actor(actor_id, actor_kind)
    return WorkflowVersion(
        number=number,
        made=Import(at=at, mode=mode, actor=actor),
        names=tuple(names),
        workflows=tuple(text.encode() for text in texts),
    )


def model_of(row: Row) -> Model:
    """From a row of `models`."""
    _, name, version, is_locked, level, node, unique_keys, updated_at, indexes = row[:9]
    return Model(
        name=name,
        version=version,
        node=from_json(jsonio.reparse(node)),
        locked=is_locked,
        change_level=None if level is None else ChangeLevel[level],
        unique_keys=_unique_keys.decode(unique_keys),
        indexes=_indexes.decode(indexes),
        updated_at=updated_at,
    )


def _keys_of(model: Model | None) -> Sequence[FieldKey]:
    return () if model is None else keys_of(model)


def _shown(document: bytes) -> tuple[str | None, bool | None]:
    """Name and activity of a workflow document, for display."""
    value = jsonio.reparse(document)
    if not is_object(value):
        return None, None
    name, is_active = value.get("name"), value.get("active")
    return (
        name.replace("\0", "") if isinstance(name, str) else None,
        is_active if isinstance(is_active, bool) else None,
    )
