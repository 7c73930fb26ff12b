"""The ceilings of the database: asyncpg alone, on tables of the node's own shape in the node's own server.

Writes are one batch after another, each with a row for every caller that a node would have waiting; each is committed
with the server's settings before the next begins. Reads are one statement a request.
"""

from __future__ import annotations

import asyncio
import itertools
from array import array
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Literal
from uuid import UUID

import asyncpg
import uvloop

from cyoda.ids import TimeIds, model_id
from tests.bench.dataset import document
from tests.bench.load import Load
from tests.bench.workloads import dumps

MAX_CONNECTIONS = 8
"""As many as a node has."""
Kind = Literal["insert", "update", "select one", "select row", "search"]

_SCHEMA = "bench_ceiling"
_AUDIT = dumps([{"type": "STATE_MACHINE_START", "at": "2026-01-01T00:00:00Z", "details": "x" * 120}] * 4).decode()
_MAKE = f"""
    DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE;
    CREATE SCHEMA {_SCHEMA};
    CREATE TABLE {_SCHEMA}.entity_version (LIKE {{source}}.entity_version INCLUDING ALL);
    CREATE TABLE {_SCHEMA}.head (LIKE {{source}}.head INCLUDING ALL);
    CREATE TABLE {_SCHEMA}.audit (LIKE {{source}}.audit INCLUDING ALL);
"""
_VERSIONS = f"""
    INSERT INTO {_SCHEMA}.entity_version (
        entity_id, transaction_id, valid_from, created_at, version, model_version, deleted, model_name, state,
        transition, attributed_id, attributed_kind, executor_id, executor_kind, document
    )
    SELECT id, transaction_id, $4, $4, version, 1, false, 'order', 'OPEN', 'register', 'a', 'service', 'a', 'service',
        document
    FROM incoming
"""
_AUDITS = f"INSERT INTO {_SCHEMA}.audit (entity_id, transaction_id, events) SELECT id, transaction_id, $5 FROM incoming"
_INCOMING = """
    WITH incoming AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $6::int[]) AS w(id, transaction_id, document, version)
    )
"""
_INSERT = f"""
    {_INCOMING}, versions AS ({_VERSIONS}), audits AS ({_AUDITS})
    INSERT INTO {_SCHEMA}.head (
        entity_id, model_id, transaction_id, valid_from, created_at, version, model_version, deleted, lossy,
        model_name, state, transition, document
    )
    SELECT id, $7::uuid, transaction_id, $4, $4, version, 1, false, false, 'order', 'OPEN', 'register', document::jsonb
    FROM incoming
"""
_UPDATE = f"""
    {_INCOMING}, versions AS ({_VERSIONS}), audits AS ({_AUDITS}), closed AS (
        UPDATE {_SCHEMA}.entity_version v SET valid_to = $4
        FROM incoming i WHERE v.entity_id = i.id AND v.version = i.version - 1
    )
    UPDATE {_SCHEMA}.head h
    SET version = i.version, transaction_id = i.transaction_id, valid_from = $4, document = i.document::jsonb
    FROM incoming i WHERE h.entity_id = i.id AND $7::uuid IS NOT NULL
"""
_READ = f"""
    SELECT DISTINCT ON (entity_id) * FROM {_SCHEMA}.entity_version WHERE entity_id = ANY($1::uuid[])
    ORDER BY entity_id, version DESC
"""
_ROW = "SELECT * FROM {schema}.entity_version WHERE entity_id = $1 ORDER BY valid_from DESC LIMIT 1"
_SEARCH = """
    SELECT document FROM {schema}.head
    WHERE model_id = $2 AND NOT deleted AND document->'segment' = to_jsonb($1::int)
"""

Once = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class DatabaseSpec:
    """`callers` at once, each with `entities` in a request; `ids` exist in the node's catalogue."""

    url: str
    kind: Kind
    callers: int
    seconds: float
    warm_s: float
    entities: int = 1
    ids: tuple[str, ...] = ()
    segment: int = 7


@dataclass
class _Writer:
    """Batches of writes on one connection."""

    connection: Any
    rows: int
    texts: list[str] = field(default_factory=list[str])
    ids: list[UUID] = field(default_factory=list[UUID])
    new_id: Callable[[], UUID] = field(default_factory=TimeIds)
    version: int = 1

    def __post_init__(self) -> None:
        self.texts = [dumps(document(number)).decode() for number in range(self.rows)]

    async def insert(self, _caller: int = 0) -> None:
        self.ids = [self.new_id() for _ in range(self.rows)]
        await self._write(_INSERT)

    async def update(self, _caller: int = 0) -> None:
        await self.connection.fetch(_READ, self.ids)
        self.version += 1
        await self._write(_UPDATE)

    async def _write(self, sql: str) -> None:
        transactions = [self.new_id() for _ in range(self.rows)]
        now, versions = datetime.now(UTC), [self.version] * self.rows
        await self.connection.fetch(sql, self.ids, transactions, self.texts, now, _AUDIT, versions, self.ids[0])


async def _measure(spec: DatabaseSpec, callers: int, once: Once) -> Load:
    load = Load(seconds=spec.seconds)
    counts_from = perf_counter() + spec.warm_s
    ends = counts_from + spec.seconds

    async def call(number: int) -> None:
        while (start := perf_counter()) < ends:
            await once(number)
            if start >= counts_from and (now := perf_counter()) <= ends:
                load.latencies.append(now - start)

    await asyncio.gather(*(call(number) for number in range(callers)))
    return load


async def _schema_of_node(connection: Any) -> str:
    """The schema of the newest tenant, which is the benchmark's."""
    return await connection.fetchval(
        "SELECT quote_ident(schema_name) FROM public.cyoda_schema ORDER BY created_at DESC LIMIT 1"
    )


async def _write(spec: DatabaseSpec) -> Load:
    connection = await asyncpg.connect(spec.url)
    await connection.execute(_MAKE.format(source=await _schema_of_node(connection)))
    writer = _Writer(connection, spec.callers * spec.entities)
    await writer.insert()
    load = await _measure(spec, 1, writer.insert if spec.kind == "insert" else writer.update)
    await connection.execute(f"DROP SCHEMA {_SCHEMA} CASCADE")
    await connection.close()
    # Each of a batch's callers has waited as long as the batch took.
    load.latencies = array("d", itertools.chain.from_iterable([each] * spec.callers for each in load.latencies))
    return load


async def _read(spec: DatabaseSpec) -> Load:
    callers = min(spec.callers, MAX_CONNECTIONS)
    connections: list[Any] = [await asyncpg.connect(spec.url) for _ in range(callers)]
    schema = await _schema_of_node(connections[0])
    row, search, ids = _ROW.format(schema=schema), _SEARCH.format(schema=schema), itertools.cycle(spec.ids or [""])

    async def one(caller: int) -> None:
        await connections[caller].fetch("SELECT 1")

    async def one_row(caller: int) -> None:
        await connections[caller].fetch(row, next(ids))

    async def one_search(caller: int) -> None:
        await connections[caller].fetch(search, spec.segment, model_id("catalogue", 1))

    load = await _measure(spec, callers, {"select one": one, "select row": one_row}.get(spec.kind, one_search))
    for connection in connections:
        await connection.close()
    return load


def _run(spec: DatabaseSpec) -> Load:
    return uvloop.run(_write(spec) if spec.kind in ("insert", "update") else _read(spec))


def database(pool: Executor, spec: DatabaseSpec) -> Load:
    """Measured in a process of the pool; the rate is in requests, of `entities` each."""
    load = pool.submit(_run, spec).result()
    load.latencies = array("d", sorted(load.latencies))
    return load
