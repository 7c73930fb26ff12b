"""Schemas of tenants: created once, upgraded at start, and rebased after a restore."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cyoda.errors import Conflict
from tests.conformance.home import Home
from workflows.storage.postgres import tenants
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.statements import quoted
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory, Script, create_schema, scripts, upgrade_schemas


@pytest.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    """A database of the test's own."""
    name = f"tenants_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def pool(url: str) -> AsyncIterator[Pool]:
    pool = Pool(PoolSettings(url=url))
    await pool.open()
    yield pool
    await pool.close()


def new_store(pool: Pool) -> PostgresStorage:
    return PostgresStorage(pool, SchemaDirectory(pool))


async def registered(pool: Pool) -> dict[str, int]:
    return {row[0]: row[1] for row in await pool.fetch("SELECT schema_name, version FROM public.cyoda_schema")}


async def test_a_tenant_takes_less_than_a_tenth_of_a_second(pool: Pool) -> None:
    directory = SchemaDirectory(pool)
    seconds: list[float] = []
    for number in range(6):
        start = time.perf_counter()
        await directory.schema_of(f"tenant {number}")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1
    assert len(await registered(pool)) == 6


async def test_first_uses_at_the_same_time_leave_one_schema(pool: Pool, url: str) -> None:
    pools = [Pool(PoolSettings(url=url)) for _ in range(3)]
    for one in pools:
        await one.open()
    directories = [SchemaDirectory(one) for one in pools]
    names = await asyncio.gather(*(directory.schema_of(f"t{n % 2}") for n in range(4) for directory in directories))
    assert await registered(pool) == {name: scripts()[-1].number for name in names}
    assert len(set(names)) == 2
    for one in pools:
        await one.close()


async def test_creating_again_changes_nothing(pool: Pool) -> None:
    home = Home(new_store(pool), "t")
    version = await home.create(1)
    async with pool.connection() as connection:
        await create_schema(connection, SchemaDirectory(pool).name_of("t"))
    assert await home.current(version) == version


@pytest.mark.parametrize("schema", ['quote"d', "With Space", "é", "select"])
async def test_a_schema_may_have_any_name(pool: Pool, schema: str) -> None:
    class Named:
        async def schema_of(self, tenant: str) -> str:
            return schema

    async with pool.connection() as connection:
        await create_schema(connection, schema)
    home = Home(PostgresStorage(pool, Named()), "t")
    version = await home.create(1)
    assert await home.scan() == [version]


async def test_opening_upgrades_every_schema_that_is_behind(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = SchemaDirectory(pool)
    names = [await directory.schema_of(f"t{number}") for number in range(3)]
    released = [*scripts(), Script(99, "CREATE TABLE {schema}.extra (x int); INSERT INTO {schema}.extra VALUES (1);")]
    monkeypatch.setattr(tenants, "scripts", lambda: released)
    names.append(await directory.schema_of("born with it"))
    assert sorted(await upgrade_schemas(pool)) == sorted(names[:3])
    assert await registered(pool) == dict.fromkeys(names, 99)
    for name in names:
        assert len(await pool.fetch(f"SELECT x FROM {quoted(name)}.extra")) == 1
    assert await upgrade_schemas(pool) == []


async def test_two_nodes_upgrade_once(pool: Pool, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await SchemaDirectory(pool).schema_of("t")
    released = [*scripts(), Script(99, "CREATE TABLE {schema}.extra (x int);")]
    monkeypatch.setattr(tenants, "scripts", lambda: released)
    other = Pool(PoolSettings(url=url))
    await asyncio.gather(new_store(pool).open(), new_store(other).open(), upgrade_schemas(pool))
    assert await registered(pool) == {name: 99}
    await other.close()


async def test_a_failed_upgrade_leaves_its_schema_as_it_was(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await SchemaDirectory(pool).schema_of("t")
    before = await registered(pool)
    released = [*scripts(), Script(99, "CREATE TABLE {schema}.extra (x int); SELECT 1/0;")]
    monkeypatch.setattr(tenants, "scripts", lambda: released)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await upgrade_schemas(pool)
    assert await registered(pool) == before
    assert (await pool.fetch("SELECT to_regclass($1)::text", f"{name}.extra"))[0][0] is None


async def test_opening_an_empty_database_prepares_it(pool: Pool) -> None:
    await new_store(pool).open()
    assert await registered(pool) == {}


async def test_what_was_restored_from_another_cluster_is_visible_to_new_snapshots(pool: Pool, url: str) -> None:
    home = Home(new_store(pool), "t")
    version = await home.create(1)
    schema = SchemaDirectory(pool).name_of("t")
    async with pool.connection() as connection:  # as a dump of a cluster with far higher xids would leave it
        await connection.execute(f"UPDATE {schema}.entity_version SET xid = '9999999999'")
        await connection.execute(f"UPDATE {schema}.head SET xid = '9999999999'")
    assert await home.find(version.entity_id, snapshot=await home.begin()) is None
    async with pool.connection() as connection:
        await connection.execute("UPDATE public.cyoda_schema SET system_identifier = 1")
    reopened = Pool(PoolSettings(url=url))
    home = Home(new_store(reopened), "t")
    await home.store.open()
    snapshot = await home.begin()
    assert await home.find(version.entity_id, snapshot=snapshot) == version
    assert await home.scan(snapshot=snapshot) == [version]
    assert await upgrade_schemas(reopened) == []
    await home.store.close()


async def test_a_snapshot_of_another_cluster_is_a_conflict(pool: Pool) -> None:
    home = Home(new_store(pool), "t")
    version = await home.create(1)
    snapshot = await home.begin()
    foreign = snapshot.replace(snapshot.partition("/")[0], "1", 1)
    verdicts = await asyncio.gather(
        home.find(version.entity_id, snapshot=foreign), home.find(version.entity_id, snapshot=snapshot),
        return_exceptions=True,
    )  # fmt: skip
    assert isinstance(verdicts[0], Conflict)
    assert verdicts[1] == version
    with pytest.raises(Conflict):
        await home.scan(snapshot=foreign)
