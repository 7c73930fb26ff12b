"""Whole collections of 100,000: grouped, scanned, searched in the background, and what they cost the node in memory.

    python -m tests.bench --large

Each question is asked by one caller a few times; its ceiling is the same in plain SQL over the same rows, on one
asyncpg connection of a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg

from tests.bench.dataset import Api
from tests.bench.measure import Figure, Place
from tests.bench.node import Memory, cpu_of, resident_mb, watched
from tests.bench.search_cases import prepare, stock
from workflows.core.entity import ModelKey
from workflows.storage.postgres.fields import of_model

SIZE = 100_000
REPETITIONS = 5
_PAGE = 10_000
_SMALL_PAGE = 1_000
_PATIENCE_S = 300.0
_ALL = {"type": "group", "operator": "AND", "conditions": []}
_LIVE = """
    FROM {schema}.head h JOIN {schema}.entity_version v ON v.entity_id = h.entity_id AND v.valid_from = h.valid_from
    WHERE NOT h.deleted AND
"""
_GROUPS = """SELECT h.document ->> 'segment', count(*), sum((h.document -> 'total')::float8),
    avg((h.document -> 'total')::float8) FROM {schema}.head h WHERE NOT h.deleted AND"""
_MATCHING = "lower(h.document ->> 'note') LIKE '%door%'"
"""What `_CONTAINS` asks; no index and no exact push-down serve it."""
_CONTAINS = {"type": "simple", "jsonPath": "$.note", "operatorType": "ICONTAINS", "value": "DOOR"}
_LACKS_EXACTLY = {"type": "simple", "jsonPath": "$.note", "operatorType": "CONTAINS", "value": "window"}
_LACKS = {"type": "simple", "jsonPath": "$.note", "operatorType": "ICONTAINS", "value": "window"}


@dataclass(frozen=True)
class _Whole:
    """One question: what asks the node, and the same in SQL, which is read with a cursor."""

    name: str
    ask: Callable[[Api], int]
    sql: str


def read_all(api: Api, name: str, page_size: int) -> int:
    """Search a whole collection in the background and read every page; how many entities came. Raises RuntimeError."""
    job = json.loads(api.send("POST", f"/search/async/{name}/1", _ALL))
    ends = time.perf_counter() + _PATIENCE_S
    while (status := json.loads(api.send("GET", f"/search/async/{job}/status")))["searchJobStatus"] == "RUNNING":
        if time.perf_counter() > ends:
            raise RuntimeError(f"the search {job} does not end")
        time.sleep(0.01)
    found = 0
    for number in range(-(-status["entitiesCount"] // page_size)):
        page = api.send("GET", f"/search/async/{job}?pageSize={page_size}&pageNumber={number}")
        found += page.count(b'"type":"ENTITY"')
    return found


def questions(size: int) -> Iterator[_Whole]:
    name, model = stock(size), of_model(ModelKey(stock(size), 1).id, "h.")
    request: dict[str, Any] = {
        "groupBy": ["$.segment"],
        "aggregations": [{"op": "sum", "field": "$.total"}, {"op": "avg", "field": "$.total"}],
    }

    def grouped(**more: object) -> Callable[[Api], int]:
        return lambda api: len(json.loads(api.send("POST", f"/entity/stats/{name}/1/query", request | more)))

    def scanned(condition: object) -> Callable[[Api], int]:
        return lambda api: len(api.send("POST", f"/search/direct/{name}/1", condition).splitlines())

    yield _Whole(f"grouped, {size:,}", grouped(), f"{_GROUPS} {model} GROUP BY 1")
    yield _Whole(
        f"grouped by scan, {size:,}", grouped(condition=_CONTAINS), f"{_GROUPS} {model} AND {_MATCHING} GROUP BY 1"
    )
    yield _Whole(
        f"scan of {size:,}, a text within", scanned(_LACKS_EXACTLY),
        f"SELECT v.document {_LIVE} {model} AND h.document ->> 'note' LIKE '%window%'",
    )  # fmt: skip
    yield _Whole(
        f"scan of {size:,}, in any case", scanned(_LACKS),
        f"SELECT v.document {_LIVE} {model} AND lower(h.document ->> 'note') LIKE '%window%'",
    )  # fmt: skip
    yield _Whole(
        f"async, {size:,} in pages", lambda api: read_all(api, name, _PAGE),
        f"SELECT h.entity_id, v.* {_LIVE} {model} ORDER BY h.entity_id",
    )  # fmt: skip


def _sql_s(url: str, sql: str) -> tuple[float, int]:
    """Median seconds of a statement read by a cursor, and its rows."""
    return asyncio.run(_sql(url, sql))


async def _sql(url: str, sql: str) -> tuple[float, int]:
    connection: Any = await asyncpg.connect(url)
    schema: str = await connection.fetchval(
        "SELECT quote_ident(schema_name) FROM public.cyoda_schema ORDER BY created_at DESC LIMIT 1"
    )
    text, took, rows = sql.format(schema=schema), list[float](), 0
    for _ in range(REPETITIONS):
        started, rows = time.perf_counter(), 0
        async with connection.transaction():
            cursor = await connection.cursor(text)
            while found := await cursor.fetch(_PAGE):
                rows += len(found)
        took.append(time.perf_counter() - started)
    await connection.close()
    return median(took), rows


def run(api: Api, place: Place, pool: Executor, size: int = SIZE) -> Iterator[Figure]:
    """A figure for each question, beside plain SQL when the place knows its database.

    Raises RuntimeError when the two find a different number.
    """
    prepare(api, [size])
    for question in questions(size):
        before, took, found = cpu_of(place.node_pid, place.postmaster), list[float](), 0
        for _ in range(REPETITIONS):
            started = time.perf_counter()
            found = question.ask(api)
            took.append(time.perf_counter() - started)
        spent = cpu_of(place.node_pid, place.postmaster) - before
        figure = Figure(
            question.name, 1, 1, 1 / median(took), median(took) * 1e3, max(took) * 1e3, max(took) * 1e3,
            spent.node_s / REPETITIONS * 1e6, spent.postgres_s / REPETITIONS * 1e6, 0.0,
        )  # fmt: skip
        if place.database_url is not None:
            seconds, rows = pool.submit(_sql_s, place.database_url, question.sql).result()
            if rows != found:
                raise RuntimeError(f"{question.name}: the node found {found}, plain SQL {rows}")
            figure.ceilings = {"sql": 1 / seconds}
        yield figure


def memory(api: Api, pid: int, size: int = SIZE) -> Iterator[Memory]:
    """What the node holds while a collection streams out: by pages of a thousand, and by searches of 10,000."""
    name = stock(size)
    with watched(pid) as most:
        before = resident_mb(pid)
        read_all(api, name, _SMALL_PAGE)
    yield Memory(f"{size:,} by pages of {_SMALL_PAGE:,}", before, max(most), resident_mb(pid))
    with watched(pid) as most:
        before = resident_mb(pid)
        for start in range(0, size, _PAGE):
            between = {"type": "simple", "jsonPath": "$.number", "operatorType": "BETWEEN_INCLUSIVE"}
            api.send("POST", f"/search/direct/{name}/1?limit={_PAGE}", between | {"value": [start, start + _PAGE - 1]})
    yield Memory(f"{size:,} by direct searches of {_PAGE:,}", before, max(most), resident_mb(pid))
