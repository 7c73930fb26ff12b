"""Asynchronous searches of one schema, and the work of all schemas (contract: search 3)."""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from cyoda.principal import TenantId
from workflows.core.entity import Version
from workflows.core.predicates.sort import SortField
from workflows.core.report.plan import ReportPlan
from workflows.core.search_job import JobStatus, SearchJob
from workflows.storage.base import Lease, Snapshot, Work, WorkKind
from workflows.storage.postgres import rows, snapshots
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements, templates

MAX_IDS = 10_000
"""Ids that one row of a result holds at most."""
_BATCH = 500
_plan = msgspec.json.Decoder(ReportPlan)
_sort = msgspec.json.Decoder(tuple[SortField, ...])


class SearchJobs:
    """The jobs of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def add(self, tenant: TenantId, job: SearchJob, due_at: datetime, definition: bytes) -> None:
        await self._changed(
            "add_search_job",
            job.id,
            job.model.name,
            job.model.version,
            job.condition.decode(),
            msgspec.json.encode(job.sort).decode(),
            job.snapshot,
            job.at,
            job.submitter.id,
            job.submitter.kind,
            job.created_at,
            self._sql.schema,
            tenant,
            due_at,
            None if job.report is None else job.report.definition_id,
            None if job.report is None else job.report.request_class,
            None if job.report is None else msgspec.json.encode(job.report).decode(),
            definition.decode(),
        )

    async def get(self, job_id: UUID) -> SearchJob | None:
        found = await self._pool.fetch(self._sql["search_job"], job_id)
        return job_of(found[0]) if found else None

    async def last(self, before: UUID | None, limit: int) -> Sequence[SearchJob]:
        return [job_of(row) for row in await self._pool.fetch(self._sql["last_search_jobs"], before, limit)]

    async def hold(self, job_id: UUID, lease: Lease, now: datetime) -> SearchJob | None:
        held = await self._changed("hold_search_job", job_id, lease.holder, lease.until, now, self._sql.schema)
        return job_of(held[0]) if held else None

    async def advance(self, job_id: UUID, lease: Lease, examined: int, found: Sequence[UUID]) -> bool:
        for start in range(0, len(found) or 1, MAX_IDS):
            part = list(found[start : start + MAX_IDS])
            rows_ = await self._changed(
                "advance_search_job", job_id, lease.holder, lease.until, examined, part, self._sql.schema
            )
            if not rows_[0][0]:
                return False
        return True

    async def finish(
        self,
        job_id: UUID,
        holder: UUID | None,
        status: JobStatus,
        at: datetime,
        due_at: datetime,
        error: str = "",
        groups: bytes = b"",
    ) -> bool:
        """`holder` None ends the job whoever holds it."""
        ended = await self._changed(
            "finish_search_job", job_id, holder, status.value, at, error, due_at, self._sql.schema, groups.decode()
        )
        return bool(ended[0][0])

    async def page(self, job: SearchJob, first: int, count: int) -> AsyncIterator[Sequence[Version]]:
        snapshot = snapshots.parsed(snapshots.text_of(Snapshot(job.snapshot), self._pool.system_identifier))
        ids = await self._ids(job.id, first, count)
        for start in range(0, len(ids), _BATCH):
            async with self._pool.scanning():
                seconds = self._pool.settings.scan_timeout
                part = ids[start : start + _BATCH]
                found = await self._pool.fetch(self._sql["read_seen"], part, snapshot, job.at, seconds=seconds)
            yield [rows.version(row) for row in found]

    async def remove(self, job_id: UUID) -> None:
        await self._changed("remove_search_job", job_id, self._sql.schema)

    async def _ids(self, job_id: UUID, first: int, count: int) -> Sequence[UUID]:
        end = first + count
        found: list[UUID] = []
        for row_first, ids in await self._pool.fetch(self._sql["search_job_ids"], job_id, first, end, MAX_IDS):
            found.extend(ids[max(0, first - row_first) : max(0, end - row_first)])
        return found

    async def _changed(self, name: str, *arguments: object) -> Sequence[Row]:
        async with self._pool.connection() as connection:
            return await connection.fetch(self._sql[name], *arguments)


async def take_due_work(pool: Pool, kind: WorkKind, now: datetime, again_at: datetime, limit: int) -> Sequence[Work]:
    """Work of all schemas of the database; none before there is a schema."""
    async with pool.connection() as connection:
        try:
            found = await connection.fetch(templates()["take_due_work"], kind, now, again_at, limit)
        except asyncpg.UndefinedTableError:
            return []
    return [Work(tenant=row[0], kind=row[1], id=row[2]) for row in found]


async def next_due(pool: Pool, kind: WorkKind) -> datetime | None:
    """The earliest moment at which work of any schema is due; none before there is a schema."""
    try:
        found = await pool.fetch(templates()["next_due_work"], kind)
    except asyncpg.UndefinedTableError:
        return None
    return found[0][0] if found else None


async def drop_work(pool: Pool, work: Work) -> None:
    async with pool.connection() as connection:
        await connection.execute(templates()["drop_work"], work.tenant, work.id)


def job_of(row: Row) -> SearchJob:
    """From a row of `search_job`."""
    (job_id, name, version, condition, sort, snapshot, at, submitter_id, submitter_kind, created_at, status,
     finished_at, examined, found, attempts, error, report) = row  # fmt: skip
    return SearchJob(
        id=job_id,
        model=rows.model_key(name, version),
        condition=condition.encode(),
        sort=_sort.decode(sort),
        snapshot=snapshot,
        at=at,
        submitter=rows.actor(submitter_id, submitter_kind),
        created_at=created_at,
        status=JobStatus(status),
        finished_at=finished_at,
        examined=examined,
        found=found,
        attempts=attempts,
        error=error,
        report=None if report is None else _plan.decode(report),
    )
