"""A committing process or PostgreSQL is killed at random moments: every acknowledged commit is there whole, and no
change set is there half (design: "acknowledged means durable").
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from cyoda.embedded import EmbeddedPostgres
from cyoda.embedded.processes import working_in
from cyoda.errors import UniqueViolation
from tests.cluster.committer import Acknowledged, Attempt, Line, digest
from tests.conformance.home import FAR_FUTURE, ORDER, Home, created
from workflows.core.entity import Version
from workflows.core.unique import Claim
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 20
LOAD_SECONDS = 0.8
AT_ONCE = 200


@dataclass
class Journal:
    """What the committers attempted and what they were told."""

    path: Path
    attempts: dict[UUID, Attempt] = field(default_factory=dict[UUID, Attempt])
    acknowledged: set[UUID] = field(default_factory=set[UUID])

    def read(self) -> None:
        decoder = msgspec.json.Decoder(Line)
        self.attempts.clear()
        self.acknowledged.clear()
        for text in self.path.read_bytes().splitlines():
            line = decoder.decode(text)
            if isinstance(line, Acknowledged):
                self.acknowledged.add(line.transaction_id)
            else:
                self.attempts[line.transaction_id] = line

    def acknowledged_count(self) -> int:
        return self.path.read_bytes().count(b'"acknowledged"') if self.path.exists() else 0

    def wait_for_more(self, committer: subprocess.Popen[bytes], more: int = 20) -> None:
        """Until that many further commits were acknowledged."""
        wanted, deadline = self.acknowledged_count() + more, time.monotonic() + PATIENCE_SECONDS
        while self.acknowledged_count() < wanted:
            assert committer.poll() is None, "the committer ended by itself"
            assert time.monotonic() < deadline, "nothing is acknowledged any more"
            time.sleep(0.01)


@contextmanager
def committing(url: str, tenant: str, journal: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A committer that ends with the block, and with this process."""
    command = [sys.executable, "-m", "tests.cluster.committer", url, tenant, str(journal)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_whole(server: EmbeddedPostgres) -> None:
    """SIGKILL every process of the server, the way a power cut takes them; its data stays as the kernel has it."""
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)  # no child is replaced while they are being counted
    for pid in [*working_in(server.folder), server.process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    server.process.wait()
    server.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "home") as server:
        yield server


@pytest.mark.timeout(180)
def test_acknowledged_commits_survive_whole_and_none_is_there_half(server: EmbeddedPostgres, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    tenant, dice = f"tenant-{uuid.uuid4()}", random.Random()
    for victim in ("committer", "server", "committer", "server"):
        with committing(server.url, tenant, journal.path) as committer:
            journal.wait_for_more(committer)
            time.sleep(LOAD_SECONDS * dice.random())
            if victim == "committer":
                committer.kill()
            else:
                kill_whole(server)
                server.start()
                journal.wait_for_more(committer)  # the committer goes on without a restart
    journal.read()
    asyncio.run(verify(server.url, tenant, journal))


@asynccontextmanager
async def opened(url: str, tenant: str) -> AsyncIterator[Home]:
    pool = Pool(PoolSettings(url=url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    yield Home(store, tenant)
    await store.close()


async def verify(url: str, tenant: str, journal: Journal) -> None:
    async with opened(url, tenant) as home:
        wanted = {planned.entity_id for attempt in journal.attempts.values() for planned in attempt.versions}
        stored = Stored(home)
        await stored.load(sorted(wanted))
        kept = [attempt for attempt in journal.attempts.values() if stored.is_whole(attempt)]
        lost = journal.acknowledged - {attempt.transaction_id for attempt in kept}
        assert not lost, f"{len(lost)} of {len(journal.acknowledged)} acknowledged commits are lost"
        await stored.check_projections(kept)
        for attempt in random.Random(1).sample(kept, min(len(kept), 20)):
            await stored.check_claims(attempt)
    assert len(journal.acknowledged) >= 4 * 20


class Stored:
    """What the database holds of the entities that the committers ever touched."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.histories: dict[UUID, list[Version]] = {}
        self.audited: dict[UUID, list[UUID]] = {}
        self.timers: dict[UUID, list[str]] = {}
        self.digests: dict[tuple[UUID, int], str] = {}

    async def load(self, entity_ids: list[UUID]) -> None:
        for start in range(0, len(entity_ids), AT_ONCE):
            await asyncio.gather(*(self._load_one(i) for i in entity_ids[start : start + AT_ONCE]))

    async def _load_one(self, entity_id: UUID) -> None:
        store, tenant = self.home.store, self.home.tenant
        history = list(await store.history(tenant, entity_id))
        self.histories[entity_id] = history
        self.audited[entity_id] = [record.transaction_id for record in await store.audit(tenant, entity_id)]
        self.timers[entity_id] = [timer.id for timer in await store.timers_of(tenant, entity_id)]
        for version in history:
            found = await store.read_as_of(tenant, entity_id, version.updated_at)
            self.digests[entity_id, version.number] = digest(found.document) if found else ""

    def is_whole(self, attempt: Attempt) -> bool:
        """Whether the change set was committed; fails the test when only a part of it is there."""
        versions = {
            (entity_id, version.number): version
            for entity_id in {planned.entity_id for planned in attempt.versions}
            for version in self.histories[entity_id]
            if version.transaction_id == attempt.transaction_id
        }
        parts = [
            *((planned.entity_id, planned.number) in versions for planned in attempt.versions),
            *(attempt.transaction_id in self.audited[entity_id] for entity_id in attempt.audited),
            *(any(timer in timers for timers in self._timers_of(attempt)) for timer in attempt.timers),
        ]
        assert len(set(parts)) == 1, f"half a change set: {parts}"
        if not parts[0]:
            return False
        assert len(versions) == len(attempt.versions)
        assert len({version.updated_at for version in versions.values()}) == 1, "one stamp a change set"
        for planned in attempt.versions:
            assert self.digests[planned.entity_id, planned.number] == planned.digest
        return True

    def _timers_of(self, attempt: Attempt) -> list[list[str]]:
        return [self.timers[planned.entity_id] for planned in attempt.versions]

    async def check_projections(self, kept: list[Attempt]) -> None:
        """Heads, scans and counts say what the newest versions say, and no version came from nowhere."""
        committed = {(planned.entity_id, planned.number) for attempt in kept for planned in attempt.versions}
        newest: dict[UUID, Version] = {}
        for entity_id, history in self.histories.items():
            numbers = [version.number for version in history]
            assert numbers == list(range(len(history), 0, -1))
            assert {(entity_id, number) for number in numbers} <= committed
            stamps: list[datetime] = [version.updated_at for version in history]
            assert stamps == sorted(set(stamps), reverse=True)
            if history and not history[0].deleted:
                newest[entity_id] = history[0]
        states: list[dict[str, Any]] = [{}, {"at": FAR_FUTURE}, {"snapshot": await self.home.begin()}]
        for state in states:
            found = await self.home.scan(**state)
            assert [(v.entity_id, v.number) for v in found] == [(i, newest[i].number) for i in sorted(newest)]
            for version in found:
                assert digest(version.document) == self.digests[version.entity_id, version.number]
        assert await self.home.counts() == {(ORDER, "NEW"): len(newest)}

    async def check_claims(self, attempt: Attempt) -> None:
        """A value is held exactly while its entity lives."""
        fresh = [planned.entity_id for planned in attempt.versions if planned.number == 1]
        for entity_id, held in zip(fresh, attempt.claims, strict=True):
            newest = self.histories[entity_id][0]
            claim = Claim("by-text", bytes.fromhex(held))
            if newest.deleted:
                await self.home.commit(created(claims=(claim,)))
            else:
                with pytest.raises(UniqueViolation):
                    await self.home.commit(created(claims=(claim,)))
