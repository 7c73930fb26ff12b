"""Report definitions of one schema, and their runs (contract: control plane 9.5)."""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from workflows.core.report.plan import ReportDefinition
from workflows.storage.base import DefinitionChanges, FoundReports, ReportFilter, StoredDefinition
from workflows.storage.postgres import rows
from workflows.storage.postgres.jobs import job_of
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements


class Reports:
    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def definitions(self, ids: Sequence[str] | None) -> Sequence[ReportDefinition]:
        names = None if ids is None else list(ids)
        return [_definition(row) for row in await self._pool.fetch(self._sql["report_definitions"], names)]

    async def change(
        self, ids: Sequence[str], decide: Callable[[Mapping[str, StoredDefinition]], DefinitionChanges]
    ) -> None:
        """One transaction that other changes of definitions wait for. Raises what `decide` raises."""
        names = list(ids)
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(self._sql["lock_report_definitions"])
            found = [_definition(row) for row in await connection.fetch(self._sql["report_definitions"], names)]
            runs: dict[str, int] = dict(await connection.fetch(self._sql["report_runs"], names))
            stored = {each.id: StoredDefinition(each, runs.get(each.id, 0)) for each in found}
            for name, new in decide(stored).items():
                if new is None:
                    await connection.execute(self._sql["delete_report_definition"], name)
                else:
                    values = new.id, new.document.decode(), new.owner.id, new.owner.kind, new.created_at
                    await connection.execute(self._sql["save_report_definition"], *values)

    async def runs(self, wanted: ReportFilter) -> FoundReports:
        text, _ = self._sql.variant("reports", frozenset({"oldest" if wanted.oldest_first else "newest"}))
        found = await self._pool.fetch(
            text,
            wanted.definition_id,
            wanted.request_class,
            wanted.submitter,
            [status.value for status in wanted.statuses],
            wanted.since,
            wanted.until,
            wanted.offset,
            wanted.limit,
        )
        jobs = [job_of(row[1:]) for row in found if row[1] is not None]
        jobs.sort(key=lambda job: (job.created_at, job.id), reverse=not wanted.oldest_first)
        return FoundReports(jobs, found[0][0])

    async def texts(self, job_id: UUID) -> tuple[bytes, bytes]:
        found = await self._pool.fetch(self._sql["report_texts"], job_id)
        return (found[0][0].encode(), found[0][1].encode()) if found else (b"", b"")


def _definition(row: Row) -> ReportDefinition:
    name, document, owner_id, owner_kind, created_at = row
    return ReportDefinition(
        id=name, document=document.encode(), owner=rows.actor(owner_id, owner_kind), created_at=created_at
    )
