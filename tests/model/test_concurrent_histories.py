"""Many transactions truly at once; their recorded history must be explained by a serial order (entities 1.6)."""

from __future__ import annotations

import asyncio
import random
from itertools import count
from uuid import UUID

import pytest

from cyoda.clock import ManualClock
from cyoda.errors import Conflict
from cyoda.ids import TimeIds
from cyoda.principal import Principal
from tests.model.backend import IS_THOROUGH, Backend
from tests.model.serialisability import Recorded, check
from workflows.core.entity import LOOPBACK, Document, ModelKey, Version
from workflows.services.transaction import Transaction

new_id = TimeIds()
WRITER = Principal(tenant="any", user_id="writer", kind="user")
MODEL = ModelKey("account", 1)
WORKERS, TRANSACTIONS, ENTITIES = 8, 12, 5


class Scheduler:
    """Workers that each run random transactions over a few entities and record them."""

    def __init__(self, backend: Backend, seed: int) -> None:
        self.backend = backend
        self.random = random.Random(seed)
        self.clock = ManualClock()
        self.moments = count()
        self.entity_ids: list[UUID] = [new_id() for _ in range(ENTITIES)]
        self.recorded: list[Recorded] = []

    async def run(self) -> None:
        await self._create_all()
        await asyncio.gather(*(self._work() for _ in range(WORKERS)))
        versions = {entity_id: await self._versions(entity_id) for entity_id in self.entity_ids}
        self._forget_unjudged(
            {entity_id for entity_id, history in versions.items() if history[-1:] and history[-1].deleted}
        )
        check(
            self.recorded, {entity_id: [v.transaction_id for v in history] for entity_id, history in versions.items()}
        )

    async def _create_all(self) -> None:
        transaction, record = self._begin()
        for entity_id in self.entity_ids:
            self._save(transaction, record, entity_id)
        await self._end(transaction, record)

    async def _work(self) -> None:
        for _ in range(TRANSACTIONS):
            transaction, record = self._begin()
            for _ in range(self.random.randint(1, 5)):
                await self._step(transaction, record)
                await self._let_others_work()
            await self._end(transaction, record)

    async def _step(self, transaction: Transaction, record: Recorded) -> None:
        entity_id = self.random.choice(self.entity_ids)
        step = self.random.random()
        if step < 0.1:
            entity_id = new_id()
            self.entity_ids.append(entity_id)
            self._save(transaction, record, entity_id)
            return
        if step < 0.2:
            await transaction.read_many(self.entity_ids)  # what is seen is recorded when it is read again
        version = await transaction.read(entity_id)
        self._note(transaction, record, entity_id, version)
        if version is None:
            return
        if step < 0.25:
            self._delete(transaction, record, version)
        elif step < 0.65:
            self._save(transaction, record, entity_id)
        elif step < 0.75:
            await self._save_and_undo(transaction, record, entity_id)

    def _note(self, transaction: Transaction, record: Recorded, entity_id: UUID, version: Version | None) -> None:
        """Record a committed version that was read, or check that an own write was."""
        if entity_id in record.writes:
            assert version is None or version.transaction_id == transaction.id, "own writes are read back"
        else:
            record.reads.append((entity_id, version.transaction_id if version else None))

    def _save(self, transaction: Transaction, record: Recorded, entity_id: UUID) -> None:
        document = Document.from_value({"by": str(transaction.id)})
        transaction.save(entity_id, MODEL, state="S", document=document, transition=LOOPBACK, executor=WRITER)
        record.writes.add(entity_id)

    async def _save_and_undo(self, transaction: Transaction, record: Recorded, entity_id: UUID) -> None:
        before = await transaction.read(entity_id)
        savepoint, writes = transaction.savepoint(), set(record.writes)
        self._save(transaction, record, entity_id)
        transaction.roll_back_to(savepoint)
        record.writes = writes
        assert await transaction.read(entity_id) == before

    def _delete(self, transaction: Transaction, record: Recorded, version: Version) -> None:
        transaction.delete(version, executor=WRITER)
        if version.number == 1 and version.transaction_id == transaction.id:
            record.writes.discard(version.entity_id)  # its own creation: nothing is left to store
            self.entity_ids.remove(version.entity_id)
        else:
            record.writes.add(version.entity_id)

    def _begin(self) -> tuple[Transaction, Recorded]:
        backend = self.backend
        transaction = Transaction(
            backend.tenant, WRITER.actor, store=backend.any_node(), clock=self.clock, new_id=new_id
        )
        record = Recorded(id=transaction.id, began=next(self.moments))
        self.recorded.append(record)
        return transaction, record

    async def _end(self, transaction: Transaction, record: Recorded) -> None:
        if self.random.random() < 0.05:
            transaction.abandon()
        else:
            try:
                await transaction.commit()
                record.committed = True
            except Conflict:
                transaction.abandon()
        record.ended = next(self.moments)

    async def _let_others_work(self) -> None:
        for _ in range(self.random.randint(0, 3)):
            await asyncio.sleep(0)

    async def _versions(self, entity_id: UUID) -> list[Version]:
        """Oldest first."""
        return list(reversed(await self.backend.store.history(self.backend.tenant, entity_id)))

    def _forget_unjudged(self, deleted: set[UUID]) -> None:
        """Drop what no promise is about: having found nothing is not validated at commit (there are no phantom locks).

        Nor is it told apart whether an entity was not yet or no longer there.
        """
        for record in self.recorded:
            is_snapshot_only = not (record.committed and record.writes)
            record.reads = [
                (entity_id, writer)
                for entity_id, writer in record.reads
                if writer is not None or (is_snapshot_only and entity_id not in deleted)
            ]


@pytest.mark.parametrize("seed", range(200 if IS_THOROUGH else 12))
def test_concurrent_transactions_have_a_serial_order(backend: Backend, seed: int) -> None:
    scheduler = Scheduler(backend, seed)
    backend.run(scheduler.run())
    verdicts = [record.committed for record in scheduler.recorded if record.writes]
    assert 0 < sum(verdicts) < len(verdicts), "a schedule without conflicts proves nothing"
