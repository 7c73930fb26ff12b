"""Searches over 10,000 and 100,000 entities, by index and not, and reads of the past, beside the same in plain SQL.

    python -m tests.bench --searches

The ceiling is asyncpg alone on one connection per caller, asking the node's own tables for the same documents.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvloop

from tests.bench.cases import Case, Site
from tests.bench.ceilings import MAX_CONNECTIONS
from tests.bench.dataset import BATCH, Api, document, model_path
from tests.bench.measure import Figure, Length, Place, measure
from tests.bench.workloads import Rotating, Workload, dumps
from workflows.core.entity import ModelKey
from workflows.core.field_index import FieldIndex
from workflows.storage.postgres.fields import number_key, of_model

SIZES = (10_000, 100_000)
VERSIONS = (1, 20, 200)
_ASKED = 200
"""Different questions that a case asks in turn."""
_RANGE = 100
_HISTORIES = 20
_INDEXED = FieldIndex("by-number", ("$.number",))
_PATIENCE_S = 120.0

_FOUND = """
    SELECT v.document FROM {schema}.head h
    JOIN {schema}.entity_version v ON v.entity_id = h.entity_id AND v.valid_from = h.valid_from
    WHERE NOT h.deleted AND
"""


@dataclass(frozen=True)
class Question:
    """One case: what is sent for each of its numbers, and the same in SQL with the number as `$1`."""

    name: str
    request: Callable[[Site, int], bytes]
    sql: str
    numbers: Sequence[int]
    ids: Sequence[str] = ()
    """Of the entities that the numbers stand for, where SQL asks for ids."""


def stock(size: int) -> str:
    return f"stock{size}"


def prepare(api: Api, sizes: Sequence[int]) -> None:
    """A model of each size, whose field `number` is declared indexed and whose field `twin`, with the same, is not."""
    for size in sizes:
        name = stock(size)
        api.call("POST", f"/model/import/JSON/SAMPLE_DATA/{name}/1", _document(1))
        api.call("PUT", f"/model/{name}/1/lock")
        for start in range(0, size, BATCH):
            api.call("POST", model_path(name), [_document(number) for number in range(start, start + BATCH)])
        indexes = [{"id": _INDEXED.id, "fields": _INDEXED.fields}]
        started = time.perf_counter()
        api.call("PUT", f"/model/{name}/1/indexes", {"indexes": indexes})
        while any(index["state"] != "ready" for index in api.call("GET", f"/model/{name}/1/indexes")["indexes"]):
            if time.perf_counter() - started > _PATIENCE_S:
                raise RuntimeError(f"the index of {name} is not ready")
            time.sleep(0.05)
        print(f"index over {size:,} entities ready after {time.perf_counter() - started:.1f} s", flush=True)


@dataclass(frozen=True)
class History:
    """Entities with so many versions each, and a moment at which they had the first."""

    count: int
    ids: Sequence[str]
    moment: str


def prepare_histories(api: Api, counts: Sequence[int]) -> list[History]:
    api.call("POST", "/model/import/JSON/SAMPLE_DATA/history/1", document(1))
    api.call("PUT", "/model/history/1/lock")
    found: list[History] = []
    for count in counts:
        chunks = api.call("POST", model_path("history"), [document(number) for number in range(_HISTORIES)])
        ids = [entity_id for chunk in chunks for entity_id in chunk["entityIds"]]
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        time.sleep(0.01)  # the moment is rounded to a millisecond that the next version must not share
        for version in range(1, count):
            payload = json.dumps(document(version))
            api.call("PUT", "/entity/JSON", [{"id": entity_id, "payload": payload} for entity_id in ids])
        found.append(History(count, ids, moment))
    return found


def _document(number: int) -> dict[str, Any]:
    return {**document(number), "twin": number}


def questions(size: int) -> Iterator[Question]:
    name, step = stock(size), max(1, size // _ASKED)
    model, numbers = of_model(ModelKey(name, 1).id, "h."), range(0, size - _RANGE, step)
    key = number_key(("number",))

    def asked(path: str, operator: str, of: Callable[[int], object], query: str = "") -> Callable[[Site, int], bytes]:
        def request(site: Site, number: int) -> bytes:
            condition = {"type": "simple", "jsonPath": path, "operatorType": operator, "value": of(number)}
            return site.render("POST", f"/search/direct/{name}/1{query}", dumps(condition))

        return request

    def between(number: int) -> list[int]:
        return [number, number + _RANGE - 1]

    yield Question(
        f"one of {size:,}, indexed", asked("$.number", "EQUALS", int),
        f"{_FOUND} {model} AND {key} = $1::int::numeric", numbers,
    )  # fmt: skip
    yield Question(
        f"{_RANGE} of {size:,}, indexed, sorted",
        asked("$.number", "BETWEEN_INCLUSIVE", between, "?sort=total:desc"),
        f"{_FOUND} {model} AND {key} BETWEEN $1::int::numeric AND $1::int::numeric + {_RANGE - 1}"
        " ORDER BY (h.document -> 'total')::float8 DESC, h.entity_id",
        numbers,
    )
    yield Question(
        f"one of {size:,}, not indexed", asked("$.twin", "EQUALS", int),
        f"{_FOUND} {model} AND h.document -> 'twin' = to_jsonb($1::int)", numbers,
    )  # fmt: skip
    yield Question(
        f"1 % of {size:,}, not indexed, sorted",
        asked("$.segment", "EQUALS", lambda number: number % 100, "?sort=total"),
        f"{_FOUND} {model} AND h.document -> 'segment' = to_jsonb($1::int % 100)"
        " ORDER BY (h.document -> 'total')::float8, h.entity_id",
        range(100),
    )


def past(history: History) -> Question:
    """The first state, whatever came after it."""
    ids, moment = history.ids, history.moment
    return Question(
        f"as of, {history.count} versions",
        lambda site, number: site.render("GET", f"/entity/{ids[number]}?pointInTime={moment}"),
        f"SELECT * FROM {{schema}}.entity_version WHERE entity_id = $1 AND valid_from <= '{moment}'"
        " ORDER BY valid_from DESC LIMIT 1",
        range(len(ids)), ids,
    )  # fmt: skip


def ceiling(pool: Executor, url: str, question: Question, callers: int, seconds: float) -> float:
    """Answers a second in plain SQL, measured in a process of the pool."""
    arguments: Sequence[object] = question.ids or list(question.numbers)
    return pool.submit(_run, url, question.sql, arguments, min(callers, MAX_CONNECTIONS), seconds).result()


def _run(url: str, sql: str, arguments: Sequence[object], callers: int, seconds: float) -> float:
    return uvloop.run(_rate(url, sql, arguments, callers, seconds))


async def _rate(url: str, sql: str, arguments: Sequence[object], callers: int, seconds: float) -> float:
    connections: list[Any] = [await asyncpg.connect(url) for _ in range(callers)]
    schema: str = await connections[0].fetchval(
        "SELECT quote_ident(schema_name) FROM public.cyoda_schema ORDER BY created_at DESC LIMIT 1"
    )
    text, asked, latencies = sql.format(schema=schema), itertools.cycle(arguments), array("d")
    ends = time.perf_counter() + seconds

    async def call(connection: Any) -> None:
        while (start := time.perf_counter()) < ends:
            await connection.fetch(text, next(asked))
            latencies.append(time.perf_counter() - start)

    await asyncio.gather(*map(call, connections))
    for connection in connections:
        await connection.close()
    return len(latencies) / seconds


def run(
    api: Api, place: Place, length: Length, connections: Sequence[int], pool: Executor,
    sizes: Sequence[int] = SIZES, versions: Sequence[int] = VERSIONS,
) -> Iterator[Figure]:  # fmt: skip
    """The figures of all questions, each beside its ceiling when the place knows its database."""
    prepare(api, sizes)
    asked = [question for size in sizes for question in questions(size)]
    asked += map(past, prepare_histories(api, versions))
    for question, callers in itertools.product(asked, connections):
        case = Case(question.name, _requests(question), "search", (120, 700))
        figure = measure(case, callers, place, length, pool)
        if place.database_url is not None:
            figure.ceilings = {"sql": ceiling(pool, place.database_url, question, callers, length.ceiling_s)}
        yield figure


def _requests(question: Question) -> Callable[[Site, int], Sequence[Workload]]:
    def workloads(site: Site, connections: int) -> Sequence[Workload]:
        requests = [question.request(site, number) for number in question.numbers]
        return [Rotating(requests, start) for start in range(0, connections * 7, 7)]

    return workloads
