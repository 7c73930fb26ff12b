"""PostgreSQL gone, frozen, back again: every answer comes in time and says no more than is known."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from cyoda.embedded import EmbeddedPostgres
from cyoda.errors import StorageUnavailable
from tests.conformance.home import Home, change, changed, created
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

PATIENCE_S = 5.0


class Wire:
    """A relay between a node and PostgreSQL that can be frozen or cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_frozen = False
        self.swallowed = asyncio.Event()
        """Set when something was sent into the frozen wire."""
        self.cuts_answers = False
        """Pass on what the node sends, and hang up instead of passing on the next answer."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers += [writer, up_writer]
        for one, other, is_answer in ((reader, up_writer, False), (up_reader, writer, True)):
            self._tasks.add(asyncio.create_task(self._pass(one, other, is_answer)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        try:
            while data := await reader.read(65536):
                if self.is_frozen:
                    self.swallowed.set()
                elif is_answer and self.cuts_answers:
                    break
                else:
                    writer.write(data)
        except ConnectionError:
            pass
        writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.close()

    async def close(self) -> None:
        self.hang_up()
        await asyncio.gather(*self._tasks, *(writer.wait_closed() for writer in self._writers), return_exceptions=True)


@asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[Wire, str]]:
    parts = urlsplit(url)
    wire = Wire(parts.hostname or "", parts.port or 0)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
    yield wire, urlunsplit(parts._replace(netloc=netloc))
    server.close()
    await wire.close()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Home]:
    pool = Pool(PoolSettings(url=url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    try:
        yield Home(store, f"tenant-{uuid.uuid4()}")
    finally:
        await store.close()


async def refused(*calls: Callable[[], Awaitable[object]]) -> list[str]:
    """The texts of the refusals that all calls, made at once, answer in time."""
    start = time.monotonic()
    answers = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    assert time.monotonic() - start < PATIENCE_S
    assert [type(answer) for answer in answers] == [StorageUnavailable] * len(calls)
    return [answer.message for answer in answers if isinstance(answer, StorageUnavailable)]


async def test_a_stopped_database_is_refused_at_once_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path, durable=False)
    url = postgres.start()
    try:
        async with opened(url) as home:
            version = await home.create(1)
            postgres.stop()
            await refused(
                lambda: home.find(version.entity_id), home.begin, home.scan, home.counts,
                *(lambda: home.commit(created(2)) for _ in range(5)),
                lambda: home.store.load(home.tenant, version.model),
                lambda: home.store.audit(home.tenant, version.entity_id),
            )  # fmt: skip
            assert await home.store.ready() is False
            assert postgres.start() == url
            assert await home.store.ready() is True
            assert await home.current(version) == version
            assert (await home.update(version, 2)).number == 2
    finally:
        postgres.stop()


async def test_opening_without_a_database_is_refused(tmp_path: Path) -> None:
    pool = Pool(PoolSettings(url="postgresql://nobody:x@127.0.0.1:1/nowhere"))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await refused(store.open)
    assert await store.ready() is False
    await store.close()


async def test_ended_connections_are_replaced_unnoticed(postgres_url: str) -> None:
    async with opened(postgres_url) as home, opened(postgres_url) as other:
        version = await home.create(1)
        pool: Pool = other.store._pool  # type: ignore[attr-defined]
        await pool.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'cyoda' AND pid <> pg_backend_pid()"
        )
        assert await home.current(version) == version
        assert (await home.update(version, 2)).number == 2


async def test_a_frozen_database_is_refused_in_time_and_nobody_waits_twice(postgres_url: str) -> None:
    async with relayed(postgres_url) as (wire, url), opened(url) as home:
        version = await home.create(1)
        wire.is_frozen = True
        start = time.monotonic()
        calls = (lambda: home.commit(changed(version, 2)), lambda: home.find(version.entity_id))
        first = asyncio.create_task(refused(*calls))
        await wire.swallowed.wait()
        behind = await refused(lambda: home.commit(created(3)), lambda: home.find(version.entity_id), home.begin)
        assert "commit could not be confirmed" in await first
        assert "commit could not be confirmed" not in behind
        assert time.monotonic() - start < PATIENCE_S
        wire.is_frozen = False
        wire.hang_up()
        assert await home.current(version) == version
        assert (await home.update(version, 2)).number == 2


async def test_a_commit_whose_answer_is_lost_is_confirmed_when_it_landed(postgres_url: str) -> None:
    async with relayed(postgres_url) as (wire, url), opened(url) as home, opened(postgres_url) as witness:
        witness = Home(witness.store, home.tenant)
        await home.create(0)
        write = created(1)
        wire.cuts_answers = True
        commit = asyncio.create_task(home.commit(write))
        while await witness.find(write.entity_id) is None:
            await asyncio.sleep(0.01)
        wire.cuts_answers = False
        assert await commit == (await witness.current(write)).updated_at
        assert len(await home.store.history(home.tenant, write.entity_id)) == 1


async def test_a_commit_whose_answer_is_lost_is_not_called_refused(postgres_url: str) -> None:
    """While the database stays out of reach nothing can be said about the change, though it did land."""
    async with relayed(postgres_url) as (wire, url), opened(url) as home, opened(postgres_url) as witness:
        await home.create(0)
        write = created(1)
        wire.cuts_answers = True
        assert await refused(lambda: home.commit(write)) == ["commit could not be confirmed"]
        assert await Home(witness.store, home.tenant).find(write.entity_id) is not None


async def test_a_cancelled_caller_leaves_the_store_whole(postgres_url: str) -> None:
    async with opened(postgres_url) as home:
        await home.create(0)
        for _ in range(20):
            tasks = [asyncio.create_task(home.store.commit(home.tenant, change(created(n)))) for n in range(4)]
            tasks.append(asyncio.create_task(home.scan()))
            await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):  # what was sent before its caller left may still be under way
            while len(await home.scan()) != len(await home.scan(snapshot=await home.begin())):
                await asyncio.sleep(0.01)
        assert (await home.create(1)).number == 1
