"""The reference implementation of the storage port: everything in dictionaries, one event loop, nothing durable.

No method awaits while it works, so each is atomic; what the conformance suite asks of a backend is read off here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from cyoda.errors import StorageUnavailable
from cyoda.principal import TenantId
from workflows.core.audit import AuditedTransaction, AuditRecord
from workflows.core.entity import ModelKey, Version
from workflows.core.field_index import READY, IndexState
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
    Work,
    WorkflowVersion,
    WorkKind,
)
from workflows.storage.memory.configuration import Configuration
from workflows.storage.memory.entities import Entities
from workflows.storage.memory.jobs import Agenda, SearchJobs
from workflows.storage.memory.messages import Messages
from workflows.storage.memory.reports import ReportDefinitions
from workflows.storage.memory.timers import Timers

_BATCH = 256
"""Versions a batch of a scan."""


class _Tenant:
    """All that one tenant owns; nothing in it can reach another."""

    def __init__(self, tenant: TenantId, agenda: Agenda) -> None:
        self.jobs = SearchJobs(tenant, agenda)
        self.reports = ReportDefinitions(self.jobs)
        self.entities = Entities()
        self.configuration = Configuration()
        self.messages = Messages()
        self.timers = Timers(tenant, agenda)
        self.audit: dict[UUID, list[AuditRecord]] = {}
        self.audit_order: list[AuditRecord] = []

    def commit(self, change: ChangeSet) -> datetime:
        self.configuration.check(change)
        self.entities.check(change)
        self.timers.check(change)
        self.configuration.extend(change.extensions)
        self.timers.apply(change)
        for record in change.audit:
            self.audit.setdefault(record.entity_id, []).append(record)
            self.audit_order.append(record)
        return self.entities.apply(change)


class MemoryStorage:
    """A `Storage`. Unknown tenants are created empty on first use."""

    def __init__(self) -> None:
        self._tenants: dict[TenantId, _Tenant] = {}
        self._agenda = Agenda()
        self._is_open = False

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        """What is stored stays for the next `open` of this object."""
        self._is_open = False

    async def ready(self) -> bool:
        return self._is_open

    # --- entities -----------------------------------------------------------------------------------------------

    async def read(
        self, tenant: TenantId, entity_ids: Sequence[UUID], *, snapshot: Snapshot | None = None
    ) -> Mapping[UUID, Version]:
        return self._of(tenant).entities.read(entity_ids, snapshot)

    async def begin(self, tenant: TenantId, entity_ids: Sequence[UUID] = ()) -> tuple[Snapshot, Mapping[UUID, Version]]:
        entities = self._of(tenant).entities
        return entities.snapshot(), entities.read(entity_ids, None)

    async def read_as_of(self, tenant: TenantId, entity_id: UUID, at: datetime) -> Version | None:
        return self._of(tenant).entities.read_as_of(entity_id, at)

    async def read_written_by(self, tenant: TenantId, entity_id: UUID, transaction_id: UUID) -> Version | None:
        return self._of(tenant).entities.read_written_by(entity_id, transaction_id)

    async def history(
        self, tenant: TenantId, entity_id: UUID, *, until: datetime | None = None, limit: int = 1000
    ) -> Sequence[Version]:
        return self._of(tenant).entities.history(entity_id, until, limit)

    async def scan(self, tenant: TenantId, scan: Scan) -> AsyncIterator[Batch]:
        found = self._of(tenant).entities.scan(scan)
        for start in range(0, len(found), _BATCH):
            yield Batch(found[start : start + _BATCH])

    async def plan(self, tenant: TenantId, scan: Scan) -> ScanPlan:
        """Every entity is looked at; a declared index changes nothing."""
        return ScanPlan((), len(self._of(tenant).entities.scan(scan)), exact=False)

    async def aggregate(self, tenant: TenantId, aggregation: Aggregation) -> Aggregated | None:
        """A scan here is as fast as anything."""
        return None

    async def count_by_state(self, tenant: TenantId, model: ModelKey | None = None) -> Sequence[StateCount]:
        return self._of(tenant).entities.count_by_state(model)

    async def commit(self, tenant: TenantId, change: ChangeSet) -> datetime:
        return self._of(tenant).commit(change)

    async def audit(self, tenant: TenantId, entity_id: UUID) -> Sequence[AuditRecord]:
        return tuple(self._of(tenant).audit.get(entity_id, ()))

    async def audited_transactions(
        self, tenant: TenantId, *, before: int | None = None, limit: int
    ) -> Sequence[AuditedTransaction]:
        records = self._of(tenant).audit_order
        counts = Counter(record.transaction_id for record in records)
        last = {record.transaction_id: position for position, record in enumerate(records, 1)}
        found = [AuditedTransaction(position, key, counts[key]) for key, position in last.items()]
        found.sort(key=lambda one: one.position, reverse=True)
        return [one for one in found if before is None or one.position < before][:limit]

    async def audit_of_transactions(
        self, tenant: TenantId, transaction_ids: Sequence[UUID], *, limit: int
    ) -> Sequence[tuple[AuditRecord, ModelKey | None]]:
        owner, taken = self._of(tenant), Counter[UUID]()
        last = {record.transaction_id: record for record in owner.audit_order}
        found: list[tuple[AuditRecord, ModelKey | None]] = []
        for record in owner.audit_order:
            key = record.transaction_id
            taken[key] += 1
            if key in transaction_ids and (taken[key] <= limit or record is last[key]):
                found.append((record, owner.entities.model_of(record.entity_id)))
        return found

    async def timers_of(self, tenant: TenantId, entity_id: UUID) -> Sequence[Timer]:
        return self._of(tenant).timers.of(entity_id)

    async def timers(self, tenant: TenantId, timer_ids: Sequence[str]) -> Sequence[Timer]:
        return self._of(tenant).timers.some(timer_ids)

    # --- configuration ------------------------------------------------------------------------------------------

    async def load(self, tenant: TenantId, key: ModelKey) -> StoredModel:
        return self._of(tenant).configuration.load(key)

    async def models(self, tenant: TenantId) -> Sequence[Model]:
        return self._of(tenant).configuration.models()

    async def change(
        self, tenant: TenantId, key: ModelKey, decide: Callable[[StoredModel, int], ModelChange]
    ) -> StoredModel:
        owner = self._of(tenant)
        successor = decide(owner.configuration.load(key), owner.entities.live(key))
        return owner.configuration.replace(key, successor)

    async def workflow_versions(
        self, tenant: TenantId, key: ModelKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[WorkflowVersion]:
        return self._of(tenant).configuration.versions(key, before, limit)

    async def workflow_version(self, tenant: TenantId, key: ModelKey, number: int) -> WorkflowVersion | None:
        return self._of(tenant).configuration.version(key, number)

    async def index_states(self, tenant: TenantId, key: ModelKey) -> Mapping[str, IndexState]:
        model = self._of(tenant).configuration.load(key).model
        return {} if model is None else dict.fromkeys(model.indexed, READY)

    # --- messages -----------------------------------------------------------------------------------------------

    async def put_message(self, tenant: TenantId, message: Message) -> None:
        self._of(tenant).messages.put(message)

    async def message(self, tenant: TenantId, message_id: UUID) -> Message | None:
        return self._of(tenant).messages.get(message_id)

    async def messages(
        self, tenant: TenantId, *, before: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[MessageHead]:
        return self._of(tenant).messages.newest(before, limit)

    async def delete_messages(self, tenant: TenantId, message_ids: Sequence[UUID]) -> Sequence[UUID]:
        return self._of(tenant).messages.delete(message_ids)

    # --- asynchronous searches ----------------------------------------------------------------------------------

    async def add_search_job(
        self, tenant: TenantId, job: SearchJob, *, due_at: datetime, definition: bytes = b""
    ) -> None:
        self._of(tenant).jobs.add(job, due_at, definition)

    async def search_job(self, tenant: TenantId, job_id: UUID) -> SearchJob | None:
        return self._of(tenant).jobs.get(job_id)

    async def search_jobs(self, tenant: TenantId, *, before: UUID | None = None, limit: int) -> Sequence[SearchJob]:
        return self._of(tenant).jobs.last(before, limit)

    async def hold_search_job(self, tenant: TenantId, job_id: UUID, lease: Lease, *, now: datetime) -> SearchJob | None:
        return self._of(tenant).jobs.hold(job_id, lease, now)

    async def advance_search_job(
        self, tenant: TenantId, job_id: UUID, lease: Lease, *, examined: int, found: Sequence[UUID] = ()
    ) -> bool:
        return self._of(tenant).jobs.advance(job_id, lease, examined, found)

    async def finish_search_job(
        self, tenant: TenantId, job_id: UUID, holder: UUID, *, status: JobStatus, at: datetime, due_at: datetime,
        error: str = "", groups: bytes = b"",
    ) -> bool:  # fmt: skip
        return self._of(tenant).jobs.finish(job_id, holder, status, at, due_at, error, groups)

    async def cancel_search_job(self, tenant: TenantId, job_id: UUID, *, at: datetime, due_at: datetime) -> bool:
        return self._of(tenant).jobs.cancel(job_id, at, due_at)

    async def search_page(
        self, tenant: TenantId, job: SearchJob, *, first: int, count: int
    ) -> AsyncIterator[Sequence[Version]]:
        owner = self._of(tenant)
        ids = owner.jobs.page(job.id, first, count)
        for start in range(0, len(ids), _BATCH):
            seen = [
                owner.entities.seen(entity_id, Snapshot(job.snapshot), job.at)
                for entity_id in ids[start : start + _BATCH]
            ]
            yield [version for version in seen if version]

    async def remove_search_job(self, tenant: TenantId, job_id: UUID) -> None:
        self._of(tenant).jobs.remove(job_id)

    async def take_due_work(self, kind: WorkKind, *, now: datetime, again_at: datetime, limit: int) -> Sequence[Work]:
        return self._agenda.take(kind, now, again_at, limit)

    async def next_due(self, kind: WorkKind) -> datetime | None:
        return self._agenda.next_due(kind)

    async def drop_work(self, work: Work) -> None:
        self._agenda.drop(work.tenant, work.id)

    # --- reports ------------------------------------------------------------------------------------------------

    async def report_definitions(
        self, tenant: TenantId, ids: Sequence[str] | None = None
    ) -> Sequence[ReportDefinition]:
        return self._of(tenant).reports.get(ids)

    async def change_report_definitions(
        self,
        tenant: TenantId,
        ids: Sequence[str],
        decide: Callable[[Mapping[str, StoredDefinition]], DefinitionChanges],
    ) -> None:
        self._of(tenant).reports.change(ids, decide)

    async def reports(self, tenant: TenantId, wanted: ReportFilter) -> FoundReports:
        return self._of(tenant).jobs.reports(wanted)

    async def report_texts(self, tenant: TenantId, job_id: UUID) -> tuple[bytes, bytes]:
        return self._of(tenant).jobs.texts(job_id)

    def _of(self, tenant: TenantId) -> _Tenant:
        if not self._is_open:
            raise StorageUnavailable
        if tenant not in self._tenants:
            self._tenants[tenant] = _Tenant(tenant, self._agenda)
        return self._tenants[tenant]
