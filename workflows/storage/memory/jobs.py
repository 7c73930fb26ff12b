"""Asynchronous searches of one tenant, and the work of all tenants (contract: search 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from cyoda.principal import TenantId
from workflows.core.search_job import JobStatus, SearchJob
from workflows.storage.base import FoundReports, Lease, ReportFilter, Work, WorkKind


@dataclass(slots=True)
class _Job:
    job: SearchJob
    lease: Lease | None = None
    found: list[UUID] = field(default_factory=list[UUID])
    definition: bytes = b""
    groups: bytes = b""


class Agenda:
    """When which work is due; one entry a row."""

    def __init__(self) -> None:
        self._due: dict[tuple[TenantId, UUID], tuple[datetime, WorkKind]] = {}

    def put(self, tenant: TenantId, kind: WorkKind, row_id: UUID, due_at: datetime) -> None:
        self._due[tenant, row_id] = due_at, kind

    def drop(self, tenant: TenantId, row_id: UUID) -> None:
        self._due.pop((tenant, row_id), None)

    def next_due(self, kind: WorkKind) -> datetime | None:
        return min((due_at for due_at, due_kind in self._due.values() if due_kind == kind), default=None)

    def take(self, kind: WorkKind, now: datetime, again_at: datetime, limit: int) -> Sequence[Work]:
        due = [(due_at, row) for row, (due_at, due_kind) in self._due.items() if due_kind == kind and due_at <= now]
        taken = [row for _, row in sorted(due)[:limit]]
        for row in taken:
            self._due[row] = again_at, kind
        return [Work(tenant=tenant, kind=kind, id=row_id) for tenant, row_id in taken]


class SearchJobs:
    """The jobs of one tenant."""

    def __init__(self, tenant: TenantId, agenda: Agenda) -> None:
        self._tenant = tenant
        self._agenda = agenda
        self._jobs: dict[UUID, _Job] = {}

    def add(self, job: SearchJob, due_at: datetime, definition: bytes) -> None:
        self._jobs[job.id] = _Job(job, definition=definition)
        self._agenda.put(self._tenant, "search", job.id, due_at)

    def get(self, job_id: UUID) -> SearchJob | None:
        row = self._jobs.get(job_id)
        return row.job if row else None

    def last(self, before: UUID | None, limit: int) -> Sequence[SearchJob]:
        newest_first = sorted(
            (row.job for row in self._jobs.values() if row.job.report is None), key=_age, reverse=True
        )
        if before is None:
            return newest_first[:limit]
        bound = self.get(before)
        return [job for job in newest_first if bound and _age(job) < _age(bound)][:limit]

    def hold(self, job_id: UUID, lease: Lease, now: datetime) -> SearchJob | None:
        row = self._running(job_id)
        if row is None or (row.lease is not None and row.lease.until > now):
            return None
        row.lease, row.found = lease, []
        row.job = replace(row.job, examined=0, found=0, attempts=row.job.attempts + 1)
        self._agenda.put(self._tenant, "search", job_id, lease.until)
        return row.job

    def advance(self, job_id: UUID, lease: Lease, examined: int, found: Sequence[UUID]) -> bool:
        row = self._held(job_id, lease.holder)
        if row is None:
            return False
        row.lease = lease
        row.found.extend(found)
        row.job = replace(row.job, examined=examined, found=len(row.found))
        self._agenda.put(self._tenant, "search", job_id, lease.until)
        return True

    def finish(
        self, job_id: UUID, holder: UUID, status: JobStatus, at: datetime, due_at: datetime, error: str, groups: bytes
    ) -> bool:
        row = self._held(job_id, holder)
        if row is not None:
            row.groups = groups
        return row is not None and self._end(row, status, at, due_at, error)

    def cancel(self, job_id: UUID, at: datetime, due_at: datetime) -> bool:
        row = self._running(job_id)
        return row is not None and self._end(row, JobStatus.CANCELLED, at, due_at, "")

    def page(self, job_id: UUID, first: int, count: int) -> Sequence[UUID]:
        row = self._jobs.get(job_id)
        return row.found[first : first + count] if row and row.job.status is JobStatus.SUCCESSFUL else []

    def reports(self, wanted: ReportFilter) -> FoundReports:
        found = [row.job for row in self._jobs.values() if row.job.report is not None and _is_wanted(row.job, wanted)]
        found.sort(key=_age, reverse=not wanted.oldest_first)
        return FoundReports(found[wanted.offset : wanted.offset + wanted.limit], len(found))

    def texts(self, job_id: UUID) -> tuple[bytes, bytes]:
        row = self._jobs.get(job_id)
        return (row.definition, row.groups) if row else (b"", b"")

    def remove(self, job_id: UUID) -> None:
        self._jobs.pop(job_id, None)
        self._agenda.drop(self._tenant, job_id)

    def _end(self, row: _Job, status: JobStatus, at: datetime, due_at: datetime, error: str) -> bool:
        row.job = replace(row.job, status=status, finished_at=at, error=error)
        row.lease = None
        if status is not JobStatus.SUCCESSFUL:
            row.found = []
        self._agenda.put(self._tenant, "expiry", row.job.id, due_at)
        return True

    def _running(self, job_id: UUID) -> _Job | None:
        row = self._jobs.get(job_id)
        return row if row and row.job.status is JobStatus.RUNNING else None

    def _held(self, job_id: UUID, holder: UUID) -> _Job | None:
        row = self._running(job_id)
        return row if row and row.lease and row.lease.holder == holder else None


def _age(job: SearchJob) -> tuple[datetime, UUID]:
    return job.created_at, job.id


def _is_wanted(job: SearchJob, wanted: ReportFilter) -> bool:
    plan = job.report
    return (
        plan is not None
        and wanted.definition_id in (None, plan.definition_id)
        and wanted.request_class in (None, plan.request_class)
        and wanted.submitter in (None, job.submitter.id)
        and job.status in wanted.statuses
        and (wanted.since is None or job.created_at >= wanted.since)
        and (wanted.until is None or job.created_at <= wanted.until)
    )
