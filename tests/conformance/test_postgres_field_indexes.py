"""How PostgreSQL builds, uses, mends and drops the indexes of declared fields."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from cyoda.jsonio import Json
from tests.conformance.home import NOON, ORDER, Home, change, created
from tests.conformance.indexing import PATIENCE_SECONDS, declare, indexed, states, until_states
from workflows.core.entity import Document
from workflows.core.field_index import STATE_FIELD
from workflows.core.predicates.condition import Condition, Group, Lifecycle, NumberText, Operator, Simple
from workflows.core.predicates.narrowing import narrow
from workflows.core.schema.node import infer
from workflows.core.schema.paths import field_paths
from workflows.storage.base import Extension, ModelChange, Scan, ScanPlan, Storage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.scan import MAX_CANDIDATES
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

SAMPLE: Json = {"mail": "x", "n": 1, "day": "2024-05-01", "flag": True, "it's": {"a b": "x"}, "{narrowing}": "x"}
FIELDS = ("$.mail", "$.n", "$.day", "$.it's.a b", "$.{narrowing}", STATE_FIELD)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Storage]:
    pool = Pool(PoolSettings(url=postgres_url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Any]:
    connection: Any = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


def schema_of(home: Home) -> str:
    return SchemaDirectory(Pool(PoolSettings(url=""))).name_of(home.tenant)


async def in_database(database: Any, home: Home) -> dict[str, bool]:
    """The declared indexes that exist, and whether they are valid."""
    rows = await database.fetch(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE c.relnamespace = to_regnamespace($1) AND c.relname LIKE 'field\\_%' AND c.relkind = 'i'"
        " AND i.indrelid = to_regclass($1 || '.head')",
        schema_of(home),
    )
    return dict(rows)


async def until_in_database(database: Any, home: Home, count: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(await in_database(database, home)) != count:
            await asyncio.sleep(0.01)


def document(number: int) -> Document:
    return Document.from_value(
        {"mail": f"m{number}@x", "n": number, "day": f"2024-05-{number % 28 + 1:02}", "flag": number % 2 == 0,
         "it's": {"a b": f"v{number}"}, "{narrowing}": f"'{number}"}
    )  # fmt: skip


async def fill(home: Home, count: int = 1_000) -> None:
    for start in range(0, count, 500):
        numbers = range(start, min(count, start + 500))
        await home.commit(*(created(document=document(n), state="RARE" if n < 3 else "NEW") for n in numbers))


def scan_for(condition: Condition, *, fields: tuple[str, ...] = FIELDS) -> Scan:
    return Scan(model=ORDER, narrowing=narrow(condition, field_paths(infer(SAMPLE))), indexed=frozenset(fields))


EQUAL_MAIL = Simple("$.mail", Operator.EQUALS, "m7@x")


@pytest.mark.parametrize(
    ("condition", "fields", "examined"),
    [
        (EQUAL_MAIL, ("$.mail",), 1),
        (Simple("$.mail", Operator.STARTS_WITH, "m77"), ("$.mail",), 11),
        (Simple("$.mail", Operator.LIKE, "m77%"), ("$.mail",), 11),
        (Simple("$.mail", Operator.BETWEEN, ["m77", "m78"]), ("$.mail",), 11),
        (Simple("$.mail", Operator.GREATER_THAN, "m99"), ("$.mail",), 12),
        (Simple("$.mail", Operator.IS_NULL), ("$.mail",), 0),
        (Simple("$.n", Operator.EQUALS, NumberText("7")), ("$.n",), 1),
        (Simple("$.n", Operator.BETWEEN_INCLUSIVE, [NumberText("10"), NumberText("19")]), ("$.n",), 10),
        (Simple("$.n", Operator.IS_NULL), ("$.n",), 0),
        (Simple("$.day", Operator.EQUALS, "2024-05-01"), ("$.day",), 36),
        (Simple("$.it's.a b", Operator.EQUALS, "v7"), ("$.it's.a b",), 1),
        (Simple("$.{narrowing}", Operator.EQUALS, "'7"), ("$.{narrowing}",), 1),
        (Lifecycle("state", Operator.EQUALS, "RARE"), (STATE_FIELD,), 3),
        (Group("AND", (Simple("$.flag", Operator.EQUALS, True), EQUAL_MAIL)), ("$.mail",), 1),
        (Group("OR", (EQUAL_MAIL, Simple("$.n", Operator.EQUALS, NumberText("9")))), ("$.mail", "$.n"), 2),
        (
            Group("AND", (Simple("$.flag", Operator.NOT_NULL), Group("OR", (EQUAL_MAIL, EQUAL_MAIL)))),
            ("$.mail",),
            2,
        ),
        (Group("OR", (EQUAL_MAIL, Simple("$.flag", Operator.EQUALS, True))), (), 1_000),
        (Simple("$.flag", Operator.EQUALS, True), (), 1_000),
        (Simple("$.mail", Operator.CONTAINS, "7"), (), 1_000),
    ],
)
async def test_indexes_are_used_where_they_can_be(
    home: Home, condition: Condition, fields: tuple[str, ...], examined: int
) -> None:
    await indexed(home, SAMPLE, *FIELDS)
    await fill(home)
    plan = await home.store.plan(home.tenant, scan_for(condition))
    assert (plan.fields, plan.examined) == (fields, examined)


async def test_an_id_is_always_looked_up(home: Home) -> None:
    await declare(home, SAMPLE)
    await fill(home)
    some = (await home.scan())[50]
    plan = await home.store.plan(home.tenant, scan_for(Lifecycle("id", Operator.EQUALS, some.id), fields=()))
    assert plan == ScanPlan(("@id",), 1, exact=True)


async def test_without_its_declaration_a_model_is_looked_through(home: Home) -> None:
    await declare(home, SAMPLE)
    await fill(home)
    plan = await home.store.plan(home.tenant, scan_for(EQUAL_MAIL, fields=()))
    assert plan == ScanPlan((), 1_000, exact=True)


async def test_a_lossy_document_is_found_by_any_index(home: Home) -> None:
    await indexed(home, SAMPLE, *FIELDS)
    await fill(home)
    await home.commit(created(document=Document.from_text(b'{"mail":"\\u0000"}')))
    [batch] = [batch async for batch in home.store.scan(home.tenant, scan_for(EQUAL_MAIL))]
    assert (len(batch), batch.exact) == (2, False)
    plan = await home.store.plan(home.tenant, scan_for(EQUAL_MAIL))
    assert plan == ScanPlan(("$.mail",), 2, exact=True)


async def test_where_an_index_leads_to_too_many_the_model_is_looked_through(home: Home) -> None:
    await indexed(home, {"value": "x"}, "$.value")
    count = MAX_CANDIDATES + 1
    for start in range(0, count, 2_000):
        await home.commit(*(created("x") for _ in range(min(2_000, count - start))))
    narrowing = narrow(Simple("$.value", Operator.EQUALS, "x"), field_paths(infer({"value": "x"})))
    scan = home.asked(narrowing, ["$.value"])
    assert (await home.store.plan(home.tenant, scan)).fields == ()
    found = [version.entity_id async for batch in home.store.scan(home.tenant, scan) for version in batch]
    assert len(found) == count
    assert found == sorted(found)


async def test_batches_found_exactly_say_so(home: Home) -> None:
    await indexed(home, SAMPLE, *FIELDS)
    await fill(home, 600)
    for condition in (EQUAL_MAIL, Simple("$.n", Operator.LESS_THAN, NumberText("550"))):
        for fields in ((), FIELDS):
            found = [batch async for batch in home.store.scan(home.tenant, scan_for(condition, fields=fields))]
            assert all(batch.exact for batch in found)
            assert sum(map(len, found)) == (1 if condition is EQUAL_MAIL else 550)


async def test_a_batch_of_the_past_is_exact_only_while_nothing_changed(home: Home) -> None:
    await fill(home, 10)
    snapshot = await home.begin()
    scan = Scan(model=ORDER, snapshot=snapshot, narrowing=scan_for(EQUAL_MAIL).narrowing)
    assert [batch.exact async for batch in home.store.scan(home.tenant, scan)] == [True]
    await home.update((await home.scan())[7], "other", at=NOON.replace(year=2027))
    assert [batch.exact async for batch in home.store.scan(home.tenant, scan)] == [False]


async def test_indexes_are_dropped_with_their_declaration_and_with_the_model(home: Home, database: Any) -> None:
    await indexed(home, SAMPLE, *FIELDS)
    names = await in_database(database, home)
    assert len(names) == len(FIELDS)
    assert all(names.values())
    await declare(home, SAMPLE, "$.mail")
    await until_in_database(database, home, 1)
    assert set(await in_database(database, home)) < set(names), "a name depends on model and field alone"
    await home.store.change(home.tenant, ORDER, lambda *_: ModelChange(model=None, workflows=()))
    await until_in_database(database, home, 0)


async def test_a_field_extended_by_a_commit_to_numbers_gets_their_index(home: Home, database: Any) -> None:
    await indexed(home, {"value": "x"}, "$.value")
    await home.commit(created(5), extensions=(Extension(model=ORDER, node=infer({"value": 5})),))
    await until_in_database(database, home, 2)
    await until_states(home, "ready", ["$.value"])


async def test_a_killed_builder_s_index_is_built_again_and_nothing_waits_for_it(
    home: Home, database: Any, postgres_url: str
) -> None:
    await declare(home, {"value": "x"})
    await home.create("x")
    reader: Any = await asyncpg.connect(postgres_url)
    transaction = reader.transaction(isolation="repeatable_read")
    await transaction.start()
    await reader.fetch(f'SELECT * FROM "{schema_of(home)}".head')  # an old snapshot, which building has to wait for
    await declare(home, {"value": "x"}, "$.value")
    await until_in_database(database, home, 1)
    await home.create("y")
    assert await states(home) == {"$.value": "building"}
    builders = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%' AND query LIKE $1"
    for (pid,) in await database.fetch(builders, f"%{schema_of(home)}%"):
        await database.execute("SELECT pg_terminate_backend($1)", pid)
    await transaction.rollback()
    await reader.close()
    assert list((await in_database(database, home)).values()) == [False]
    await database.execute(
        "UPDATE public.cyoda_pending_work SET due_at = now() WHERE schema_name = $1", schema_of(home)
    )  # what was handed out comes back after a minute
    await until_states(home, "ready", ["$.value"])
    assert list((await in_database(database, home)).values()) == [True]


async def test_an_index_that_cannot_be_built_is_reported_and_tried_again(home: Home, database: Any) -> None:
    await declare(home, {"value": "x"})
    schema = schema_of(home)
    await indexed(home, {"value": "x"}, "$.value")
    [name] = await in_database(database, home)
    await declare(home, {"value": "x"})
    await until_in_database(database, home, 0)
    await database.execute(f'CREATE SEQUENCE "{schema}"."{name}"')  # another relation has the index's name
    await declare(home, {"value": "x"}, "$.value")
    await until_states(home, "failed", ["$.value"])
    await database.execute(f'DROP SEQUENCE "{schema}"."{name}"')
    await database.execute("UPDATE public.cyoda_pending_work SET due_at = now() WHERE schema_name = $1", schema)
    await until_states(home, "ready", ["$.value"])


async def test_a_schema_that_is_gone_leaves_no_work_behind(home: Home, database: Any) -> None:
    await indexed(home, {"value": "x"}, "$.value")
    schema = schema_of(home)
    await home.store.commit(home.tenant, change(created("x")))
    async with database.transaction():
        await database.execute(f'DROP SCHEMA "{schema}" CASCADE')
        await database.execute(
            "INSERT INTO public.cyoda_pending_work VALUES ($1, 'index', gen_random_uuid(), '', now())", schema
        )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await database.fetchval("SELECT count(*) FROM public.cyoda_pending_work WHERE schema_name = $1", schema):
            await asyncio.sleep(0.05)
