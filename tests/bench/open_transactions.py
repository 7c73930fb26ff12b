"""What open transactions that wait for a member cost a whole node: its memory, threads and database connections.

    python -m tests.bench.open_transactions [COUNT]        COUNT is 10000 unless given

Every transaction is a create over an HTTP connection of its own; its processor is asked over a real member stream and
answered only when all of them wait. The node runs on its embedded PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import uvloop

from tests.bench.node import BenchNode, resident_mb
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

COUNT = 10_000
LIMIT_MB = 600
_METHOD = "/org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming"
_WORKFLOW: dict[str, Any] = {
    "version": "1.3", "name": "w", "initialState": "A",
    "states": {
        "A": {"transitions": [{"name": "go", "next": "B", "processors": [
            {"name": "p", "config": {"responseTimeoutMs": 600_000}},
        ]}]},
        "B": {},
    },
}  # fmt: skip


class Withholding:
    """A member over gRPC that answers nothing until `answer_all`."""

    def __init__(self) -> None:
        self.owed: list[str] = []
        self.joined = asyncio.Event()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(self, target: str, token: str) -> None:
        self._send("CalculationMemberJoinEvent", {"id": "join", "tags": []})
        async with grpc.aio.insecure_channel(target) as channel:
            call = channel.stream_stream(_METHOD)
            async for message in call(self._events(), metadata=[("authorization", f"Bearer {token}")]):
                self._receive(CloudEvent.FromString(message))

    def answer_all(self) -> None:
        for request_id in self.owed:
            self._send("EntityProcessorCalculationResponse", {"requestId": request_id, "success": True})

    async def _events(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._outgoing.get()

    def _receive(self, event: CloudEvent) -> None:
        match event.type:
            case "EntityProcessorCalculationRequest":
                self.owed.append(json.loads(event.text_data)["requestId"])
            case "CalculationMemberKeepAliveEvent":
                source = json.loads(event.text_data)["id"]
                self._send("EventAckResponse", {"id": "ack", "sourceEventId": source, "success": True})
            case _:
                self.joined.set()

    def _send(self, kind: str, payload: dict[str, Any]) -> None:
        event = CloudEvent(id="e", source="bench", spec_version="1.0", type=kind, text_data=json.dumps(payload))
        self._outgoing.put_nowait(event.SerializeToString())


async def create(port: int, request: bytes) -> int:
    """The status of one create over its own connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()


async def measure(node: BenchNode, count: int) -> None:
    token = node.token()
    prepare(node, token)
    member = Withholding()
    serving = asyncio.ensure_future(member.serve(node.grpc, token))
    await asyncio.wait_for(member.joined.wait(), 10)
    print(f"before: {status(node)}")
    body = b'{"amount":1}'
    request = (
        f"POST /api/entity/JSON/order/1 HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body  # fmt: skip
    start = time.perf_counter()
    waiting = [asyncio.ensure_future(create(node.http_port, request)) for _ in range(count)]
    while len(member.owed) < count:
        await asyncio.sleep(0.05)
        if any(task.done() for task in waiting):
            raise SystemExit(f"answered early: {[task.result() for task in waiting if task.done()][:3]}")
    print(f"{count} open after {time.perf_counter() - start:.1f} s: {status(node)}")
    reached_mb = resident_mb(node.pid)
    start = time.perf_counter()
    member.answer_all()
    statuses = await asyncio.gather(*waiting)
    print(f"all committed after {time.perf_counter() - start:.1f} s: {status(node)}")
    serving.cancel()
    failed = sum(code != 200 for code in statuses)
    print(f"{failed} failed; {reached_mb:.0f} MiB with {count} open, the limit is {LIMIT_MB}")
    if failed or reached_mb > LIMIT_MB:
        raise SystemExit(1)


def prepare(node: BenchNode, token: str) -> None:
    """A locked model `order` whose entities have one processor to pass."""
    for method, path, body in (
        ("POST", "/model/import/JSON/SAMPLE_DATA/order/1", {"amount": 1}),
        ("PUT", "/model/order/1/lock", None),
        ("POST", "/model/order/1/workflow/import", {"importMode": "REPLACE", "workflows": [_WORKFLOW]}),
    ):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(node.api + path, data, headers, method=method)).read()


def status(node: BenchNode) -> str:
    """Memory and threads of the node, and the processes of its database."""
    threads = next(
        line.split()[1]
        for line in Path(f"/proc/{node.pid}/status").read_text().splitlines()
        if line.startswith("Threads:")
    )
    postmaster = node.postmaster()
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    backends = len(children.read_text().split()) if postmaster is not None and children.exists() else 0
    return f"{resident_mb(node.pid):.0f} MiB, {threads} threads, {backends} processes of PostgreSQL"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory() as folder:
        node = BenchNode(Path(folder), {"CYODA_MEMBER_MAX_IN_FLIGHT": str(count)})
        with node:
            uvloop.run(measure(node, count))


if __name__ == "__main__":
    main()
