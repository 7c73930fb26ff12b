"""A process that commits change sets as fast as it can and says what was acknowledged; the crash test kills it.

    python -m tests.cluster.committer DATABASE_URL TENANT JOURNAL

Before a commit it appends the whole attempt to the journal, after the answer the acknowledgement; each is one `write`
to the kernel, which a killed process cannot take back. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import sys
from uuid import UUID

import msgspec

from cyoda.clock import system_clock
from cyoda.errors import Conflict, StorageUnavailable
from cyoda.ids import TimeIds
from tests.conformance.home import ANNA, ORDER, changed, created, deleted
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.entity import Document, Version
from workflows.core.timer import Timer, timer_id
from workflows.core.unique import Claim
from workflows.storage.base import ChangeSet, Storage, Write
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

WORKERS = 12
LONG_BYTES = 60_000

new_id = TimeIds()


class Planned(msgspec.Struct):
    """One version of an attempt; `digest` is empty for a tombstone."""

    entity_id: UUID
    number: int
    digest: str


class Attempt(msgspec.Struct, tag="attempt"):
    transaction_id: UUID
    versions: list[Planned]
    audited: list[UUID]
    timers: list[str]
    claims: list[str]


class Acknowledged(msgspec.Struct, tag="acknowledged"):
    transaction_id: UUID


Line = Attempt | Acknowledged


def digest(document: Document) -> str:
    return hashlib.sha256(document.text).hexdigest()


def claim_on(text: str) -> Claim:
    return Claim("by-text", hashlib.sha256(text.encode()).digest())


class Committer:
    def __init__(self, store: Storage, tenant: str, journal: int) -> None:
        self.store = store
        self.tenant = tenant
        self.journal = journal
        self.random = random.Random()

    async def work(self) -> None:
        """Commit until cancelled; an entity whose fate is unknown is looked up again before it is changed."""
        known: dict[UUID, Version] = {}
        while True:
            ids = list(known)
            try:
                known = dict(await self.store.read(self.tenant, ids[-8:]))
                change = self._change(list(known.values()))
                self._say(attempt_of(change))
                await self.store.commit(self.tenant, change)
                self._say(Acknowledged(change.transaction_id))
                written = [write.entity_id for write in change.writes]
                known |= await self.store.read(self.tenant, written)
            except (StorageUnavailable, Conflict):
                await asyncio.sleep(0.01)

    def _change(self, known: list[Version]) -> ChangeSet:
        transaction_id = new_id()
        fresh = [self._with_text(created(claims=(claim_on(f"{transaction_id}/{n}"),)), n) for n in range(3)]
        older = self.random.sample(known, min(len(known), 2))
        writes = [*fresh, *(self._with_text(changed(version), 9) for version in older[:1])]
        writes += [deleted(version) for version in older[1:]]
        event = Event(EventType.TRANSITION_MAKE, system_clock(), "NEW", "made")
        return ChangeSet(
            transaction_id=transaction_id,
            at=system_clock(),
            writes=tuple(writes),
            audit=tuple(
                AuditRecord(entity_id=write.entity_id, transaction_id=transaction_id, events=(event,))
                for write in writes
            ),
            arm=tuple(self._timer(write.entity_id) for write in fresh),
        )

    def _with_text(self, write: Write, number: int) -> Write:
        length = self.random.choice([0, 10, 300, 300, 2000, LONG_BYTES if self.random.random() < 0.1 else 5])
        document = Document.from_value({"n": number, "text": self.random.randbytes(length // 2).hex()})
        return msgspec.structs.replace(write, document=document)

    def _timer(self, entity_id: UUID) -> Timer:
        now = system_clock()
        return Timer(
            id=timer_id(self.tenant, entity_id, "NEW", "expire"), entity_id=entity_id, model=ORDER, source_state="NEW",
            transition="expire", due_at=now, timeout_ms=None, armed_at=now, armed_by=ANNA,
        )  # fmt: skip

    def _say(self, line: Line) -> None:
        os.write(self.journal, msgspec.json.encode(line) + b"\n")


def attempt_of(change: ChangeSet) -> Attempt:
    return Attempt(
        transaction_id=change.transaction_id,
        versions=[
            Planned(write.entity_id, write.expected + 1, digest(write.document) if write.document else "")
            for write in change.writes
        ],
        audited=[record.entity_id for record in change.audit],
        timers=[timer.id for timer in change.arm],
        claims=[claim.digest.hex() for write in change.writes for claim in write.claims or ()],
    )


async def main(url: str, tenant: str, journal: str) -> None:
    pool = Pool(PoolSettings(url=url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    committer = Committer(store, tenant, file)
    parent_left = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), parent_left.set)
    workers = [asyncio.create_task(committer.work()) for _ in range(WORKERS)]
    left = asyncio.create_task(parent_left.wait())
    done, _ = await asyncio.wait([left, *workers], return_when=asyncio.FIRST_COMPLETED)
    for task in done - {left}:
        task.result()
    for worker in workers:
        worker.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
