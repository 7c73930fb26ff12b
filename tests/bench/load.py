"""The load generator: keep-alive connections that each send the next request when the last one is answered.

A minimal HTTP/1.1 client on asyncio's protocols and uvloop, because node, database and load share two cores: it looks
at the status and at where the body ends, and at nothing else.
"""

from __future__ import annotations

import asyncio
import gc
import math
import resource
from array import array
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import uvloop

from tests.bench.workloads import Workload

_LAST_CHUNK = b"0\r\n\r\n"  # ends no other chunk of ours: those are lines of JSON
_START_DELAY_S = 0.3
_CONNECT_S = 0.0005
"""Of one connection, so that all are there when the clock starts."""
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class LoadSpec:
    """One process's part of a run. `start` is on the machine-wide clock of `perf_counter`.

    Requests of the first `warm_s` seconds are not counted. With `requests` the run ends after that many instead.
    """

    port: int
    workloads: Sequence[Workload]
    start: float
    warm_s: float
    seconds: float
    requests: int | None = None


@dataclass
class Load:
    """What was measured: latencies in seconds, and the statuses of answers other than 2xx."""

    latencies: array[float] = field(default_factory=lambda: array("d"))
    seconds: float = 0.0
    failures: Counter[int] = field(default_factory=Counter[int])
    example: bytes = b""
    cpu_s: float = 0.0

    @property
    def count(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.count / self.seconds if self.seconds else 0.0

    def merged(self, other: Load) -> Load:
        return Load(
            self.latencies + other.latencies, max(self.seconds, other.seconds), self.failures + other.failures,
            self.example or other.example, self.cpu_s + other.cpu_s,
        )  # fmt: skip


def percentile_ms(latencies: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of *sorted* latencies in seconds, as milliseconds."""
    if not latencies:
        return math.nan
    return latencies[max(0, math.ceil(len(latencies) * share) - 1)] * 1000


class _Clock:
    """When the run's requests count, and how many are left."""

    def __init__(self, spec: LoadSpec) -> None:
        self.counts_from = spec.start + spec.warm_s
        self.ends = self.counts_from + spec.seconds if spec.requests is None else math.inf
        self.left = spec.requests if spec.requests is not None else math.inf


class _Connection(asyncio.Protocol):
    """One connection; `finished` is set when it has sent its last request and heard the answer."""

    def __init__(self, workload: Workload, clock: _Clock, load: Load) -> None:
        self._workload = workload
        self._clock = clock
        self._load = load
        self._buffer = b""
        self._needed = 0
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has no base class

    def send(self) -> None:
        clock = self._clock
        now = perf_counter()
        if now >= clock.ends or clock.left <= 0:
            if not self.finished.done():
                self.finished.set_result(None)
            return
        clock.left -= 1
        self._sent_at = now
        assert self._transport is not None
        self._transport.write(self._workload.next())

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        if len(data) < self._needed or not self._is_whole(data):
            self._buffer = data
            return
        now, clock, load = perf_counter(), self._clock, self._load
        self._buffer, self._needed = b"", 0
        status = data[9:12]
        if status[:1] == b"2":
            if self._sent_at >= clock.counts_from and now <= clock.ends:
                load.latencies.append(now - self._sent_at)
            self._workload.answered(data)
        else:
            load.failures[int(status)] += 1
            load.example = load.example or data[:600]
        self.send()

    def _is_whole(self, data: bytes) -> bool:
        """Whether the answer has arrived to its end; remembers how long it will be when that is told."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        at = data.find(b"content-length: ", 0, end)
        if at < 0:
            return data.endswith(_LAST_CHUNK)
        self._needed = end + 4 + int(data[at + 16 : data.index(b"\r", at)])
        return len(data) >= self._needed

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionResetError("the node closed a connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def _drive(spec: LoadSpec) -> Load:
    loop = asyncio.get_running_loop()
    clock, load = _Clock(spec), Load()
    connections: list[_Connection] = []
    for workload in spec.workloads:
        connection = _Connection(workload, clock, load)
        await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", spec.port)
        connections.append(connection)
    await asyncio.sleep(max(0.0, spec.start - perf_counter()))
    for connection in connections:
        connection.send()
    patience = None if spec.requests is not None else spec.warm_s + spec.seconds + _PATIENCE_S
    await asyncio.wait_for(asyncio.gather(*(connection.finished for connection in connections)), patience)
    load.seconds = spec.seconds if spec.requests is None else perf_counter() - clock.counts_from
    for connection in connections:
        connection.close()
    return load


def run_part(spec: LoadSpec) -> Load:
    """One process's part; called in a load process."""
    gc.disable()
    try:
        before = resource.getrusage(resource.RUSAGE_SELF)
        load = uvloop.run(_drive(spec))
        after = resource.getrusage(resource.RUSAGE_SELF)
    finally:
        gc.enable()
    load.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return load


def run_load(
    pool: Executor, port: int, workloads: Sequence[Workload], *, seconds: float, warm_s: float,
    requests: int | None = None, processes: int = 2,
) -> Load:  # fmt: skip
    """Drive one connection a workload from up to `processes` load processes; latencies come back sorted."""
    start = perf_counter() + _START_DELAY_S + _CONNECT_S * len(workloads)
    parts = [workloads[number::processes] for number in range(processes)]
    parts = [part for part in parts if part]
    share = None if requests is None else requests // len(parts)
    waiting = [pool.submit(run_part, LoadSpec(port, part, start, warm_s, seconds, share)) for part in parts]
    load = Load()
    for part in waiting:
        load = load.merged(part.result())
    load.latencies = array("d", sorted(load.latencies))
    return load
