"""The PostgreSQL backend of the storage port: one schema a tenant, everything else in the rooms beside this file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from cyoda.errors import StorageUnavailable
from cyoda.principal import TenantId
from workflows.core.audit import AuditedTransaction, AuditRecord
from workflows.core.entity import ModelKey, Version
from workflows.core.field_index import IndexState
from workflows.core.message import Message, MessageHead
from workflows.core.report.plan import ReportDefinition
from workflows.core.schema.model import Model
from workflows.core.search_job import JobStatus, SearchJob
from workflows.core.timer import Timer
from workflows.storage.base import (
    Aggregated,
    Aggregation,
    Batch,
    ChangeSet,
    DefinitionChanges,
    FoundReports,
    Lease,
    ModelChange,
    ReportFilter,
    Scan,
    ScanPlan,
    Snapshot,
    StateCount,
    StoredDefinition,
    StoredModel,
    TenantDirectory,
    Work,
    WorkflowVersion,
    WorkKind,
)
from workflows.storage.postgres import index_builder, jobs
from workflows.storage.postgres.aggregation import Aggregations
from workflows.storage.postgres.commit import Commits
from workflows.storage.postgres.configuration import Configuration
from workflows.storage.postgres.index_builder import IndexBuilder
from workflows.storage.postgres.messages import Messages
from workflows.storage.postgres.pool import Pool
from workflows.storage.postgres.reads import Reads
from workflows.storage.postgres.records import Records
from workflows.storage.postgres.reports import Reports
from workflows.storage.postgres.scan import Scans
from workflows.storage.postgres.statements import Statements
from workflows.storage.postgres.tenants import upgrade_schemas

_READY_SECONDS = 2.0


class _Tenant:
    """One schema: its statements, and the queues of what waits for it."""

    def __init__(self, pool: Pool, schema: str, tenant: TenantId) -> None:
        self.sql = sql = Statements(schema)
        self.reads = Reads(pool, sql)
        self.scans = Scans(pool, sql)
        self.aggregations = Aggregations(pool, sql, self.scans)
        self.commits = Commits(pool, sql, tenant)
        self.records = Records(pool, sql)
        self.configuration = Configuration(pool, sql)
        self.messages = Messages(pool, sql)
        self.jobs = jobs.SearchJobs(pool, sql)
        self.reports = Reports(pool, sql)


class PostgresStorage:
    """A `Storage` on one PostgreSQL database, for one event loop."""

    def __init__(self, pool: Pool, directory: TenantDirectory) -> None:
        self._pool = pool
        self._directory = directory
        self._schemas: dict[str, _Tenant] = {}
        self._builder = IndexBuilder(pool)

    async def open(self) -> None:
        """Connect, and bring all tenants' schemas up to date. Raises StorageUnavailable."""
        await self._pool.open()
        await upgrade_schemas(self._pool)
        self._builder.start()

    async def close(self) -> None:
        await self._builder.stop()
        await self._pool.close()

    async def ready(self) -> bool:
        try:
            async with self._pool.connection(_READY_SECONDS) as connection:
                await connection.fetchval("SELECT 1")
        except StorageUnavailable:
            return False
        return True

    # --- entities -----------------------------------------------------------------------------------------------

    async def read(
        self, tenant: TenantId, entity_ids: Sequence[UUID], *, snapshot: Snapshot | None = None
    ) -> Mapping[UUID, Version]:
        return await (await self._of(tenant)).reads.read(entity_ids, snapshot)

    async def begin(self, tenant: TenantId, entity_ids: Sequence[UUID] = ()) -> tuple[Snapshot, Mapping[UUID, Version]]:
        return await (await self._of(tenant)).reads.begin(entity_ids)

    async def read_as_of(self, tenant: TenantId, entity_id: UUID, at: datetime) -> Version | None:
        return await (await self._of(tenant)).reads.read_as_of(entity_id, at)

    async def read_written_by(self, tenant: TenantId, entity_id: UUID, transaction_id: UUID) -> Version | None:
        return await (await self._of(tenant)).reads.read_written_by(entity_id, transaction_id)

    async def history(
        self, tenant: TenantId, entity_id: UUID, *, until: datetime | None = None, limit: int = 1000
    ) -> Sequence[Version]:
        return await (await self._of(tenant)).reads.history(entity_id, until, limit)

    async def scan(self, tenant: TenantId, scan: Scan) -> AsyncIterator[Batch]:
        async for batch in (await self._of(tenant)).scans.scan(scan):
            yield batch

    async def plan(self, tenant: TenantId, scan: Scan) -> ScanPlan:
        return await (await self._of(tenant)).scans.plan(scan)

    async def aggregate(self, tenant: TenantId, aggregation: Aggregation) -> Aggregated | None:
        return await (await self._of(tenant)).aggregations.aggregate(aggregation)

    async def count_by_state(self, tenant: TenantId, model: ModelKey | None = None) -> Sequence[StateCount]:
        return await (await self._of(tenant)).reads.count_by_state(model)

    async def commit(self, tenant: TenantId, change: ChangeSet) -> datetime:
        moment = await (await self._of(tenant)).commits.commit(change)
        if change.extensions:
            self._builder.wake()
        return moment

    async def audit(self, tenant: TenantId, entity_id: UUID) -> Sequence[AuditRecord]:
        return await (await self._of(tenant)).records.audit(entity_id)

    async def audited_transactions(
        self, tenant: TenantId, *, before: int | None = None, limit: int
    ) -> Sequence[AuditedTransaction]:
        return await (await self._of(tenant)).records.audited_transactions(before, limit)

    async def audit_of_transactions(
        self, tenant: TenantId, transaction_ids: Sequence[UUID], *, limit: int
    ) -> Sequence[tuple[AuditRecord, ModelKey | None]]:
        return await (await self._of(tenant)).records.audit_of_transactions(transaction_ids, limit)

    async def timers_of(self, tenant: TenantId, entity_id: UUID) -> Sequence[Timer]:
        return await (await self._of(tenant)).records.timers_of(entity_id)

    async def timers(self, tenant: TenantId, timer_ids: Sequence[str]) -> Sequence[Timer]:
        return await (await self._of(tenant)).records.timers(timer_ids)

    # --- configuration ------------------------------------------------------------------------------------------

    async def load(self, tenant: TenantId, key: ModelKey) -> StoredModel:
        return await (await self._of(tenant)).configuration.load(key)

    async def models(self, tenant: TenantId) -> Sequence[Model]:
        return await (await self._of(tenant)).configuration.models()

    async def change(
        self, tenant: TenantId, key: ModelKey, decide: Callable[[StoredModel, int], ModelChange]
    ) -> StoredModel:
        changed = await (await self._of(tenant)).configuration.change(key, decide)
        self._builder.wake()
        return changed

    async def workflow_versions(
        self, tenant: TenantId, key: ModelKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[WorkflowVersion]:
        return await (await self._of(tenant)).configuration.versions(key, before, limit)

    async def workflow_version(self, tenant: TenantId, key: ModelKey, number: int) -> WorkflowVersion | None:
        return await (await self._of(tenant)).configuration.version(key, number)

    async def index_states(self, tenant: TenantId, key: ModelKey) -> Mapping[str, IndexState]:
        return await index_builder.states(self._pool, (await self._of(tenant)).sql, key)

    # --- messages -----------------------------------------------------------------------------------------------

    async def put_message(self, tenant: TenantId, message: Message) -> None:
        await (await self._of(tenant)).messages.put(message)

    async def message(self, tenant: TenantId, message_id: UUID) -> Message | None:
        return await (await self._of(tenant)).messages.get(message_id)

    async def messages(
        self, tenant: TenantId, *, before: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[MessageHead]:
        return await (await self._of(tenant)).messages.newest(before, limit)

    async def delete_messages(self, tenant: TenantId, message_ids: Sequence[UUID]) -> Sequence[UUID]:
        return await (await self._of(tenant)).messages.delete(message_ids)

    # --- asynchronous searches ----------------------------------------------------------------------------------

    async def add_search_job(
        self, tenant: TenantId, job: SearchJob, *, due_at: datetime, definition: bytes = b""
    ) -> None:
        await (await self._of(tenant)).jobs.add(tenant, job, due_at, definition)

    async def search_job(self, tenant: TenantId, job_id: UUID) -> SearchJob | None:
        return await (await self._of(tenant)).jobs.get(job_id)

    async def search_jobs(self, tenant: TenantId, *, before: UUID | None = None, limit: int) -> Sequence[SearchJob]:
        return await (await self._of(tenant)).jobs.last(before, limit)

    async def hold_search_job(self, tenant: TenantId, job_id: UUID, lease: Lease, *, now: datetime) -> SearchJob | None:
        return await (await self._of(tenant)).jobs.hold(job_id, lease, now)

    async def advance_search_job(
        self, tenant: TenantId, job_id: UUID, lease: Lease, *, examined: int, found: Sequence[UUID] = ()
    ) -> bool:
        return await (await self._of(tenant)).jobs.advance(job_id, lease, examined, found)

    async def finish_search_job(
        self, tenant: TenantId, job_id: UUID, holder: UUID, *, status: JobStatus, at: datetime, due_at: datetime,
        error: str = "", groups: bytes = b"",
    ) -> bool:  # fmt: skip
        return await (await self._of(tenant)).jobs.finish(job_id, holder, status, at, due_at, error, groups)

    async def cancel_search_job(self, tenant: TenantId, job_id: UUID, *, at: datetime, due_at: datetime) -> bool:
        return await (await self._of(tenant)).jobs.finish(job_id, None, JobStatus.CANCELLED, at, due_at)

    async def search_page(
        self, tenant: TenantId, job: SearchJob, *, first: int, count: int
    ) -> AsyncIterator[Sequence[Version]]:
        async for batch in (await self._of(tenant)).jobs.page(job, first, count):
            yield batch

    async def remove_search_job(self, tenant: TenantId, job_id: UUID) -> None:
        await (await self._of(tenant)).jobs.remove(job_id)

    async def take_due_work(self, kind: WorkKind, *, now: datetime, again_at: datetime, limit: int) -> Sequence[Work]:
        return await jobs.take_due_work(self._pool, kind, now, again_at, limit)

    async def next_due(self, kind: WorkKind) -> datetime | None:
        return await jobs.next_due(self._pool, kind)

    async def drop_work(self, work: Work) -> None:
        await jobs.drop_work(self._pool, work)

    # --- reports ------------------------------------------------------------------------------------------------

    async def report_definitions(
        self, tenant: TenantId, ids: Sequence[str] | None = None
    ) -> Sequence[ReportDefinition]:
        return await (await self._of(tenant)).reports.definitions(ids)

    async def change_report_definitions(
        self,
        tenant: TenantId,
        ids: Sequence[str],
        decide: Callable[[Mapping[str, StoredDefinition]], DefinitionChanges],
    ) -> None:
        await (await self._of(tenant)).reports.change(ids, decide)

    async def reports(self, tenant: TenantId, wanted: ReportFilter) -> FoundReports:
        return await (await self._of(tenant)).reports.runs(wanted)

    async def report_texts(self, tenant: TenantId, job_id: UUID) -> tuple[bytes, bytes]:
        return await (await self._of(tenant)).reports.texts(job_id)

    async def _of(self, tenant: TenantId) -> _Tenant:
        schema = await self._directory.schema_of(tenant)
        found = self._schemas.get(schema)
        if found is None:
            found = self._schemas[schema] = _Tenant(self._pool, schema, tenant)
        return found
