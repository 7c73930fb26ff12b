"""The benchmark works: every case is answered without refusals, every ceiling has a figure, the table shows all."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from cyoda.clock import system_clock
from cyoda.conf import load
from cyoda.runtime import build_node
from cyoda.serving import Addresses, running
from tenants.identity.service import identity_service
from tests.bench import callout_cases, engine_alone, large_cases, search_cases, timer_cases
from tests.bench.cases import CASES, LARGE_CASES, Case, Site
from tests.bench.dataset import Api, Dataset, prepare
from tests.bench.measure import Figure, Length, Place, echo_server, joined_member, measure, measure_ceilings
from tests.bench.node import Memory
from tests.bench.report import Process, Run, ceilings_table, row, table, verdicts, write_json
from tests.nodes import NodeProcess, signing_key
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

BRIEFLY = Length(seconds=0.8, warm_s=0.2, ceiling_s=0.4, requests=20)
CONNECTIONS = 2


async def no_pages(*_: object) -> None:
    raise AssertionError("outside the context path")


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture
async def node(postgres_url: str) -> AsyncIterator[Addresses]:
    """A node in this process, over the suite's PostgreSQL."""
    conf = load(
        NodeProcess(Path("unused"), key=signing_key()).settings()
        | {
            "CYODA_HTTP_PORT": "0",
            "CYODA_GRPC_PORT": "0",
            "CYODA_ADMIN_PORT": "0",
            "CYODA_BOOTSTRAP_TENANT_ID": f"bench-{uuid.uuid4()}",  # the ceilings look at the newest tenant
        }
    )
    database = Pool(PoolSettings(url=postgres_url))
    storage = PostgresStorage(database, SchemaDirectory(database))
    node = build_node(conf, storage, fallback=no_pages, identity=identity_service(conf, system_clock))
    async with running(node) as addresses:
        yield addresses


@pytest.fixture
async def place(node: Addresses, postgres_url: str) -> Place:
    process = NodeProcess(Path("unused"), http_port=node.http, grpc_port=node.grpc)
    token = await asyncio.to_thread(process.token)
    data: Dataset = await asyncio.to_thread(prepare, Api(process.api, token), entities=200, changing=60)
    return Place(Site("/api", token, data), node.http, process.grpc, database_url=postgres_url)


async def test_every_case_runs_without_refusals_beside_its_ceilings(
    place: Place, pool: Executor, tmp_path: Path
) -> None:
    figures = await asyncio.to_thread(run_all, place, pool)
    assert [figure.case for figure in figures] == [case.name for case in CASES]
    for figure in figures:
        assert not figure.failures, figure.example
        assert figure.rate > 0, figure.case
        assert 0 < figure.p50_ms <= figure.p99_ms <= figure.max_ms
        assert set(figure.ceilings) >= {"http"}
        assert all(rate > 0 for rate in figure.ceilings.values()), figure.ceilings
    shows_all(figures, tmp_path / "results" / "run.json")


async def test_searches_run_without_refusals_beside_plain_sql(
    node: Addresses, postgres_url: str, pool: Executor
) -> None:
    process = NodeProcess(Path("unused"), http_port=node.http, grpc_port=node.grpc)
    token = await asyncio.to_thread(process.token)
    place = Place(Site("/api", token, Dataset([], [], "")), node.http, process.grpc, database_url=postgres_url)

    def run() -> list[Figure]:
        api = Api(process.api, token)
        return list(search_cases.run(api, place, BRIEFLY, [CONNECTIONS], pool, sizes=[1_000], versions=[1, 3]))

    figures = await asyncio.to_thread(run)
    assert len(figures) == 6
    for figure in figures:
        assert not figure.failures, figure.example
        assert figure.rate > 0
        assert figure.ceilings["sql"] > 0, figure.case


async def test_callouts_and_timers_run_without_refusals(place: Place, pool: Executor) -> None:
    def run() -> list[Figure]:
        api = Api(f"http://127.0.0.1:{place.http_port}/api", place.site.token)
        seen = callout_cases.run(api, replace(place, node_pid=os.getpid()), BRIEFLY, pool, [CONNECTIONS])
        return [timer_cases.run(api, place, 20, 500), *(figure for figure, memory in seen if memory.most_mb > 0)]

    figures = await asyncio.to_thread(run)
    assert len(figures) == 5
    for figure in figures:
        assert not figure.failures, figure.example
        assert figure.rate > 0, figure.case
        assert 0 < figure.p50_ms <= figure.p99_ms <= figure.max_ms
    assert figures[3].p50_ms >= callout_cases.DELAY_MS


def test_the_engine_runs_alone() -> None:
    figure = engine_alone.run(0.05)
    assert figure.rate > 0
    assert 0 < figure.p50_ms <= figure.p99_ms <= figure.max_ms


async def test_whole_collections_answer_what_plain_sql_answers(place: Place, pool: Executor) -> None:
    api = Api(f"http://127.0.0.1:{place.http_port}/api", place.site.token)

    def run() -> list[Figure]:
        figures = list(large_cases.run(api, place, pool, size=1_000))
        assert all(figure.ceilings["sql"] > 0 for figure in figures)
        return figures + [run_case(case, place, pool) for case in LARGE_CASES]

    figures = await asyncio.to_thread(run)
    assert len(figures) == 6
    for figure in figures:
        assert not figure.failures, figure.example
        assert figure.rate > 0
    seen = await asyncio.to_thread(lambda: list(large_cases.memory(api, os.getpid(), size=1_000)))
    assert all(min(memory.before_mb, memory.most_mb, memory.after_mb) > 0 for memory in seen)
    assert await asyncio.to_thread(large_cases.read_all, api, "stock1000", 300) == 1_000


def run_all(place: Place, pool: Executor) -> list[Figure]:
    with echo_server() as echo_port:
        return [run_case(case, replace(place, echo_port=echo_port), pool) for case in CASES]


def run_case(case: Case, place: Place, pool: Executor) -> Figure:
    if case.member is not None:
        with joined_member(place, case.member):
            figure = measure(case, CONNECTIONS, place, BRIEFLY, pool)
    else:
        figure = measure(case, CONNECTIONS, place, BRIEFLY, pool)
    figure.ceilings = measure_ceilings(case, CONNECTIONS, place, BRIEFLY, pool)
    return figure


def shows_all(figures: list[Figure], path: Path) -> None:
    lines = table([row(figure) for figure in figures]).splitlines()
    assert len(lines) == 2 + len(CASES)
    assert ceilings_table(figures).count("http") == len(CASES)
    at_32 = [replace(figure, connections=32) for figure in figures]
    most = max(callout_cases.IN_FLIGHT)
    at_32 += [
        replace(figures[0], case=callout_cases.PLAIN.name, connections=most, node_us=100.0),
        replace(figures[0], case=callout_cases.AT_ONCE.name, connections=most, node_us=350.0),
        replace(figures[0], case=engine_alone.NAME, connections=1, rate=49_000.0),
        replace(figures[0], case=timer_cases.name(timer_cases.COUNT), connections=1, p99_ms=1_001.0),
    ]
    run = Run(
        figures=at_32, process=Process(first_start_s=1.0, second_start_s=0.5, idle_mb=100.0),
        memory=[Memory(f"{callout_cases.HELD}, 10,000 in flight", 100.0, 400.0, 300.0)],
    )  # fmt: skip
    told = verdicts(run)
    for met, text in (
        ("", "bare stream"), ("met", ": 250 µs"), ("MISSED", "49,000 transitions"), ("MISSED", "p99 1001 ms"),
        ("met", "400 MB at most"),
    ):  # fmt: skip
        assert [line for line in told if line.startswith(met) and text in line], (text, told)
    write_json(run, path)
    written = json.loads(path.read_text())["figures"]
    assert [each["case"] for each in written[: len(CASES)]] == [case.name for case in CASES]
