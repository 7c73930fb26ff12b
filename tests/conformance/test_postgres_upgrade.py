"""Schemas that an earlier release made are brought up to date when a node of this one opens its storage."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.conformance.home import NOON, Home
from tests.conformance.test_search_jobs import Jobs
from workflows.core.search_job import JobStatus
from workflows.storage.postgres import tenants
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory, scripts


@pytest.fixture
async def settings(postgres_url: str) -> AsyncIterator[PoolSettings]:
    """A database of the test's own."""
    name = f"upgrade_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield PoolSettings(url=urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}")))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def store_of(settings: PoolSettings) -> PostgresStorage:
    pool = Pool(settings)
    return PostgresStorage(pool, SchemaDirectory(pool))


async def test_a_schema_of_the_first_version_gains_searches_and_keeps_its_entities(
    settings: PoolSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = scripts()
    assert [script.number for script in released[:3]] == [1, 2, 3]
    first = [released[0], released[2]._replace(number=1)]  # this release's commits write the column of script 3
    monkeypatch.setattr(tenants, "scripts", lambda: first)
    homes = [Home(store_of(settings), f"tenant {number}") for number in range(2)]
    await homes[0].store.open()
    versions = []
    for number, home in enumerate(homes):
        home = replace(home, store=homes[0].store)
        versions.append(await home.create(number))
    with pytest.raises(asyncpg.UndefinedTableError):
        await homes[0].store.search_job(homes[0].tenant, uuid.uuid4())
    await homes[0].store.close()

    monkeypatch.setattr(tenants, "scripts", lambda: released)
    store = store_of(settings)
    await store.open()
    for version, home in zip(versions, homes, strict=True):
        jobs = Jobs(replace(home, store=store), NOON)
        assert await jobs.home.current(version) == version
        job = await jobs.add()
        lease = await jobs.held(job)
        await jobs.advance(job, lease, version.entity_id)
        assert await jobs.finish(job, lease)
        assert await jobs.page(job) == [version]
    await Home(store, "tenant of this release").create(1)
    first, *others = await indexes_by_schema(settings)
    assert others == [first] * 2
    await store.close()


async def indexes_by_schema(settings: PoolSettings) -> list[list[str]]:
    """The names of the indexes in each tenant's schema."""
    connection = await asyncpg.connect(settings.url)
    rows = await connection.fetch(
        "SELECT array_agg(indexname::text ORDER BY indexname) FROM pg_indexes "
        "WHERE schemaname ^@ 't_' GROUP BY schemaname"
    )
    await connection.close()
    return [row[0] for row in rows]


async def test_a_database_without_tenants_has_no_work(settings: PoolSettings) -> None:
    store = store_of(settings)
    await store.open()
    assert await store.take_due_work("search", now=NOON, again_at=NOON, limit=1) == []
    await store.close()


async def test_searches_of_a_restored_dump_are_forgotten(settings: PoolSettings) -> None:
    store = store_of(settings)
    await store.open()
    jobs = Jobs(Home(store, "t"), NOON)
    job = await jobs.add()
    assert await jobs.finish(job, await jobs.held(job), JobStatus.SUCCESSFUL)
    await store.close()
    admin = await asyncpg.connect(settings.url)
    await admin.execute("UPDATE public.cyoda_schema SET system_identifier = 1")
    await admin.close()
    store = store_of(settings)
    await store.open()
    assert await store.search_job("t", job.id) is None
    assert await store.take_due_work("expiry", now=NOON + timedelta(days=9), again_at=NOON, limit=1) == []
    await store.close()
