"""Running an asynchronous search: under a lease, from the start when another worker lost it (contract: search 3.1).

The state that is searched never changes, so a search that is run again finds the same. Memory stays flat: ids leave
in chunks as they are found, and a sorted search holds sort keys, on disk when they are many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

import structlog

from cyoda.errors import CyodaError, ScanBudgetExhausted, StorageUnavailable
from cyoda.principal import TenantId
from workflows.core.entity import Version
from workflows.core.predicates.condition import Group
from workflows.core.predicates.kernel import compile_condition
from workflows.core.predicates.narrowing import narrow
from workflows.core.predicates.ordering import bytes_key
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.validation import group_is_conjunction, validate
from workflows.core.report.grouping import ReportTally, groups_text
from workflows.core.search_job import JobStatus, SearchJob
from workflows.services.external_order import ExternalOrder
from workflows.services.platform import Platform
from workflows.services.search import BUDGET_EXHAUSTED
from workflows.services.search_jobs import removed_at
from workflows.storage.base import Lease, Scan, Snapshot, Work

LEASE = timedelta(seconds=10)
RENEWALS_PER_LEASE = 3
CHUNK = 1000
"""Ids that are stored together."""
MAX_ATTEMPTS = 10
"""A search that so many workers took and none finished does not get another one."""

log = structlog.get_logger(__name__)


async def run_search_job(tenant: TenantId, job_id: UUID, *, platform: Platform) -> None:
    """Take the job and run it to its end; nothing happens when it is held, has ended, or does not exist.

    When the storage fails, or this is cancelled, the job stays as it is for whoever takes it next.
    Raises StorageUnavailable, CancelledError.
    """
    now = platform.clock()
    lease = Lease(holder=platform.new_id(), until=now + LEASE)
    job = await platform.storage.hold_search_job(tenant, job_id, lease, now=now)
    if job is None:
        if await platform.storage.search_job(tenant, job_id) is None:
            await platform.storage.drop_work(Work(tenant=tenant, kind="search", id=job_id))
        return
    await _Run(tenant, job, lease.holder, platform).to_the_end()


class _LeaseLost(Exception):
    """The job was cancelled, or another worker has it."""


class _Run:
    """One attempt at a job."""

    def __init__(self, tenant: TenantId, job: SearchJob, holder: UUID, platform: Platform) -> None:
        self._tenant = tenant
        self._job = job
        self._holder = holder
        self._platform = platform
        self._examined = 0
        self._tally: ReportTally | None = None
        if job.report is not None:
            self._tally = ReportTally(job.report, job.sort, max_groups=platform.limits.max_groups)

    async def to_the_end(self) -> None:
        try:
            error = await self._outcome()
        except _LeaseLost:
            return
        if error is None:
            await self._finish(JobStatus.SUCCESSFUL)
        else:
            log.info("search failed", tenant=self._tenant, job=str(self._job.id), error=error)
            await self._finish(JobStatus.FAILED, error)

    async def _outcome(self) -> str | None:
        """Run; None for success, else why the job failed. Raises StorageUnavailable, _LeaseLost, CancelledError."""
        if self._job.attempts > MAX_ATTEMPTS:
            return f"given up after {MAX_ATTEMPTS} attempts"
        try:
            await self._while_held()
        except (StorageUnavailable, _LeaseLost):
            raise
        except CyodaError as error:
            return error.detail
        except Exception:  # nobody waits for the job: its row is the only place to tell the fault
            log.exception("search broke", tenant=self._tenant, job=str(self._job.id))
            return "internal error"
        return None

    async def _while_held(self) -> None:
        """Search, and keep the lease meanwhile: the end of either ends the other."""
        searching = asyncio.create_task(self._search())
        keeping = asyncio.create_task(self._keep())
        try:
            await asyncio.wait((searching, keeping), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._let_go(searching, keeping)
            raise
        ended = searching if searching.done() else keeping
        await _cancelled(searching, keeping)
        ended.result()

    async def _search(self) -> None:
        chunk: list[UUID] = []
        async with aclosing(self._found()) as found:
            async for entity_id in found:
                chunk.append(entity_id)
                if len(chunk) == CHUNK:
                    await self._advance(chunk)
                    chunk = []
        await self._advance(chunk)

    async def _found(self) -> AsyncGenerator[UUID]:
        """Ids of the matches, in the order of the result."""
        async with aclosing(self._matches()) as batches:
            if not self._job.sort:
                async for batch in batches:
                    for version in batch:
                        yield version.entity_id
                return
            order, key = ExternalOrder(), bytes_key(self._job.sort)
            try:
                async for batch in batches:
                    for version in batch:
                        await order.add(key(version.document.value, version, version.entity_id))
                for entity_id in order.ids():
                    yield entity_id
            finally:
                order.close()

    async def _matches(self) -> AsyncGenerator[Sequence[Version]]:
        """Matching versions in id order. Raises what the condition is refused with now, ScanBudgetExhausted."""
        job = self._job
        configured = await self._platform.configurations.load(self._tenant, job.model)
        condition = parse_condition(job.condition)
        validate(condition, configured.model.field_paths)
        takes_all = isinstance(condition, Group) and not condition.conditions and group_is_conjunction(condition)
        predicate = compile_condition(condition, configured.fields)
        narrowing = narrow(condition, configured.fields)
        scan = Scan(model=job.model, snapshot=Snapshot(job.snapshot), at=job.at, narrowing=narrowing)
        judged = 0
        async for batch in self._platform.storage.scan(self._tenant, scan):
            self._examined += len(batch)
            is_settled = takes_all or (batch.exact and narrowing.exact)
            judged += 0 if is_settled else len(batch)
            if judged > self._platform.limits.scan_budget:
                raise ScanBudgetExhausted(BUDGET_EXHAUSTED)
            found = batch if is_settled else [each for each in batch if predicate(each.document.value, each)]
            if self._tally is not None:
                for version in found:
                    self._tally.add(version)
            yield found
            await asyncio.sleep(0)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / RENEWALS_PER_LEASE)
            await self._advance(())

    async def _advance(self, found: Sequence[UUID], lease: timedelta = LEASE) -> None:
        """Store ids and renew the lease. Raises _LeaseLost."""
        renewed = Lease(holder=self._holder, until=self._platform.clock() + lease)
        if not await self._platform.storage.advance_search_job(
            self._tenant, self._job.id, renewed, examined=self._examined, found=found
        ):
            raise _LeaseLost

    async def _let_go(self, *tasks: asyncio.Task[None]) -> None:
        """End what runs, and leave the job to others at once."""
        await _cancelled(*tasks)
        try:
            await self._advance((), timedelta(0))
        except (StorageUnavailable, _LeaseLost):
            log.debug("the lease could not be given back", job=str(self._job.id))

    async def _finish(self, status: JobStatus, error: str = "") -> None:
        now = self._platform.clock()
        groups = self._tally.groups() if self._tally is not None and status is JobStatus.SUCCESSFUL else ()
        await self._platform.storage.finish_search_job(
            self._tenant,
            self._job.id,
            self._holder,
            status=status,
            at=now,
            due_at=removed_at(self._job, now, self._platform),
            error=error.replace("\0", ""),
            groups=groups_text(groups) if groups else b"",
        )


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
