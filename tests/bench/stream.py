"""The ceiling of callouts: a bare gRPC stream that carries events of the same size to another process and back."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque
from concurrent.futures import Executor
from time import perf_counter
from typing import Any

import grpc
import grpc.aio
import uvloop

from tests.bench.load import Load
from tests.nodes import free_port
from workflows.grpc.streaming import END

_SERVICE, _METHOD = "bench.Echo", "stream"
_CONNECT_S = 10.0


class _Driver:
    """Keeps `outstanding` messages on the stream; one that comes back leaves again at once."""

    def __init__(self, outstanding: int, seconds: float, warm_s: float, size: int) -> None:
        self._outstanding = outstanding
        self._padding = bytes(size - 4)
        self._sent_at = [0.0] * outstanding
        self._seconds = seconds
        self._warm_s = warm_s
        self.load = Load(seconds=seconds)
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self, _requests: Any, context: Any) -> None:
        queue: deque[int] = deque(range(self._outstanding))
        waiting = asyncio.Event()
        waiting.set()
        writer = asyncio.create_task(self._write(context, queue, waiting))
        counts_from = perf_counter() + self._warm_s
        ends = counts_from + self._seconds
        while (now := perf_counter()) < ends:
            number = int.from_bytes((await context.read())[:4], "big")
            now = perf_counter()
            if self._sent_at[number] >= counts_from and now <= ends:
                self.load.latencies.append(now - self._sent_at[number])
            queue.append(number)
            waiting.set()
        writer.cancel()
        self.finished.set_result(None)

    async def _write(self, context: Any, queue: deque[int], waiting: asyncio.Event) -> None:
        while True:
            while queue:
                number = queue.popleft()
                self._sent_at[number] = perf_counter()
                await context.write(number.to_bytes(4, "big") + self._padding)
            waiting.clear()
            await waiting.wait()


async def _drive(port: int, outstanding: int, seconds: float, warm_s: float, size: int) -> Load:
    driver = _Driver(outstanding, seconds, warm_s, size)
    server = grpc.aio.server()
    handlers = {_METHOD: grpc.stream_stream_rpc_method_handler(driver.serve)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await asyncio.wait_for(driver.finished, seconds + warm_s + _CONNECT_S)
    await server.stop(0)
    return driver.load


async def _return_all(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), _CONNECT_S)
        call = channel.stream_stream(f"/{_SERVICE}/{_METHOD}")()
        try:
            while (message := await call.read()) is not END:
                await call.write(message)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the driver has stopped


def _run_driver(port: int, outstanding: int, seconds: float, warm_s: float, size: int) -> Load:
    return uvloop.run(_drive(port, outstanding, seconds, warm_s, size))


def _run_member(port: int) -> None:
    uvloop.run(_return_all(port))


def stream_echo(pool: Executor, outstanding: int, *, seconds: float, warm_s: float, size: int) -> Load:
    """Round trips of one stream between two processes of the pool."""
    port = free_port()
    driving = pool.submit(_run_driver, port, outstanding, seconds, warm_s, size)
    member = pool.submit(_run_member, port)
    load = driving.result()
    member.result()
    load.latencies = array("d", sorted(load.latencies))
    return load
