"""Asynchronous searches: leases, results, and the work that is due (contract: search 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from cyoda.principal import Actor
from tests.conformance.home import NOON, ORDER, TICK, Home, new_id
from workflows.core.entity import Version
from workflows.core.predicates.sort import SortClass, SortField, SortKey
from workflows.core.search_job import JobStatus, SearchJob
from workflows.storage.base import Lease, Storage, Work

MINUTE = timedelta(minutes=1)
SORT = (SortField(SortKey("a.b", "data", True), SortClass.NUMERIC), SortField(SortKey("state", "meta"), SortClass.TEXT))
_days = iter(range(1, 10_000))


@dataclass
class Jobs:
    """Jobs of one tenant. `now` lies on a day of its own, so that work of other tests is neither due nor taken."""

    home: Home
    now: datetime

    @property
    def store(self) -> Storage:
        return self.home.store

    async def add(self, definition: bytes = b"", **fields: Any) -> SearchJob:
        values: dict[str, Any] = {
            "id": new_id(), "model": ORDER, "condition": b'{"x":"\\u0000 \xc3\xa9"}', "sort": (), "at": None,
            "submitter": Actor("anna", "user"), "created_at": self.now,
        }  # fmt: skip
        if "snapshot" not in fields:
            values["snapshot"] = await self.home.begin()
        job = SearchJob(**(values | fields))
        await self.store.add_search_job(self.home.tenant, job, due_at=self.now + MINUTE, definition=definition)
        return job

    async def get(self, job: SearchJob) -> SearchJob:
        found = await self.store.search_job(self.home.tenant, job.id)
        assert found is not None
        return found

    async def hold(self, job: SearchJob, *, now: datetime | None = None) -> Lease | None:
        now = now or self.now
        lease = Lease(holder=new_id(), until=now + MINUTE)
        held = await self.store.hold_search_job(self.home.tenant, job.id, lease, now=now)
        assert held is None or held == await self.get(job)
        return lease if held else None

    async def held(self, job: SearchJob) -> Lease:
        lease = await self.hold(job)
        assert lease is not None
        return lease

    async def advance(self, job: SearchJob, lease: Lease, *found: UUID, examined: int = 0) -> bool:
        return await self.store.advance_search_job(self.home.tenant, job.id, lease, examined=examined, found=found)

    async def finish(self, job: SearchJob, lease: Lease, status: JobStatus = JobStatus.SUCCESSFUL) -> bool:
        return await self.store.finish_search_job(
            self.home.tenant, job.id, lease.holder, status=status, at=self.now + TICK, due_at=self.now + 2 * MINUTE,
            error="why" if status is JobStatus.FAILED else "",
        )  # fmt: skip

    async def cancel(self, job: SearchJob) -> bool:
        return await self.store.cancel_search_job(
            self.home.tenant, job.id, at=self.now + TICK, due_at=self.now + 2 * MINUTE
        )

    async def page(self, job: SearchJob, first: int = 0, count: int = 100_000) -> list[Version]:
        pages = self.store.search_page(self.home.tenant, await self.get(job), first=first, count=count)
        return [version async for batch in pages for version in batch]

    async def take(self, kind: Any, now: datetime, limit: int = 100) -> Sequence[Work]:
        """Due work of this tenant; other tests' is left alone because their days have passed or are to come."""
        work = await self.store.take_due_work(kind, now=now, again_at=now + MINUTE, limit=limit)
        return [one for one in work if one.tenant == self.home.tenant]


@pytest.fixture
def jobs(home: Home) -> Jobs:
    return Jobs(home, datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=next(_days)))


async def test_a_job_comes_back_as_it_was_added(jobs: Jobs) -> None:
    for job in [await jobs.add(), await jobs.add(sort=SORT, at=NOON, model=ORDER._replace(name="é " * 200))]:
        assert await jobs.get(job) == job
    assert await jobs.store.search_job(jobs.home.tenant, new_id()) is None


async def test_jobs_of_another_tenant_do_not_exist(jobs: Jobs, stranger: Home) -> None:
    job = await jobs.add()
    lease = Lease(holder=new_id(), until=jobs.now)
    store, tenant = jobs.store, stranger.tenant
    assert await store.search_job(tenant, job.id) is None
    assert await store.hold_search_job(tenant, job.id, lease, now=jobs.now) is None
    assert not await store.cancel_search_job(tenant, job.id, at=jobs.now, due_at=jobs.now)
    await store.remove_search_job(tenant, job.id)
    assert await jobs.get(job) == job
    version = await jobs.home.create()
    held = await jobs.held(job)
    await jobs.advance(job, held, version.entity_id)
    await jobs.finish(job, held)
    done = await jobs.get(job)
    assert [v async for batch in store.search_page(tenant, done, first=0, count=9) for v in batch] == []


async def test_one_of_many_gets_the_lease(jobs: Jobs) -> None:
    job = await jobs.add()
    leases = await asyncio.gather(*(jobs.hold(job) for _ in range(8)))
    assert sum(lease is not None for lease in leases) == 1
    assert (await jobs.get(job)).attempts == 1


async def test_a_lease_that_ran_out_goes_to_another_who_starts_empty(jobs: Jobs) -> None:
    job = await jobs.add()
    first = await jobs.held(job)
    assert await jobs.advance(job, first, new_id(), examined=7)
    progress = await jobs.get(job)
    assert (progress.examined, progress.found, progress.count) == (7, 1, 0)
    assert await jobs.hold(job, now=first.until - TICK) is None
    second = await jobs.hold(job, now=first.until)
    assert second is not None
    taken = await jobs.get(job)
    assert (taken.examined, taken.found, taken.attempts) == (0, 0, 2)
    assert not await jobs.advance(job, first, new_id())
    assert not await jobs.finish(job, first)
    assert await jobs.get(job) == taken


async def test_a_lease_is_renewed_by_progress(jobs: Jobs) -> None:
    job = await jobs.add()
    lease = await jobs.held(job)
    renewed = Lease(holder=lease.holder, until=lease.until + MINUTE)
    assert await jobs.advance(job, renewed)
    assert await jobs.hold(job, now=lease.until) is None
    assert await jobs.hold(job, now=renewed.until) is not None


async def test_results_are_read_in_the_order_they_were_found_by_any_window(jobs: Jobs) -> None:
    versions = [await jobs.home.create(number) for number in range(12)]
    order = [versions[n] for n in (5, 3, 11, 0, 7, 1, 9, 2, 10, 4, 8, 6)]
    job = await jobs.add()
    lease = await jobs.held(job)
    for part in (order[:1], order[1:6], [], order[6:8], order[8:]):
        assert await jobs.advance(job, lease, *(version.entity_id for version in part))
    assert await jobs.page(job) == []
    assert await jobs.finish(job, lease)
    for first in range(14):
        for count in (0, 1, 2, 5, 100):
            assert await jobs.page(job, first, count) == order[first : first + count]
    done = await jobs.get(job)
    assert (done.status, done.finished_at, done.found, done.count) == ("SUCCESSFUL", jobs.now + TICK, 12, 12)


async def test_a_result_may_be_larger_than_a_row(jobs: Jobs) -> None:
    versions = [await jobs.home.create(number) for number in range(3)]
    job = await jobs.add()
    lease = await jobs.held(job)
    ids = [versions[number % 3].entity_id for number in range(25_000)]
    await jobs.advance(job, lease, *ids)
    await jobs.finish(job, lease)
    assert [version.entity_id for version in await jobs.page(job, 9_998, 4)] == ids[9_998:10_002]
    assert [version.entity_id for version in await jobs.page(job, 24_999, 4)] == ids[24_999:]


async def test_a_page_shows_entities_as_the_snapshot_saw_them(jobs: Jobs) -> None:
    kept, deleted = await jobs.home.create(1), await jobs.home.create(2)
    job = await jobs.add()
    new = await jobs.home.create(3)
    await jobs.home.update(kept, 10)
    await jobs.home.delete(deleted)
    lease = await jobs.held(job)
    await jobs.advance(job, lease, kept.entity_id, new.entity_id, deleted.entity_id)
    await jobs.finish(job, lease)
    assert await jobs.page(job) == [kept, deleted]


async def test_a_page_and_a_scan_show_an_instant_as_the_snapshot_saw_it(jobs: Jobs) -> None:
    entity = await jobs.home.create(1, at=NOON)
    second = await jobs.home.update(entity, 2, at=NOON + MINUTE)
    job = await jobs.add(at=NOON + 2 * MINUTE)
    early = await jobs.add(at=NOON, snapshot=job.snapshot)
    await jobs.home.update(second, 3, at=NOON + MINUTE + TICK)  # committed late, stamped early
    for one, seen in ((job, second), (early, entity)):
        lease = await jobs.held(one)
        await jobs.advance(one, lease, entity.entity_id)
        await jobs.finish(one, lease)
        assert await jobs.page(one) == [seen]
        assert await jobs.home.scan(snapshot=one.snapshot, at=one.at) == [seen]


async def test_a_cancelled_job_stays_cancelled(jobs: Jobs) -> None:
    job = await jobs.add()
    lease = await jobs.held(job)
    await jobs.advance(job, lease, new_id())
    assert await jobs.cancel(job)
    cancelled = await jobs.get(job)
    assert (cancelled.status, cancelled.finished_at, cancelled.count) == ("CANCELLED", jobs.now + TICK, 0)
    assert not await jobs.advance(job, lease, new_id())
    assert not await jobs.finish(job, lease)
    assert not await jobs.cancel(job)
    assert await jobs.hold(job, now=lease.until + MINUTE) is None
    assert await jobs.get(job) == cancelled


async def test_of_a_cancel_and_a_finish_one_wins(jobs: Jobs) -> None:
    for _ in range(10):
        job = await jobs.add()
        lease = await jobs.held(job)
        cancelled, finished = await asyncio.gather(jobs.cancel(job), jobs.finish(job, lease))
        assert cancelled is not finished
        assert (await jobs.get(job)).status == ("CANCELLED" if cancelled else "SUCCESSFUL")


async def test_a_failed_job_keeps_its_reason_and_no_result(jobs: Jobs) -> None:
    version = await jobs.home.create()
    job = await jobs.add()
    lease = await jobs.held(job)
    await jobs.advance(job, lease, version.entity_id)
    assert await jobs.finish(job, lease, JobStatus.FAILED)
    failed = await jobs.get(job)
    assert (failed.status, failed.error, failed.count) == ("FAILED", "why", 0)
    assert await jobs.page(job) == []


async def test_a_job_is_work_when_it_should_have_been_taken_and_when_its_lease_has_run_out(jobs: Jobs) -> None:
    job = await jobs.add()
    work = [Work(tenant=jobs.home.tenant, kind="search", id=job.id)]
    assert await jobs.take("search", jobs.now + MINUTE - TICK) == []
    assert await jobs.take("search", jobs.now + MINUTE) == work
    assert await jobs.take("search", jobs.now + MINUTE) == []
    lease = await jobs.hold(job, now=jobs.now + 5 * MINUTE)
    assert lease is not None
    assert await jobs.take("search", lease.until - TICK) == []
    await jobs.advance(job, Lease(holder=lease.holder, until=lease.until + MINUTE))
    assert await jobs.take("search", lease.until) == []
    assert await jobs.take("search", lease.until + MINUTE) == work


async def test_a_job_that_has_ended_is_work_when_it_is_to_be_removed(jobs: Jobs) -> None:
    done, cancelled = await jobs.add(), await jobs.add()
    await jobs.finish(done, await jobs.held(done))
    await jobs.cancel(cancelled)
    assert await jobs.take("search", jobs.now + 9 * MINUTE) == []
    assert await jobs.take("expiry", jobs.now + 2 * MINUTE - TICK) == []
    due = await jobs.take("expiry", jobs.now + 2 * MINUTE)
    assert sorted(one.id for one in due) == sorted([done.id, cancelled.id])
    for job in (done, cancelled):
        await jobs.store.remove_search_job(jobs.home.tenant, job.id)
        assert await jobs.store.search_job(jobs.home.tenant, job.id) is None
    assert await jobs.take("expiry", jobs.now + 9 * MINUTE) == []


async def test_askers_at_the_same_time_get_different_work(jobs: Jobs) -> None:
    added = [await jobs.add() for _ in range(12)]
    taken = await asyncio.gather(*(jobs.take("search", jobs.now + MINUTE, limit=5) for _ in range(4)))
    ids = [work.id for some in taken for work in some]
    assert len(ids) == len(set(ids))
    ids += [work.id for work in await jobs.take("search", jobs.now + MINUTE, limit=99)]
    assert sorted(ids) == sorted(job.id for job in added)


async def test_dropped_work_is_never_due(jobs: Jobs) -> None:
    job = await jobs.add()
    await jobs.store.drop_work(Work(tenant=jobs.home.tenant, kind="search", id=job.id))
    assert await jobs.take("search", jobs.now + 9 * MINUTE) == []


async def test_the_last_jobs_are_listed_the_newest_first(jobs: Jobs, stranger: Home) -> None:
    old, same, new = [await jobs.add(created_at=jobs.now + TICK * ticks) for ticks in (0, 1, 1)]
    later = sorted([same, new], key=lambda job: job.id, reverse=True)
    listed = jobs.store.search_jobs
    assert list(await listed(jobs.home.tenant, limit=3)) == [*later, old]
    assert list(await listed(jobs.home.tenant, limit=2)) == later
    assert list(await listed(jobs.home.tenant, before=later[0].id, limit=5)) == [later[1], old]
    assert list(await listed(jobs.home.tenant, before=new_id(), limit=5)) == []
    assert list(await listed(stranger.tenant, limit=5)) == []
