"""Workers and their leases: whoever dies, is late or loses a job leaves it right (contract: search 3, Q22)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from cyoda.clock import ManualClock
from cyoda.cluster.tokens import JoinTokens
from cyoda.errors import Forbidden, StorageUnavailable, Unauthorized
from cyoda.ids import TimeIds
from cyoda.principal import Principal
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.members import Registry
from workflows.core.entity import ModelKey, Version
from workflows.core.search_job import SearchJob
from workflows.services import models
from workflows.services.background import OwnWorkers, do_work, hand_out, remove_expired
from workflows.services.collections import create_entities
from workflows.services.configurations import Configurations
from workflows.services.platform import Platform
from workflows.services.search_jobs import FOUND_AFTER, cancel_search, submit_search
from workflows.services.search_runs import LEASE, MAX_ATTEMPTS, run_search_job
from workflows.services.transactions import Transactions
from workflows.storage.base import Lease, Scan, Work
from workflows.storage.memory.store import MemoryStorage

ANN = Principal(tenant="acme", user_id="ann", kind="user")
KEY = ModelKey("order", 1)
COUNT = 2500


class Gate:
    """Where a scan waits before it goes on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def passed(self) -> None:
        self.reached.set()
        await self.opened.wait()


class GatedStorage(MemoryStorage):
    """The memory store, whose scans can be held in the middle, broken, or refused."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: Gate | None = None
        self.fault: Exception | None = None

    async def scan(self, tenant: str, scan: Scan) -> AsyncIterator[Sequence[Version]]:
        number = 0
        async for batch in super().scan(tenant, scan):
            number += 1
            if number == 6 and self.fault is not None:
                raise self.fault
            if number == 6 and self.gate is not None:
                await self.gate.passed()
            yield batch

    async def hold_search_job(self, tenant: str, job_id: UUID, lease: Lease, *, now: object) -> SearchJob | None:
        if isinstance(self.fault, Unauthorized | Forbidden):
            raise self.fault
        return await super().hold_search_job(tenant, job_id, lease, now=now)  # type: ignore[arg-type]


@dataclass
class World:
    storage: GatedStorage
    clock: ManualClock
    platform: Platform

    async def submit(self, sort: Sequence[str] = ()) -> UUID:
        return await submit_search(ANN, KEY, b"", sort=sort, platform=self.platform)

    async def run(self, job_id: UUID) -> None:
        await run_search_job("acme", job_id, platform=self.platform)

    async def job(self, job_id: UUID) -> SearchJob:
        job = await self.storage.search_job("acme", job_id)
        assert job is not None
        return job

    async def found(self, job_id: UUID) -> list[Version]:
        pages = self.storage.search_page("acme", await self.job(job_id), first=0, count=COUNT + 1)
        return [version async for page in pages for version in page]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A tenant with a few thousand entities; time stands still."""
    storage, clock, new_id = GatedStorage(), ManualClock(), TimeIds()
    await storage.open()
    tokens = JoinTokens(b"k" * 32, node_id="n", lifetime=timedelta(seconds=90), clock=clock)
    platform = Platform(
        storage=storage, clock=clock, new_id=new_id, configurations=Configurations(storage),
        compute=LocalDispatcher(Registry(), new_id=new_id, choose=lambda members: members[0]),
        transactions=Transactions(storage, clock=clock, new_id=new_id, tokens=tokens),
    )  # fmt: skip
    await models.import_model(ANN, KEY, b'{"n":1}', data_format="JSON", converter="SAMPLE_DATA", platform=platform)
    await models.lock_model(ANN, KEY, platform=platform)
    body = b"[" + b",".join(b'{"n":%d}' % number for number in range(COUNT)) + b"]"
    await create_entities(ANN, KEY, body, data_format="JSON", window=1000, platform=platform)
    yield World(storage, clock, platform)
    await storage.close()


async def held_up(world: World, job_id: UUID) -> tuple[asyncio.Task[None], Gate]:
    """A worker in the middle of a job."""
    world.storage.gate = gate = Gate()
    task = asyncio.create_task(world.run(job_id))
    await gate.reached.wait()
    world.storage.gate = None
    return task, gate


async def test_a_late_worker_overwrites_neither_a_cancel_nor_its_successor(world: World) -> None:
    cancelled, taken = await world.submit(), await world.submit()
    late = [await held_up(world, cancelled), await held_up(world, taken)]
    assert 0 < (await world.job(cancelled)).found < COUNT
    await cancel_search(ANN, cancelled, platform=world.platform)
    world.clock.advance(LEASE)
    await world.run(taken)
    after = [await world.job(job_id) for job_id in (cancelled, taken)]
    for task, gate in late:
        gate.opened.set()
        await task
    assert [await world.job(job_id) for job_id in (cancelled, taken)] == after
    assert [job.status for job in after] == ["CANCELLED", "SUCCESSFUL"]
    assert await world.found(cancelled) == []
    assert len(await world.found(taken)) == COUNT


async def test_a_job_that_is_held_is_left_alone(world: World) -> None:
    job_id = await world.submit()
    task, gate = await held_up(world, job_id)
    await world.run(job_id)
    assert (await world.job(job_id)).attempts == 1
    gate.opened.set()
    await task
    assert (await world.job(job_id)).status == "SUCCESSFUL"


async def test_a_worker_that_is_stopped_leaves_its_job_to_the_next_at_once(world: World) -> None:
    job_id = await world.submit(["n:desc"])
    task, _ = await held_up(world, job_id)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await world.job(job_id)).status == "RUNNING"
    await world.run(job_id)
    job = await world.job(job_id)
    assert (job.status, job.attempts, job.examined, job.count) == ("SUCCESSFUL", 2, COUNT, COUNT)
    assert [version.document.value["n"] for version in await world.found(job_id)] == list(reversed(range(COUNT)))


async def test_an_unavailable_storage_fails_no_job(world: World) -> None:
    job_id = await world.submit()
    world.storage.fault = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        await world.run(job_id)
    assert (await world.job(job_id)).status == "RUNNING"
    world.storage.fault = None
    world.clock.advance(LEASE)
    await world.run(job_id)
    assert len(await world.found(job_id)) == COUNT


async def test_a_fault_fails_the_job_and_is_kept_to_itself(world: World) -> None:
    job_id = await world.submit()
    world.storage.fault = RuntimeError("secret")
    await world.run(job_id)
    job = await world.job(job_id)
    assert (job.status, job.error) == ("FAILED", "internal error")


async def test_a_job_that_kills_its_workers_is_given_up(world: World) -> None:
    job_id = await world.submit()
    for _ in range(MAX_ATTEMPTS):
        world.clock.advance(LEASE)
        now = world.clock()
        lease = Lease(holder=world.platform.new_id(), until=now + LEASE)
        assert await world.storage.hold_search_job("acme", job_id, lease, now=now)
    world.clock.advance(LEASE)
    await world.run(job_id)
    job = await world.job(job_id)
    assert (job.status, job.error) == ("FAILED", f"given up after {MAX_ATTEMPTS} attempts")


async def test_a_model_that_is_gone_fails_the_job(world: World) -> None:
    job_id = await world.submit()
    gone = await submit_search(ANN, await unused_model(world), b"", platform=world.platform)
    await models.delete_model(ANN, ModelKey("unused", 1), platform=world.platform)
    for one in (job_id, gone):
        await world.run(one)
    assert [(await world.job(one)).status for one in (job_id, gone)] == ["SUCCESSFUL", "FAILED"]


async def unused_model(world: World) -> ModelKey:
    key = ModelKey("unused", 1)
    await models.import_model(
        ANN, key, b'{"n":1}', data_format="JSON", converter="SAMPLE_DATA", platform=world.platform
    )
    return key


async def due(world: World) -> list[Work]:
    """What looking for searches hands out now."""
    work: list[Work] = []

    async def remember(one: Work) -> None:
        work.append(one)

    await hand_out("search", remember, platform=world.platform)
    return work


async def test_a_job_that_nobody_was_woken_for_is_found(world: World) -> None:
    job_id = await world.submit()
    assert await due(world) == []
    world.clock.advance(FOUND_AFTER)
    assert await due(world) == [Work(tenant="acme", kind="search", id=job_id)]
    assert await due(world) == []


async def test_a_node_without_a_broker_does_its_work_itself(world: World) -> None:
    workers = OwnWorkers()
    forgotten = await world.submit()
    platform = replace(world.platform, workers=workers)
    woken = await submit_search(ANN, KEY, b"", platform=platform)
    world.clock.advance(FOUND_AFTER)
    workers.look(platform)
    async with asyncio.timeout(20):
        while {(await world.job(job_id)).status for job_id in (forgotten, woken)} != {"SUCCESSFUL"}:
            await asyncio.sleep(0)
    world.clock.advance(timedelta(hours=24))
    assert await remove_expired(platform=platform) == 2
    assert await world.storage.search_job("acme", woken) is None
    await workers.stop()


async def test_work_of_a_tenant_that_is_gone_is_forgotten_and_of_a_suspended_one_kept(world: World) -> None:
    job_id = await world.submit()
    work = Work(tenant="acme", kind="search", id=job_id)
    world.storage.fault = Forbidden("suspended")
    await do_work(work, platform=world.platform)
    world.clock.advance(FOUND_AFTER)
    assert await due(world) == [work]
    world.storage.fault = Unauthorized()
    await do_work(work, platform=world.platform)
    world.clock.advance(timedelta(hours=1))
    assert await due(world) == []


async def test_work_of_another_tenant_with_the_same_id_does_nothing(world: World) -> None:
    job_id = await world.submit()
    before = await world.job(job_id)
    for kind in ("search", "timer", "expiry"):
        await do_work(Work(tenant="globex", kind=kind, id=job_id), platform=world.platform)  # type: ignore[arg-type]
    assert await world.job(job_id) == before
    world.clock.advance(FOUND_AFTER)
    assert await due(world) == [Work(tenant="acme", kind="search", id=job_id)]


async def test_work_without_a_job_is_forgotten(world: World) -> None:
    job_id = await world.submit()
    world.storage._of("acme").jobs._jobs.clear()
    await world.run(job_id)
    world.clock.advance(timedelta(hours=1))
    assert await due(world) == []
