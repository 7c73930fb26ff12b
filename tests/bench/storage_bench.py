"""What the PostgreSQL store alone can do, beside the ceiling of plain batched inserts by the same driver.

    python -m tests.bench.storage_bench [--seconds 4] [--callers 32] [--size 700] [URL]

Without a URL an embedded PostgreSQL with full durability is started in a temporary folder. Judge by the ratio to the
ceiling: the figures themselves depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import uvloop

from cyoda.embedded import EmbeddedPostgres
from cyoda.ids import TimeIds
from cyoda.principal import Actor
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.entity import LOOPBACK, Document, ModelKey
from workflows.storage.base import ChangeSet, Scan, Write
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

MODEL = ModelKey("order", 1)
ACTOR = Actor("bench", "user")
new_id = TimeIds()


def document(size: int) -> Document:
    lines = [{"sku": f"sku-{n}", "quantity": n, "price": 9.5} for n in range(max(1, (size - 120) // 45))]
    return Document.from_value({"customer": "Anna Example", "total": 129, "currency": "EUR", "lines": lines})


def audit_of(entity_id: uuid.UUID, transaction_id: uuid.UUID) -> AuditRecord:
    now = datetime.now(UTC)
    events = (
        Event(EventType.STATE_MACHINE_START, now, "", "State machine started"),
        Event(EventType.WORKFLOW_FOUND, now, "", 'Workflow "order" selected (no criterion)'),
        Event(EventType.TRANSITION_MAKE, now, "NEW", 'Transition "register": NEW → REGISTERED'),
        Event(EventType.STATE_MACHINE_FINISH, now, "REGISTERED", "State machine finished", {"success": True}),
    )
    return AuditRecord(entity_id=entity_id, transaction_id=transaction_id, events=events)


def write_of(entity_id: uuid.UUID, expected: int, what: Document) -> Write:
    return Write(
        entity_id=entity_id, model=MODEL, expected=expected, state="REGISTERED", document=what, transition=LOOPBACK,
        attributed=ACTOR, executor=ACTOR,
    )  # fmt: skip


def change_of(entity_id: uuid.UUID, expected: int, what: Document, epoch: int) -> ChangeSet:
    transaction_id = new_id()
    return ChangeSet(
        transaction_id=transaction_id, at=datetime.now(UTC), writes=(write_of(entity_id, expected, what),),
        audit=(audit_of(entity_id, transaction_id),), epoch=epoch,
    )  # fmt: skip


async def rate(name: str, callers: int, seconds: float, once: Callable[[int], Awaitable[int]]) -> float:
    """Operations a second of `callers` that each repeat `once` (which returns how many operations it did)."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    done = 0

    async def caller(number: int) -> None:
        nonlocal done
        while (start := time.perf_counter()) < end:
            count = await once(number)
            done += count
            latencies.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    result = done / (time.perf_counter() - start)
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * q)] * 1000 for q in (0.5, 0.99))
    print(f"{name:<44}{result:>10,.0f}/s   p50 {p50:6.2f} ms   p99 {p99:6.2f} ms")
    return result


async def ceiling(url: str, seconds: float, what: Document) -> float:
    """One connection that inserts 32 rows (id and text) a statement and waits for each commit."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE public.plain_bench (id uuid PRIMARY KEY, document text)")
    text = what.text.decode()

    async def once(_: int) -> int:
        await connection.fetch(
            "INSERT INTO public.plain_bench SELECT * FROM unnest($1::uuid[], $2::text[])",
            [new_id() for _ in range(32)], [text] * 32,
        )  # fmt: skip
        return 32

    result = await rate("ceiling: plain insert, 32 rows a statement", 1, seconds, once)
    await connection.execute("DROP TABLE public.plain_bench")
    await connection.close()
    return result


async def run(url: str, callers: int, seconds: float, size: int) -> None:
    what = document(size)
    print(f"documents of {len(what.text)} bytes, {callers} callers")
    top = await ceiling(url, seconds, what)
    pool = Pool(PoolSettings(url=url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    tenant = f"bench-{uuid.uuid4()}"
    start = time.perf_counter()
    epoch = (await store.load(tenant, MODEL)).epoch
    print(f"first use of a tenant {(time.perf_counter() - start) * 1000:.0f} ms")
    ids: list[uuid.UUID] = []
    versions: dict[int, tuple[uuid.UUID, int]] = {}

    async def create(_: int) -> int:
        entity_id = new_id()
        await store.commit(tenant, change_of(entity_id, 0, what, epoch))
        ids.append(entity_id)
        return 1

    async def update(caller: int) -> int:
        entity_id, number = versions.setdefault(caller, (ids[caller], 1))
        await store.commit(tenant, change_of(entity_id, number, what, epoch))
        versions[caller] = (entity_id, number + 1)
        return 1

    async def read(caller: int) -> int:
        position = (caller * 7919 + int(time.perf_counter_ns())) % len(ids)
        assert await store.read(tenant, [ids[position]])
        return 1

    async def collection(_: int) -> int:
        writes = tuple(write_of(new_id(), 0, what) for _ in range(100))
        await store.commit(
            tenant, ChangeSet(transaction_id=new_id(), at=datetime.now(UTC), writes=writes, epoch=epoch)
        )  # fmt: skip
        return 100

    async def scan(_: int) -> int:
        return sum([len(batch) async for batch in store.scan(tenant, Scan(model=MODEL, limit=10_000))])

    creates = await rate("create", callers, seconds, create)
    await rate("create, one caller", 1, seconds / 2, create)
    await rate("update", callers, seconds, update)
    await rate("create, 100 a change set, 4 callers", 4, seconds, collection)
    reads = await rate("read by id", callers, seconds, read)
    await rate("read by id, one caller", 1, seconds / 2, read)
    await rate("begin with one id", callers, seconds, lambda caller: _begin(store, tenant, ids[caller]))
    await rate("scanned entities", 1, seconds / 2, scan)
    print(f"creates are {creates / top:.0%} of the ceiling; reads {reads:,.0f}/s")
    await store.close()


async def _begin(store: PostgresStorage, tenant: str, entity_id: uuid.UUID) -> int:
    await store.begin(tenant, [entity_id])
    return 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--size", type=int, default=700, help="bytes of a document, about")
    given = parser.parse_args()
    if given.url:
        uvloop.run(run(given.url, given.callers, given.seconds, given.size))
        return
    with tempfile.TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder)) as postgres:
        uvloop.run(run(postgres.url, given.callers, given.seconds, given.size))


if __name__ == "__main__":
    main()
