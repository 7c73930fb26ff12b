"""Timers of tenants that are suspended or gone (contract: engine 4.4)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.errors import CyodaError, Forbidden, Unauthorized
from cyoda.principal import TenantId
from cyoda.runtime import build_node
from cyoda.serving import scheduler_of
from tests.conformance.home import NOON, Home, new_id
from tests.conformance.test_audit_and_timers import timer
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory, drop_schema


class Doors(SchemaDirectory):
    """A directory that lets nobody in while it has a refusal."""

    refusal: CyodaError | None = None

    async def schema_of(self, tenant: TenantId) -> str:
        if self.refusal is not None:
            raise self.refusal
        return await super().schema_of(tenant)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def work_of(database: asyncpg.Connection, tenant: str) -> list[int]:
    """How often each of the tenant's timers was handed out."""
    rows = await database.fetch("SELECT attempts FROM public.cyoda_pending_work WHERE tenant = $1", tenant)
    return [row[0] for row in rows]


async def test_timers_wait_for_a_suspended_tenant_and_go_with_a_deleted_one(
    postgres_url: str, database: asyncpg.Connection
) -> None:
    pool = Pool(PoolSettings(url=postgres_url))
    doors, tenant = Doors(pool), f"tenant-{uuid.uuid4()}"
    store, clock = PostgresStorage(pool, doors), ManualClock(NOON)
    scheduler = scheduler_of(build_node(load({}), store, fallback=no_pages, clock=clock))
    await store.open()
    await Home(store, tenant).commit(arm=(timer(new_id(), due_at=NOON), timer(new_id(), due_at=NOON)))
    doors.refusal = Forbidden("the organisation is suspended")
    for times in (1, 2):
        await scheduler.scan()
        assert await work_of(database, tenant) == [times] * 2
        clock.advance(timedelta(seconds=30))
    doors.refusal = Unauthorized()
    await scheduler.scan()
    assert await work_of(database, tenant) == []
    await store.close()


async def test_a_dropped_schema_leaves_no_work(postgres_url: str, database: asyncpg.Connection) -> None:
    pool = Pool(PoolSettings(url=postgres_url))
    directory, tenant = SchemaDirectory(pool), f"tenant-{uuid.uuid4()}"
    store = PostgresStorage(pool, directory)
    await store.open()
    await Home(store, tenant).commit(arm=(timer(new_id()),))
    assert await work_of(database, tenant) == [0]
    await drop_schema(database, directory.name_of(tenant))
    assert await work_of(database, tenant) == []
    await store.close()


async def no_pages(*_: object) -> None:
    raise AssertionError("outside the context path")
