"""Reads by id and of history. Reads and begins that wait at the same moment share one statement."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from workflows.core.entity import ModelKey, Version
from workflows.storage.base import Snapshot, StateCount
from workflows.storage.postgres import rows, snapshots
from workflows.storage.postgres.batching import Batching, Waiting
from workflows.storage.postgres.pool import Pool
from workflows.storage.postgres.statements import Statements

_MAX_IDS = 512
"""Ids that one statement reads for several callers; a single caller's are never split."""
_WITH_TOKEN, _WITHOUT = frozenset(("begin",)), frozenset[str]()
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

Question = tuple[Sequence[UUID], Snapshot | None, datetime | None, bool]
"""Entity ids, the snapshot and the instant to read them at, and whether a fresh snapshot is asked for."""
Found = tuple[Snapshot | None, dict[UUID, Version]]


def _take(queue: deque[Waiting[Question, Found]]) -> list[Waiting[Question, Found]]:
    batch = [queue.popleft()]
    total = len(batch[0].item[0])
    while queue and (total := total + len(queue[0].item[0])) <= _MAX_IDS:
        batch.append(queue.popleft())
    return batch


class Reads:
    """The reads of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql
        self._batching: Batching[Question, Found] = Batching(self._answer, _take, parallel=2)

    async def read(self, entity_ids: Sequence[UUID], snapshot: Snapshot | None) -> Mapping[UUID, Version]:
        if not entity_ids:
            return {}
        if snapshot is not None:
            snapshots.text_of(snapshot, self._pool.system_identifier)  # raises Conflict for this caller alone
        return (await self._batching.submit((entity_ids, snapshot, None, False)))[1]

    async def begin(self, entity_ids: Sequence[UUID]) -> tuple[Snapshot, Mapping[UUID, Version]]:
        token, found = await self._batching.submit((entity_ids, None, None, True))
        assert token is not None  # one was asked for
        return token, found

    async def _answer(self, questions: Sequence[Question]) -> Sequence[Found | BaseException]:
        cluster = self._pool.system_identifier
        numbers: dict[tuple[UUID, str | None, datetime | None], int] = {}
        wanted: list[list[int]] = []
        for entity_ids, snapshot, at, _ in questions:
            text = None if snapshot is None else snapshots.text_of(snapshot, cluster)
            wanted.append([numbers.setdefault((each, text, at), len(numbers) + 1) for each in entity_ids])
        begins = any(question[3] for question in questions)
        found: dict[int, Version] = {}
        fresh: Snapshot | None = None
        sql, _ = self._sql.variant("read", _WITH_TOKEN if begins else _WITHOUT)
        columns = ([key[column] for key in numbers] for column in range(3))
        for row in await self._pool.fetch(sql, *columns):
            if row[0]:
                found[row[0]] = rows.version(row)
            else:
                fresh = snapshots.token(cluster, row[2])
        return [
            (fresh if question[3] else None, {v.entity_id: v for number in mine if (v := found.get(number))})
            for question, mine in zip(questions, wanted, strict=True)
        ]

    async def read_as_of(self, entity_id: UUID, at: datetime) -> Version | None:
        return (await self._batching.submit(((entity_id,), None, at, False)))[1].get(entity_id)

    async def read_written_by(self, entity_id: UUID, transaction_id: UUID) -> Version | None:
        found = await self._pool.fetch(self._sql["read_written_by"], entity_id, transaction_id)
        return rows.version(found[0]) if found else None

    async def history(self, entity_id: UUID, until: datetime | None, limit: int) -> Sequence[Version]:
        found = await self._pool.fetch(self._sql["history"], entity_id, until or _END_OF_TIME, limit)
        return [rows.version(row) for row in found]

    async def count_by_state(self, model: ModelKey | None) -> Sequence[StateCount]:
        name, arguments = ("count_all", ()) if model is None else ("count_model", (model.id,))
        async with self._pool.scanning():
            seconds = self._pool.settings.scan_timeout
            found = await self._pool.fetch(self._sql[name], *arguments, seconds=seconds)
        return [StateCount(rows.model_key(row[0], row[1]), row[2], row[3], row[4]) for row in found]
