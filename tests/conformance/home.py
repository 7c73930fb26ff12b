"""Change sets in few words, for tests of storage."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cyoda.ids import TimeIds
from cyoda.jsonio import Json
from cyoda.principal import Actor
from workflows.core.entity import LOOPBACK, Document, ModelKey, Version
from workflows.core.predicates.narrowing import Narrowing
from workflows.core.unique import Claim
from workflows.storage.base import ChangeSet, Scan, Storage, Write

new_id = TimeIds()
ORDER = ModelKey("order", 1)
INVOICE = ModelKey("invoice", 1)
ANNA = Actor("anna", "user")
ROBOT = Actor("robot", "service")
NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
FAR_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


def doc(value: Json) -> Document:
    return Document.from_value(value)


def created(
    value: Json = 0, *, entity_id: UUID | None = None, model: ModelKey = ORDER, state: str = "NEW",
    claims: tuple[Claim, ...] | None = None, document: Document | None = None,
) -> Write:  # fmt: skip
    """A new entity whose document is `{"value": value}` unless one is given."""
    return Write(
        entity_id=entity_id or new_id(), model=model, expected=0, state=state,
        document=document or doc({"value": value}), transition=LOOPBACK, attributed=ANNA, executor=ANNA, claims=claims,
    )  # fmt: skip


def changed(
    version: Version, value: Json = 0, *, state: str | None = None, transition: str = LOOPBACK,
    claims: tuple[Claim, ...] | None = None, attributed: Actor = ANNA, executor: Actor = ANNA,
) -> Write:  # fmt: skip
    return Write(
        entity_id=version.entity_id, model=version.model, expected=version.number, state=state or version.state,
        document=doc({"value": value}), transition=transition, attributed=attributed, executor=executor, claims=claims,
    )  # fmt: skip


def deleted(version: Version, *, claims: tuple[Claim, ...] | None = None, executor: Actor = ANNA) -> Write:
    return Write(
        entity_id=version.entity_id, model=version.model, expected=version.number, state=version.state,
        document=None, transition=version.transition, attributed=executor, executor=executor, claims=claims,
    )  # fmt: skip


def change(*writes: Write, at: datetime = NOON, transaction_id: UUID | None = None, **fields: Any) -> ChangeSet:
    return ChangeSet(transaction_id=transaction_id or new_id(), at=at, writes=writes, **fields)


def reading(*versions: Version) -> Mapping[UUID, int]:
    """The read set of a transaction that read these versions."""
    return {version.entity_id: version.number for version in versions}


def values(versions: Sequence[Version]) -> list[Json]:
    return [version.document.value["value"] for version in versions]


@dataclass(frozen=True)
class Home:
    """One tenant of one store."""

    store: Storage
    tenant: str

    async def commit(self, *writes: Write, **fields: Any) -> datetime:
        return await self.store.commit(self.tenant, change(*writes, **fields))

    async def find(self, entity_id: UUID, **fields: Any) -> Version | None:
        return (await self.store.read(self.tenant, [entity_id], **fields)).get(entity_id)

    async def current(self, entity: Version | Write) -> Version:
        """The latest version of an entity that must exist."""
        return (await self.store.read(self.tenant, [entity.entity_id]))[entity.entity_id]

    async def create(self, value: Json = 0, *, at: datetime = NOON, **fields: Any) -> Version:
        write = created(value, **fields)
        await self.commit(write, at=at)
        return await self.current(write)

    async def update(self, version: Version, value: Json = 0, *, at: datetime = NOON, **fields: Any) -> Version:
        write = changed(version, value, **fields)
        await self.commit(write, at=at)
        return await self.current(write)

    async def delete(self, version: Version, *, at: datetime = NOON) -> datetime:
        return await self.commit(deleted(version), at=at)

    async def begin(self, *entity_ids: UUID) -> Any:
        snapshot, _ = await self.store.begin(self.tenant, entity_ids)
        return snapshot

    async def scan(self, model: ModelKey = ORDER, **fields: Any) -> list[Version]:
        batches = self.store.scan(self.tenant, Scan(model=model, **fields))
        return [version async for batch in batches for version in batch]

    def asked(self, narrowing: Narrowing, indexed: Collection[str], **fields: Any) -> Scan:
        """A scan of ORDER by fields that are declared indexed."""
        return Scan(model=ORDER, narrowing=narrowing, indexed=frozenset(indexed), **fields)

    async def counts(self, model: ModelKey | None = None) -> dict[tuple[ModelKey, str], int]:
        rows = await self.store.count_by_state(self.tenant, model)
        counts = {(row.model, row.state): row.count for row in rows}
        assert len(counts) == len(rows)
        assert all(row.last_write is not None for row in rows)
        return counts
