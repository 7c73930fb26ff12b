"""Audit records and timers: written with their change set (commit.py), read here."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import msgspec

from workflows.core.audit import AuditedTransaction, AuditRecord, Event
from workflows.core.entity import ModelKey
from workflows.core.timer import Timer
from workflows.storage.postgres import rows
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements

_events = msgspec.json.Decoder(tuple[Event, ...], float_hook=Decimal)

_NO_END = 2**63 - 1


class Records:
    """Audit and timers of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def audit(self, entity_id: UUID) -> Sequence[AuditRecord]:
        return [
            AuditRecord(entity_id=entity_id, transaction_id=row[0], events=_events.decode(row[1]))
            for row in await self._pool.fetch(self._sql["audit"], entity_id)
        ]

    async def audited_transactions(self, before: int | None, limit: int) -> Sequence[AuditedTransaction]:
        sql = self._sql["audited_transactions"]
        return [AuditedTransaction(*row) for row in await self._pool.fetch(sql, before or _NO_END, limit)]

    async def audit_of_transactions(
        self, transaction_ids: Sequence[UUID], limit: int
    ) -> Sequence[tuple[AuditRecord, ModelKey | None]]:
        return [
            (
                AuditRecord(entity_id=entity_id, transaction_id=transaction_id, events=_events.decode(events)),
                None if name is None else rows.model_key(name, version),
            )
            for entity_id, transaction_id, events, name, version in await self._pool.fetch(
                self._sql["audit_of_transactions"], list(transaction_ids), limit
            )
        ]

    async def timers_of(self, entity_id: UUID) -> Sequence[Timer]:
        return [_timer(row) for row in await self._pool.fetch(self._sql["timers_of"], entity_id)]

    async def timers(self, timer_ids: Sequence[str]) -> Sequence[Timer]:
        return [_timer(row) for row in await self._pool.fetch(self._sql["timers"], list(timer_ids))]


def _timer(row: Row) -> Timer:
    timer_id, entity_id, name, version, source_state, transition, due_at, timeout_ms, armed_at, by_id, by_kind = row
    return Timer(
        id=timer_id,
        entity_id=entity_id,
        model=rows.model_key(name, version),
        source_state=source_state,
        transition=transition,
        due_at=due_at,
        timeout_ms=timeout_ms,
        armed_at=armed_at,
        armed_by=rows.actor(by_id, by_kind),
    )
