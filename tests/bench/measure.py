"""One case at one number of connections: the node's figures, then its ceilings, from the same minute."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.cases import CALLOUT_BYTES, Case, Site
from tests.bench.ceilings import DatabaseSpec, Kind, database
from tests.bench.load import Load, percentile_ms, run_load
from tests.bench.member import Employment, Manner
from tests.bench.node import cpu_of
from tests.bench.stream import stream_echo
from tests.bench.workloads import Rotating, render
from tests.nodes import ROOT, free_port

_PATIENCE_S = 20.0


@dataclass(frozen=True)
class Place:
    """The running node as the measurements need it; without a `database_url` its ceilings are left out."""

    site: Site
    http_port: int
    grpc: str
    node_pid: int | None = None
    postmaster: int | None = None
    database_url: str | None = None
    echo_port: int | None = None


@dataclass(frozen=True)
class Length:
    """How long a case, and a ceiling, is measured; with `requests` a case is measured over so many instead."""

    seconds: float
    warm_s: float
    ceiling_s: float
    requests: int | None = None


@dataclass
class Figure:
    """Latencies in ms, processor time in µs a request; ceilings as requests a second by name."""

    case: str
    connections: int
    entities: int
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    node_us: float
    postgres_us: float
    load_us: float
    failures: dict[str, int] = field(default_factory=dict[str, int])
    example: str = ""
    ceilings: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def ratios(self) -> dict[str, float]:
        """The node's rate as a share of each ceiling."""
        return {name: self.rate / ceiling for name, ceiling in self.ceilings.items() if ceiling}


def measure(case: Case, connections: int, place: Place, length: Length, pool: Executor) -> Figure:
    """The node's figure alone."""
    workloads = case.requests(place.site, connections)
    before = cpu_of(place.node_pid, place.postmaster)
    started = time.perf_counter()
    warm_s = length.warm_s if length.requests is None else 0.0
    load = run_load(
        pool, place.http_port, workloads, seconds=length.seconds, warm_s=warm_s, requests=length.requests
    )  # fmt: skip
    spent = cpu_of(place.node_pid, place.postmaster) - before
    took = time.perf_counter() - started
    # Processor time is of the warm-up too; requests are counted at the same rate for it.
    counted = load.rate * min(took, length.seconds + length.warm_s) if length.requests is None else load.count
    served = max(1.0, counted)
    return Figure(
        case=case.name,
        connections=connections,
        entities=case.entities,
        rate=load.rate,
        p50_ms=percentile_ms(load.latencies, 0.5),
        p99_ms=percentile_ms(load.latencies, 0.99),
        max_ms=percentile_ms(load.latencies, 1.0),
        node_us=spent.node_s / served * 1e6,
        postgres_us=spent.postgres_s / served * 1e6,
        load_us=load.cpu_s / served * 1e6,
        failures={str(status): count for status, count in load.failures.items()},
        example=load.example.decode("utf-8", "replace"),
    )


def measure_ceilings(case: Case, connections: int, place: Place, length: Length, pool: Executor) -> dict[str, float]:
    """Requests a second of what bounds this case."""
    rates: dict[str, float] = {}
    if place.echo_port is not None:
        rates["http"] = _http(case, connections, place.echo_port, place.site.token, length, pool).rate
    if case.member is not None:
        rates["stream"] = stream_echo(
            pool, connections, seconds=length.ceiling_s, warm_s=length.warm_s / 2, size=CALLOUT_BYTES
        ).rate
    if place.database_url is not None:
        kinds: tuple[Kind, ...] = (case.database, "select one") if case.database == "select row" else (case.database,)
        for kind in kinds:
            rates[kind] = _database(case, kind, connections, place, length, pool).rate
    return rates


def _http(case: Case, connections: int, port: int, token: str, length: Length, pool: Executor) -> Load:
    sent, answered = case.echo
    request = render("POST" if sent else "GET", f"/{answered}", token, b"x" * sent)
    workloads = [Rotating([request]) for _ in range(connections)]
    return run_load(pool, port, workloads, seconds=length.ceiling_s, warm_s=length.warm_s / 2)


def _database(case: Case, kind: Kind, connections: int, place: Place, length: Length, pool: Executor) -> Load:
    assert place.database_url is not None
    spec = DatabaseSpec(
        url=place.database_url, kind=kind, callers=connections, seconds=length.ceiling_s, warm_s=length.warm_s / 2,
        entities=case.entities, ids=tuple(place.site.data.read[:2_000]),
    )  # fmt: skip
    return database(pool, spec)


@contextmanager
def echo_server() -> Generator[int]:
    """The bare HTTP server; its port. Raises RuntimeError when it does not come up."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.echo", str(port)], cwd=ROOT)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not _answers(port):
            if time.monotonic() > deadline:
                raise RuntimeError("the bare HTTP server does not answer")
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/2", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


@contextmanager
def joined_member(place: Place, manner: Manner) -> Generator[None]:
    """A calculation member in a process of its own. Raises RuntimeError when it is not let in."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.member"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(Employment(place.grpc, place.http_port, place.site.token, manner).to_json())
        process.stdin.close()
        if process.stdout.readline().strip() != "joined":
            raise RuntimeError("the calculation member could not join")
        yield
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
