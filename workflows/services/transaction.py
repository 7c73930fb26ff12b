"""Optimistic, buffered transactions, the same for every backend (contract: entities 1.6, engine 5).

A transaction is a snapshot token, a read set and a write buffer in the memory of its owner node. It holds no
connection: what it wants stored is handed to the store as one ChangeSet that is applied or refused. See
docs/adr/0001-storage-and-transactions.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cyoda.clock import Clock
from cyoda.errors import TransactionNotFound, WorkflowFailed
from cyoda.ids import IdSource
from cyoda.principal import Actor, Principal, TenantId
from workflows.core.audit import AuditRecord, Event
from workflows.core.entity import EMPTY_DOCUMENT, Document, ModelKey, Version
from workflows.core.timer import Timer
from workflows.core.unique import Claim
from workflows.services.buffer import Buffer, Savepoint
from workflows.storage.base import ChangeSet, EntityStore, Extension, Snapshot, Write


@dataclass(frozen=True, slots=True)
class Join:
    """The right of one request to take part in an open transaction, below the scope whose callout it answers."""

    transaction: Transaction
    scope: int

    def joined(self) -> AbstractAsyncContextManager[Transaction]:
        return self.transaction.joined(self.scope)


def _unnoticed(_change: ChangeSet) -> None:
    return None


class Transaction:
    """One open transaction of one tenant, owned by this node.

    Whoever works on it holds `lock`: the owner throughout, a joined request for its body; both let go while they
    wait for a callout.

    `id` stamps the versions that the next commit writes; `entry_id` is the id the operation began with: it is what
    the client is told and what audit events carry. They differ after a segment. `origin` is who caused it all.
    `committed` is told each change set that was applied.
    """

    def __init__(
        self,
        tenant: TenantId,
        origin: Actor,
        *,
        store: EntityStore,
        clock: Clock,
        new_id: IdSource,
        committed: Callable[[ChangeSet], None] = _unnoticed,
    ) -> None:
        self.tenant = tenant
        self.origin = origin
        self.clock = clock
        self.id = self.entry_id = new_id()
        self.lock = asyncio.Lock()
        self.is_open = True
        self.has_dispatched = False
        self.warnings: list[str] = []
        self.broken: list[tuple[AuditRecord, ModelKey]] = []
        """What runs had recorded that an error ended; it is never committed."""
        self.join_ids: dict[UUID, tuple[UUID, int]] = {}
        """What join tokens of this transaction sign, with the segment (by its id) and the scope that each may join."""
        self._armed: tuple[Timer, ...] = ()
        self._new_id = new_id
        self._store = store
        self._committed = committed
        self._joined = 0
        self._begin_segment(Buffer())

    def _begin_segment(self, buffer: Buffer) -> None:
        self._snapshot: Snapshot | None = None
        self._seen: dict[UUID, Version | None] = {}
        self._reads: dict[UUID, int] = {}
        self._buffer = buffer
        self._epoch: int | None = None

    @property
    def is_segmented(self) -> bool:
        """Whether part of the operation is committed already."""
        return self.id != self.entry_id

    # --- reading: the buffer over the snapshot ---------------------------------------------------------------

    async def read(self, entity_id: UUID) -> Version | None:
        """The live version this transaction sees; a committed one joins the read set."""
        return (await self.read_many((entity_id,))).get(entity_id)

    async def read_many(self, entity_ids: Iterable[UUID]) -> dict[UUID, Version]:
        wanted = list(entity_ids)
        await self._look_up([i for i in wanted if i not in self._buffer.versions and i not in self._seen])
        found: dict[UUID, Version] = {}
        for entity_id in wanted:
            version = self._buffer.versions.get(entity_id)
            if version is None:
                version = self._seen[entity_id]
                if version is not None:
                    self._reads[entity_id] = version.number
            if version is not None and not version.deleted:
                found[entity_id] = version
        return found

    async def _look_up(self, unknown: Sequence[UUID]) -> None:
        if not unknown:
            return
        if self._snapshot is None:
            self._snapshot, versions = await self._store.begin(self.tenant, unknown)
        else:
            versions = await self._store.read(self.tenant, unknown, snapshot=self._snapshot)
        for entity_id in unknown:
            self._seen[entity_id] = versions.get(entity_id)

    async def snapshot(self) -> Snapshot:
        """The committed state this transaction reads from, fixed at the first call."""
        if self._snapshot is None:
            self._snapshot, _ = await self._store.begin(self.tenant)
        return self._snapshot

    def committed_transaction_of(self, entity_id: UUID) -> UUID | None:
        """The transaction that wrote the committed version of an entity already read; None when there is none."""
        seen = self._seen.get(entity_id)
        return seen.transaction_id if seen is not None else None

    def buffered(self, model: ModelKey) -> dict[UUID, Version]:
        """Own uncommitted versions of a model's entities, tombstones included (searches overlay them)."""
        return {i: v for i, v in self._buffer.versions.items() if v.model == model}

    def track(self, versions: Iterable[Version]) -> None:
        """Add committed versions found by a search to the read set (contract: search 7, trackingRead)."""
        for version in versions:
            self._reads.setdefault(version.entity_id, version.number)

    def forget_read(self, entity_id: UUID) -> None:
        """The commit no longer depends on what was read of an entity: what was to be done with it is not done."""
        self._reads.pop(entity_id, None)

    # --- writing into the buffer -----------------------------------------------------------------------------

    def attributed_to(self, executor: Principal) -> Actor:
        """Who a write by `executor` is attributed to (contract: engine 5.5)."""
        return executor.actor if executor.kind == "user" else self.origin

    def save(
        self, entity_id: UUID, model: ModelKey, *, state: str, document: Document, transition: str,
        executor: Principal, claims: tuple[Claim, ...] | None = None, created_at: datetime | None = None,
    ) -> Version:  # fmt: skip
        """Buffer an entity's next version; only the last one of a segment is stored."""
        version = self._next(
            entity_id, model, state=state, document=document, transition=transition, executor=executor,
            deleted=False, created_at=created_at,
        )  # fmt: skip
        if claims is not None:
            self._buffer.put(self._buffer.claims, entity_id, claims)
        return version

    def delete(self, version: Version, *, executor: Principal) -> Version:
        """Buffer a tombstone. An entity that this segment created simply vanishes from it."""
        tombstone = self._next(
            version.entity_id, version.model, state=version.state, document=EMPTY_DOCUMENT,
            transition=version.transition, executor=executor, deleted=True, created_at=version.created_at,
        )  # fmt: skip
        buffer = self._buffer
        if self._expected(version.entity_id) == 0:
            buffer.drop(buffer.versions, version.entity_id)
            buffer.drop(buffer.claims, version.entity_id)
            self._seen[version.entity_id] = None
        else:
            buffer.put(buffer.claims, version.entity_id, ())
        return tombstone

    def _next(
        self, entity_id: UUID, model: ModelKey, *, state: str, document: Document, transition: str,
        executor: Principal, deleted: bool, created_at: datetime | None,
    ) -> Version:  # fmt: skip
        self._require_open()
        now = self.clock()
        version = Version(
            entity_id=entity_id, model=model, number=self._expected(entity_id) + 1, state=state, document=document,
            created_at=created_at or now, updated_at=now, transaction_id=self.id, transition=transition,
            attributed=self.attributed_to(executor), executor=executor.actor, deleted=deleted,
        )  # fmt: skip
        self._buffer.put(self._buffer.versions, entity_id, version)
        return version

    def _expected(self, entity_id: UUID) -> int:
        seen = self._seen.get(entity_id)
        return seen.number if seen is not None else 0

    def record(self, entity_id: UUID, events: Sequence[Event]) -> None:
        """Buffer audit events of one operation on an entity."""
        if events:
            record = AuditRecord(entity_id=entity_id, transaction_id=self.entry_id, events=tuple(events))
            self._buffer.add(self._buffer.audit, record)

    def arm(self, timer: Timer) -> None:
        self._buffer.drop(self._buffer.disarm, timer.id)
        self._buffer.put(self._buffer.arm, timer.id, timer)

    def disarm(self, timer_id: str) -> None:
        self._buffer.drop(self._buffer.arm, timer_id)
        self._buffer.put(self._buffer.disarm, timer_id, None)

    def require_armed(self, timer: Timer) -> None:
        """Every commit of this transaction holds only while the timer is armed exactly as given."""
        self._armed = (*self._armed, timer)

    def timers_over(self, entity_id: UUID, committed: Iterable[Timer]) -> list[Timer]:
        """An entity's timers as this transaction sees them: its own arming and disarming over the committed ones."""
        buffer = self._buffer
        timers = {timer.id: timer for timer in committed if timer.id not in buffer.disarm}
        timers.update({timer.id: timer for timer in buffer.arm.values() if timer.entity_id == entity_id})
        return list(timers.values())

    def extend(self, extension: Extension) -> None:
        self._buffer.add(self._buffer.extensions, extension)

    def require_epoch(self, epoch: int) -> None:
        """The commit holds only while the tenant's configuration is what was decided under."""
        self._epoch = epoch if self._epoch is None else min(self._epoch, epoch)

    # --- savepoints, segments, end ---------------------------------------------------------------------------

    @property
    def scope(self) -> int:
        """Whose work is going on: the owner's, or a joined request's."""
        return self._buffer.scope

    def savepoint(self) -> Savepoint:
        """A token for `roll_back_to`. Reads made since stay in the read set either way."""
        return self._buffer.savepoint()

    def roll_back_to(self, savepoint: Savepoint) -> None:
        """Take back what the savepoint's scope wrote since, callbacks to its callouts included; what a segment has
        committed stays."""
        self._require_open()
        self._buffer.roll_back_to(savepoint)

    async def commit_segment(self) -> None:
        """Commit what is buffered and go on under a new id and a new snapshot (COMMIT_BEFORE_DISPATCH).

        Raises WorkflowFailed inside a joined request: the owner's work must not be committed under its feet.
        """
        if self._joined:
            raise WorkflowFailed("a joined callback cannot segment the transaction it takes part in")
        await self._commit_buffer()
        self.id = self._new_id()
        self._begin_segment(Buffer(before=self._buffer))

    async def commit(self) -> None:
        """Make everything durable. Raises Conflict, UniqueViolation, StaleConfiguration; nothing is stored then."""
        self._require_open()
        self.is_open = False
        await self._commit_buffer()

    def abandon(self) -> None:
        self.is_open = False

    async def _commit_buffer(self) -> None:
        change = self._change_set()
        if change.writes or change.audit or change.arm or change.disarm or change.extensions:
            await self._store.commit(self.tenant, change)
            self._committed(change)

    def _change_set(self) -> ChangeSet:
        buffer = self._buffer
        return ChangeSet(
            transaction_id=self.id,
            at=self.clock(),
            writes=tuple(self._write(v) for v in buffer.versions.values()),
            reads={i: number for i, number in self._reads.items() if i not in buffer.versions},
            audit=tuple(buffer.audit.values()),
            arm=tuple(buffer.arm.values()),
            disarm=tuple(buffer.disarm),
            armed=self._armed,
            extensions=tuple(buffer.extensions.values()),
            epoch=self._epoch,
        )

    def _write(self, version: Version) -> Write:
        return Write(
            entity_id=version.entity_id, model=version.model, expected=version.number - 1, state=version.state,
            document=None if version.deleted else version.document, transition=version.transition,
            attributed=version.attributed, executor=version.executor,
            claims=self._buffer.claims.get(version.entity_id),
        )  # fmt: skip

    def _require_open(self) -> None:
        if not self.is_open:
            raise TransactionNotFound

    # --- joins -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def joined(self, parent: int) -> AsyncGenerator[Transaction]:
        """Take part in this transaction for one request: serialised with others, undone alone when it fails.

        `parent` is the scope whose callout the request answers.
        """
        async with self.lock:
            self._require_open()
            buffer, scope = self._buffer, self._buffer.scope
            buffer.open_scope(parent)
            savepoint = buffer.savepoint()
            self._joined += 1
            try:
                yield self
            except BaseException:
                if self.is_open:
                    self.roll_back_to(savepoint)
                raise
            finally:
                self._joined -= 1
                buffer.scope = scope

    def released(self) -> AbstractAsyncContextManager[None]:
        """Let joined requests in while the holder of the lock waits for a callout."""
        return _Released(self.lock, self._buffer)


class _Released(AbstractAsyncContextManager[None]):
    """A class, because every callout enters one."""

    __slots__ = ("_buffer", "_lock", "_scope")

    def __init__(self, lock: asyncio.Lock, buffer: Buffer) -> None:
        self._lock = lock
        self._buffer = buffer
        self._scope = buffer.scope

    async def __aenter__(self) -> None:
        self._lock.release()

    async def __aexit__(self, *_: object) -> None:
        await self._lock.acquire()
        self._buffer.scope = self._scope
