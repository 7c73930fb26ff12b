"""`python -m tests.bench`: measure a clean node against this machine's ceilings; `make bench`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from tests.bench import callout_cases, engine_alone, large_cases, search_cases, timer_cases
from tests.bench.cases import CASES, LARGE_CASES, Case, Site, create_one, read_one, update
from tests.bench.dataset import Api, Dataset, prepare
from tests.bench.load import run_load
from tests.bench.measure import Figure, Length, Place, echo_server, joined_member, measure, measure_ceilings
from tests.bench.node import BenchNode, resident_mb
from tests.bench.report import TARGET_CONNECTIONS, Process, Run, ceilings_table, row, table, verdicts, write_json
from tests.bench.workloads import Workload
from tests.nodes import ROOT

_SETTLE_S = 2.0
_WARMING_REQUESTS = 10_000
_MEMORY_CONNECTIONS = 32


@dataclass(frozen=True)
class Options:
    length: Length
    connections: Sequence[int]
    cases: Sequence[Case]
    requests: int
    json: Path
    command: tuple[str, ...]
    ceilings: bool
    searches: bool
    large: bool
    in_flight: Sequence[int]
    """Of the callouts; none when the engine is left out."""


def parse(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each case and number of connections (5)")
    parser.add_argument(
        "--quick", action="store_true", help="one second each, memory over 10,000 requests, at most 1,000 callouts"
    )
    parser.add_argument("--connections", default="1,8,32", help="comma-separated (1,8,32)")
    parser.add_argument("--only", action="append", metavar="NAME", help="cases whose name contains this; repeatable")
    parser.add_argument("--requests", type=int, default=100_000, help="of the memory test (100,000); 0 leaves it out")
    parser.add_argument("--million", action="store_true", help="the memory test with a million requests")
    parser.add_argument("--json", type=Path, metavar="FILE", help="default bench-results/<time>.json")
    parser.add_argument("--node", metavar="COMMAND", help="starts the node, for profilers (python manage.py serve)")
    parser.add_argument("--without-ceilings", action="store_true", help="the node's figures alone")
    parser.add_argument("--searches", action="store_true", help="only searches over 10,000 and 100,000 entities")
    parser.add_argument("--large", action="store_true", help="only PATCH, and whole collections of 100,000")
    parser.add_argument("--engine", action="store_true", help="only the engine: alone, callouts in flight, timers")
    given = parser.parse_args(arguments)
    is_partial = not given.engine and (given.only or given.large or given.searches)
    seconds = 1.0 if given.quick else given.seconds
    requests = 1_000_000 if given.million else 10_000 if given.quick and given.requests else given.requests
    cases = [
        case
        for case in (LARGE_CASES if given.large else () if given.engine else CASES)
        if not given.only or any(name in case.name for name in given.only)
    ]
    return Options(
        length=Length(seconds=seconds, warm_s=min(2.0, max(0.5, seconds / 3)), ceiling_s=max(1.0, seconds / 2)),
        connections=[int(number) for number in given.connections.split(",")],
        cases=cases,
        requests=0 if (given.only and not given.million) or given.engine else requests,
        json=given.json or ROOT / "bench-results" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json",
        command=tuple(shlex.split(given.node)) if given.node else (sys.executable, "manage.py", "serve"),
        ceilings=not given.without_ceilings,
        searches=given.searches,
        large=given.large,
        in_flight=() if is_partial else callout_cases.IN_FLIGHT[: -1 if given.quick else None],
    )


def run(options: Options, home: Path) -> Run:
    result = Run()
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(2, mp_context=get_context("spawn")))
        list(pool.map(abs, range(8)))  # the processes have started before anything is timed
        node = BenchNode(
            home, {"CYODA_MEMBER_MAX_IN_FLIGHT": str(max(callout_cases.IN_FLIGHT))}, command=options.command
        )
        stack.callback(node.kill)
        first = node.start().start_s
        node.stop()
        second = node.start().start_s
        time.sleep(_SETTLE_S)
        result.process = Process(first_start_s=first, second_start_s=second, idle_mb=resident_mb(node.pid))
        print(f"start {first:.2f} s, again {second:.2f} s; idle {result.process.idle_mb:.0f} MB", flush=True)
        place = _place(node, prepare(Api(node.api, node.token())))
        if options.ceilings:
            place = replace(place, echo_port=stack.enter_context(echo_server()), database_url=node.database_url)
        if options.searches:
            _run_searches(Api(node.api, node.token()), place, options, pool, result)
            return result
        for case in options.cases:
            _run_case(case, place, options, pool, result)
        if options.large:
            _run_large(Api(node.api, node.token()), place, options, pool, result)
        elif options.requests:
            _measure_memory(node.pid, place, options.requests, pool, result.process)
        if options.in_flight:
            _run_engine(Api(node.api, node.token()), place, options, pool, result)
    return result


def _place(node: BenchNode, data: Dataset) -> Place:
    site = Site("/api", node.token(), data)
    return Place(site, node.http_port, node.grpc, node_pid=node.pid, postmaster=node.postmaster())


def _run_case(case: Case, place: Place, options: Options, pool: Executor, result: Run) -> None:
    with ExitStack() as stack:
        if case.member is not None:
            stack.enter_context(joined_member(place, case.member))
        for connections in options.connections:
            figure = measure(case, connections, place, options.length, pool)
            if options.ceilings:
                figure.ceilings = measure_ceilings(case, connections, place, options.length, pool)
            _add(figure, result)


def _add(figure: Figure, result: Run) -> None:
    result.figures.append(figure)
    failed = f"  REFUSED {figure.failures}: {figure.example}" if figure.failures else ""
    print("  ".join(row(figure)) + failed, flush=True)


def _run_searches(api: Api, place: Place, options: Options, pool: Executor, result: Run) -> None:
    for figure in search_cases.run(api, place, options.length, options.connections, pool):
        _add(figure, result)


def _run_engine(api: Api, place: Place, options: Options, pool: Executor, result: Run) -> None:
    _add(pool.submit(engine_alone.run, options.length.seconds).result(), result)
    _add(timer_cases.run(api, place), result)
    for figure, memory in callout_cases.run(api, place, options.length, pool, options.in_flight):
        _add(figure, result)
        result.memory.append(memory)
        print(memory, flush=True)


def _run_large(api: Api, place: Place, options: Options, pool: Executor, result: Run) -> None:
    for figure in large_cases.run(api, place, pool):
        _add(figure, result)
    if place.node_pid is not None:
        for memory in large_cases.memory(api, place.node_pid):
            result.memory.append(memory)
            print(memory, flush=True)


def _measure_memory(pid: int, place: Place, requests: int, pool: Executor, process: Process) -> None:
    """Creates, reads and updates together; growth is counted from the moment the node is warm."""
    third = _MEMORY_CONNECTIONS // 3
    workloads: list[Workload] = [
        *create_one(place.site, third), *read_one(place.site, third), *update(place.site, third),
    ]  # fmt: skip
    for count in (_WARMING_REQUESTS, requests):
        load = run_load(pool, place.http_port, workloads, seconds=0, warm_s=0, requests=count)
        if load.failures:
            raise RuntimeError(f"requests of the memory test were refused: {load.failures} {load.example!r}")
        time.sleep(_SETTLE_S)
        process.warm_mb, process.after_mb = process.after_mb, resident_mb(pid)
    process.requests = load.count
    print(f"memory after {requests:,} requests: {process.after_mb:.0f} MB, warm {process.warm_mb:.0f} MB", flush=True)


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # for the load processes: their streams end by force
    with tempfile.TemporaryDirectory(prefix="cyoda-bench-", ignore_cleanup_errors=True) as home:
        result = run(options, Path(home))
    print("\n" + table([row(figure) for figure in result.figures]))
    if options.ceilings:
        print("\n" + ceilings_table(result.figures))
    print(
        f"\nTargets at {TARGET_CONNECTIONS} connections; load average at the start {result.load_average_at_start:.1f}"
    )
    print("\n".join(verdicts(result)))
    write_json(result, options.json)
    print(f"\n{options.json}")
    return 1 if any(figure.failures for figure in result.figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
