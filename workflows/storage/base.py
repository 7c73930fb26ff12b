"""The storage port: what the platform needs of a backend, and nothing that only SQL could do.

Append-only: a commit adds versions, audit and timers; a version's `valid_to` is closed once and nothing else is ever
overwritten. Every method takes the tenant. Nothing here holds a connection between calls; a `Snapshot` is a token.
All methods raise StorageUnavailable when the backend does not answer. See docs/adr/0001-storage-and-transactions.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, NewType, Protocol
from uuid import UUID

import msgspec

from cyoda.principal import Actor, TenantId
from workflows.core.audit import AuditRecord
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.field_index import IndexState
from workflows.core.predicates.narrowing import Narrowing
from workflows.core.report.plan import ReportDefinition
from workflows.core.schema.model import Model
from workflows.core.schema.node import Node
from workflows.core.search_job import JobStatus, SearchJob
from workflows.core.timer import Timer
from workflows.core.unique import Claim
from workflows.storage.audit import AuditStore
from workflows.storage.messages import MessageStore

Snapshot = NewType("Snapshot", str)
"""An opaque token of one consistent committed state; valid as long as the backend's data directory."""


class StaleConfiguration(Exception):
    """The tenant's configuration changed since the change set was computed; reload and decide again."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """The next version of one entity. `expected` is the number of the version it replaces, 0 for a new entity.

    `document` None deletes the entity: the version becomes a tombstone with `state` as it was.
    """

    entity_id: UUID
    model: ModelKey
    expected: int
    state: str
    document: Document | None
    transition: str
    attributed: Actor
    executor: Actor
    claims: tuple[Claim, ...] | None = None
    """The unique values the entity holds from now on, replacing all it held; None when its model declares no keys."""


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """A schema to be merged into a model's schema with the commit. Extensions never conflict with each other."""

    model: ModelKey
    node: Node


class ChangeSet(msgspec.Struct, frozen=True, kw_only=True):
    """All that one transaction commits, applied atomically or refused.

    `at` is the proposed commit moment; the backend moves it forward by microseconds where needed, so that an
    entity's versions rise strictly. One moment is shared by all versions of the change set.
    `reads` are the version numbers of entities that were read but not written: they must still be current.
    `epoch` is the configuration epoch the change was computed under; None skips the check.
    """

    transaction_id: UUID
    at: datetime
    writes: tuple[Write, ...] = ()
    reads: Mapping[UUID, int] = {}
    audit: tuple[AuditRecord, ...] = ()
    arm: tuple[Timer, ...] = ()
    disarm: tuple[str, ...] = ()
    """Ids of timers to remove; removing an absent one is fine."""
    armed: tuple[Timer, ...] = ()
    """Timers that must still be armed exactly as they were read: of several commits that fire one, one is accepted."""
    extensions: tuple[Extension, ...] = ()
    epoch: int | None = None


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """Which live entities of a model, in ascending id order, or in descending.

    `after` leaves out those up to an id, in that order, and the id itself.

    `at` is an inclusive instant; with a `snapshot` besides, what the snapshot sees of that instant. Neither means the
    latest committed state.
    `narrowing` may leave out entities that certainly do not match; what comes back is a superset of the matches, and
    batches say so when it is no more than that.
    """

    model: ModelKey
    snapshot: Snapshot | None = None
    at: datetime | None = None
    narrowing: Narrowing | None = None
    indexed: frozenset[str] = frozenset()
    """The fields that the model declares indexed (`$.a.b`, `@state`); a backend may find what is narrowed by them."""
    after: UUID | None = None
    descending: bool = False
    offset: int = 0
    limit: int | None = None
    at_first: int | None = None
    """How many a reader who means to stop early takes at first: a backend need not fetch more than that before."""


class Batch(list[Version]):
    """Some of what a scan finds. `exact`: the narrowing accepts all of them, so they match if it is exact itself."""

    def __init__(self, versions: Iterable[Version], *, exact: bool = False) -> None:
        super().__init__(versions)
        self.exact = exact


class ScanPlan(msgspec.Struct, frozen=True):
    """How a scan's narrowing is answered: by which declared indexes (by no one: the model is looked through), among how
    many entities it looks for what it accepts, and whether the backend's answer may hold more than that."""

    fields: tuple[str, ...]
    examined: int
    exact: bool


class Aggregation(msgspec.Struct, frozen=True, kw_only=True):
    """How to count what a scan finds. Its narrowing accepts nothing that does not match.

    `group_by` and `fields` are member names from the document's root to the values that make a group's key, and to
    the numbers that are sampled; no names in `group_by` mean the state. Entities `without` are left out.
    """

    scan: Scan
    group_by: tuple[tuple[str, ...], ...]
    fields: tuple[tuple[str, ...], ...]
    without: tuple[UUID, ...] = ()
    max_groups: int


class Numbers(NamedTuple):
    """The numbers at a field in a group, as doubles; `squares` are summed squared deviations from the mean."""

    number: int
    total: float
    squares: float
    low: float
    high: float


class CountedGroup(msgspec.Struct, frozen=True):
    """`key` has the texts of the group's values, None for no scalar; `samples` one entry for each field."""

    key: tuple[str | None, ...]
    count: int
    samples: tuple[Numbers, ...]


class Aggregated(NamedTuple):
    """Groups, one more than asked for when there are too many, and in batches the entities that are in none of them.

    Among the latter may be entities that do not match, or are to be left out.
    """

    groups: Sequence[CountedGroup]
    uncounted: AsyncIterator[Sequence[Version]]


class StateCount(msgspec.Struct, frozen=True):
    """Live entities of a model in a state; the latest commit of any of them, None where nobody asked for it."""

    model: ModelKey
    state: str
    count: int
    last_write: datetime | None = None


class EntityStore(AuditStore, Protocol):
    """Entities, their history, audit trail and timers (contract: entities 1.6, engine 5-6)."""

    async def read(
        self, tenant: TenantId, entity_ids: Sequence[UUID], *, snapshot: Snapshot | None = None
    ) -> Mapping[UUID, Version]:
        """The live versions of the given entities, latest or as the snapshot sees them; missing ones are left out."""
        ...

    async def begin(self, tenant: TenantId, entity_ids: Sequence[UUID] = ()) -> tuple[Snapshot, Mapping[UUID, Version]]:
        """A fresh snapshot, and the given entities as it sees them, in one round trip."""
        ...

    async def read_as_of(self, tenant: TenantId, entity_id: UUID, at: datetime) -> Version | None:
        """The live version at an instant (inclusive)."""
        ...

    async def read_written_by(self, tenant: TenantId, entity_id: UUID, transaction_id: UUID) -> Version | None:
        """The version that a transaction wrote, tombstones excluded."""
        ...

    async def history(
        self, tenant: TenantId, entity_id: UUID, *, until: datetime | None = None, limit: int = 1000
    ) -> Sequence[Version]:
        """All versions, newest first, tombstones included; documents are left empty. Unknown entity: empty."""
        ...

    def scan(self, tenant: TenantId, scan: Scan) -> AsyncIterator[Batch]:
        """Entities in batches, one consistent state throughout."""
        ...

    async def plan(self, tenant: TenantId, scan: Scan) -> ScanPlan:
        """How a scan would go about it now."""
        ...

    async def aggregate(self, tenant: TenantId, aggregation: Aggregation) -> Aggregated | None:
        """Count by groups inside the backend, exactly; None when it cannot, and the caller has to scan."""
        ...

    async def count_by_state(self, tenant: TenantId, model: ModelKey | None = None) -> Sequence[StateCount]:
        """Live entities by model and state; models and states without entities are left out."""
        ...

    async def commit(self, tenant: TenantId, change: ChangeSet) -> datetime:
        """Apply the change set durably and return its commit moment.

        Raises Conflict (an expected or read version is no longer current, or a timer armed otherwise),
        UniqueViolation, StaleConfiguration. Each armed timer is work of the kind `timer` that is due when it is, until
        it is disarmed.
        """
        ...

    async def timers_of(self, tenant: TenantId, entity_id: UUID) -> Sequence[Timer]: ...

    async def timers(self, tenant: TenantId, timer_ids: Sequence[str]) -> Sequence[Timer]:
        """The armed ones of the given timers, in no order."""
        ...


class StoredModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model with its imported workflow documents (normalised JSON text, in stored order), as of an epoch.

    `revision` is the number of the newest kept version of its workflows, 0 before the first.
    """

    model: Model | None
    workflows: tuple[bytes, ...]
    epoch: int
    revision: int = 0


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """Who changed a model's workflows, when and how (the import's mode, or another word)."""

    at: datetime
    mode: str
    actor: Actor | None = None


class WorkflowVersion(msgspec.Struct, frozen=True, kw_only=True):
    """All workflows of a model as one import left them; numbers rise by one from 1."""

    number: int
    made: Import
    names: tuple[str, ...]
    workflows: tuple[bytes, ...] = ()


class ModelChange(msgspec.Struct, frozen=True, kw_only=True):
    """What a change of configuration leaves behind. None for `model` deletes it; workflows stay for a later import.

    Workflows that differ from the stored ones are kept as a version too, with `made`; without it none is kept.
    """

    model: Model | None
    workflows: tuple[bytes, ...]
    made: Import | None = None


class ConfigurationStore(Protocol):
    """Models and workflows of a tenant (contract: entities 3-4, engine 1)."""

    async def load(self, tenant: TenantId, key: ModelKey) -> StoredModel: ...

    async def models(self, tenant: TenantId) -> Sequence[Model]:
        """All models of the tenant, ordered by name and version."""
        ...

    async def change(
        self, tenant: TenantId, key: ModelKey, decide: Callable[[StoredModel, int], ModelChange]
    ) -> StoredModel:
        """Let `decide` turn the stored model and its number of live entities into its successor, atomically.

        No entity commit computed under the old configuration can land after this returns (the epoch rises).
        Whatever `decide` raises leaves everything as it was. Declared indexes are built and removed afterwards.
        """
        ...

    async def workflow_versions(
        self, tenant: TenantId, key: ModelKey, *, before: int | None = None, limit: int = 100
    ) -> Sequence[WorkflowVersion]:
        """Kept versions of a model's workflows, newest first; documents are left empty."""
        ...

    async def workflow_version(self, tenant: TenantId, key: ModelKey, number: int) -> WorkflowVersion | None:
        """One kept version with its documents."""
        ...

    async def index_states(self, tenant: TenantId, key: ModelKey) -> Mapping[str, IndexState]:
        """The state of the index of each field that a model declares indexed; none for an unknown model."""
        ...


WorkKind = Literal["search", "expiry", "timer"]
"""`search` runs a search job, `expiry` removes one, `timer` fires a timer (its id is 16 bytes in hex, as a UUID's)."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must be done to the row `id` of a tenant, found without asking every tenant."""

    tenant: TenantId
    kind: WorkKind
    id: UUID


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The right to act on a row until a moment. `holder` is one attempt of one worker, never used again."""

    holder: UUID
    until: datetime


class SearchJobStore(Protocol):
    """Asynchronous searches (contract: search 3).

    What a method changes of a job and when the job's work is due are changed together, atomically.
    """

    async def add_search_job(
        self, tenant: TenantId, job: SearchJob, *, due_at: datetime, definition: bytes = b""
    ) -> None:
        """Store a running job that nobody holds; at `due_at` it is work that somebody should have taken.

        The run of a report keeps the text of its `definition`.
        """
        ...

    async def search_job(self, tenant: TenantId, job_id: UUID) -> SearchJob | None: ...

    async def search_jobs(self, tenant: TenantId, *, before: UUID | None = None, limit: int) -> Sequence[SearchJob]:
        """The last jobs, the newest first, or those older than one; of one that is gone there is none older.

        Runs of reports are not among them.
        """
        ...

    async def hold_search_job(self, tenant: TenantId, job_id: UUID, lease: Lease, *, now: datetime) -> SearchJob | None:
        """Take a running job whose lease, if it had one, has run out, and count the attempt; it starts empty again.

        None when the job is held, has ended, or does not exist.
        """
        ...

    async def advance_search_job(
        self, tenant: TenantId, job_id: UUID, lease: Lease, *, examined: int, found: Sequence[UUID] = ()
    ) -> bool:
        """Append ids to the result and renew the lease; False, and nothing changes, when the lease is lost."""
        ...

    async def finish_search_job(
        self, tenant: TenantId, job_id: UUID, holder: UUID, *, status: JobStatus, at: datetime, due_at: datetime,
        error: str = "", groups: bytes = b"",
    ) -> bool:  # fmt: skip
        """End a job that `holder` still holds, and have it removed at `due_at`; False, and nothing changes, if not.

        The run of a report keeps the text of its `groups`.
        """
        ...

    async def cancel_search_job(self, tenant: TenantId, job_id: UUID, *, at: datetime, due_at: datetime) -> bool:
        """End a running job, whoever holds it; False, and nothing changes, when it does not run."""
        ...

    def search_page(
        self, tenant: TenantId, job: SearchJob, *, first: int, count: int
    ) -> AsyncIterator[Sequence[Version]]:
        """Entities number `first` (from 0) and after of a successful job's result, in batches, as the job saw them.

        Entities that can no longer be read are left out.
        """
        ...

    async def remove_search_job(self, tenant: TenantId, job_id: UUID) -> None:
        """Remove a job with its result and its work; an absent one is fine."""
        ...

    async def take_due_work(self, kind: WorkKind, *, now: datetime, again_at: datetime, limit: int) -> Sequence[Work]:
        """The work of all tenants that is due, earliest first; it is next due at `again_at` unless it gets done.

        Askers at the same time get different work.
        """
        ...

    async def next_due(self, kind: WorkKind) -> datetime | None:
        """When the earliest work of a kind, of any tenant, is due; None when there is none."""
        ...

    async def drop_work(self, work: Work) -> None:
        """Forget work whose tenant or row is gone."""
        ...


class ReportFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs of reports: by model, submitter, statuses, and the moment of creation (both ends inclusive)."""

    definition_id: str | None = None
    request_class: str | None = None
    submitter: str | None = None
    statuses: tuple[JobStatus, ...] = tuple(JobStatus)
    since: datetime | None = None
    until: datetime | None = None
    oldest_first: bool = False
    offset: int = 0
    limit: int


class FoundReports(NamedTuple):
    """A page of runs, and how many there are on all pages."""

    jobs: Sequence[SearchJob]
    total: int


class StoredDefinition(NamedTuple):
    """A report definition, and how many runs of it there are."""

    definition: ReportDefinition
    runs: int


DefinitionChanges = Mapping[str, ReportDefinition | None]
"""What becomes of definitions, by id; None removes one."""


class ReportStore(Protocol):
    """Report definitions; their runs are search jobs with a plan (contract: control plane 9.5)."""

    async def report_definitions(
        self, tenant: TenantId, ids: Sequence[str] | None = None
    ) -> Sequence[ReportDefinition]:
        """All definitions by id, or those of the given ones that there are."""
        ...

    async def change_report_definitions(
        self,
        tenant: TenantId,
        ids: Sequence[str],
        decide: Callable[[Mapping[str, StoredDefinition]], DefinitionChanges],
    ) -> None:
        """Let `decide` say what becomes of the given definitions, seeing those that exist; atomically.

        Whatever `decide` raises leaves everything as it was.
        """
        ...

    async def reports(self, tenant: TenantId, wanted: ReportFilter) -> FoundReports:
        """Runs of reports in the order of their creation, newest first unless asked otherwise."""
        ...

    async def report_texts(self, tenant: TenantId, job_id: UUID) -> tuple[bytes, bytes]:
        """The texts of a run's definition and of its groups; empty where there is none."""
        ...


class Storage(EntityStore, ConfigurationStore, MessageStore, SearchJobStore, ReportStore, Protocol):
    """One backend: everything a tenant's data plane needs of it."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def ready(self) -> bool:
        """Whether the backend answers now; never raises."""
        ...


class TenantDirectory(Protocol):
    """Where a tenant's data lives; the control plane answers (wired in cyoda.runtime)."""

    async def schema_of(self, tenant: TenantId) -> str:
        """The storage namespace of a tenant, created on first use where that is allowed.

        Raises Unauthorized for a tenant that does not exist and may not be created, Forbidden for a suspended one.
        """
        ...
