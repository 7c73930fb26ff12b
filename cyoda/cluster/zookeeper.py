"""The cluster's membership in Zookeeper: ephemeral nodes below a root of its own (docs/adr/0017).

    <root>/nodes/<node id>                  what the node says of itself
    <root>/members/<node id>/<member id>    a member connected to it

The client has threads of its own: calls are handed over to them, and what they tell is brought back to the event loop.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import structlog
from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    ConnectionClosedError,
    ConnectionLoss,
    KazooException,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    OperationTimeoutError,
    SessionExpiredError,
)
from kazoo.retry import KazooRetry
from kazoo.security import make_digest_acl

from cyoda.cluster.directory import Listener, SessionEnded, SessionInterrupted
from cyoda.cluster.membership import ConnectedMember, MembershipUnavailable, NodeInfo

_PARALLEL = 200
"""Requests under way at once when many members are published or read."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZookeeperOptions:
    """`root` is a path; `user` and `password` name the digest that alone may touch what is below it."""

    hosts: str
    root: str
    user: str
    password: str
    session_timeout_s: float = 6.0
    tls: ZookeeperTls | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZookeeperTls:
    """PEM files: whose servers are trusted, and what this node shows of itself."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class ZookeeperDirectory:
    """Implements cyoda.cluster.directory.Directory."""

    name = "Zookeeper"

    def __init__(self, options: ZookeeperOptions) -> None:
        self._options = options
        self.lease_s = options.session_timeout_s

    async def open(self, own_id: str, listener: Listener) -> ZookeeperSession:
        """See Directory.open."""
        session = ZookeeperSession(self._client(), self._options, own_id, listener)
        try:
            await session.start()
        except BaseException as error:
            await session.close()
            if isinstance(error, SessionEnded | SessionInterrupted | TimeoutError | KazooException):
                reason = str(error) or type(error).__name__
                raise MembershipUnavailable(f"Zookeeper at {self._options.hosts}: {reason}") from None
            raise
        return session

    def _client(self) -> KazooClient:
        options, tls = self._options, self._options.tls or ZookeeperTls()
        retry = KazooRetry(max_tries=-1, delay=0.05, backoff=2, max_delay=0.5)
        return KazooClient(
            hosts=options.hosts,
            timeout=options.session_timeout_s,
            auth_data=[("digest", f"{options.user}:{options.password}")],
            default_acl=[make_digest_acl(options.user, options.password, all=True)],
            connection_retry=retry,
            use_ssl=options.tls is not None,
            ca=tls.ca and str(tls.ca),
            certfile=tls.certificate and str(tls.certificate),
            keyfile=tls.key and str(tls.key),
            check_hostname=options.tls is not None,
        )


class ZookeeperSession:
    """Implements cyoda.cluster.directory.Session: the life of one Zookeeper session, over any number of connections."""

    def __init__(self, client: KazooClient, options: ZookeeperOptions, own_id: str, listener: Listener) -> None:
        self._client = client
        self._limit_s = options.session_timeout_s
        self._nodes = f"{options.root}/nodes"
        self._members = f"{options.root}/members"
        self._own = f"{self._members}/{own_id}"
        self._own_id = own_id
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._connected = asyncio.Event()
        self._is_over = False
        self._room = asyncio.Semaphore(_PARALLEL)

    async def start(self) -> None:
        """Connect, and make the folders. Raises TimeoutError besides what a session raises."""
        self._client.add_listener(self._hear_state)
        self._client.start_async()
        async with asyncio.timeout(self._limit_s):
            await self._connected.wait()
        for folder in (self._nodes, self._members):
            await self._make(folder)

    # --- Session ------------------------------------------------------------------------------------------------

    async def announce(self, node: NodeInfo) -> None:
        path, data = f"{self._nodes}/{node.id}", msgspec.json.encode(node)
        async with self._or_interrupted():
            found = await self._get(path)
            if found is not None and self._is_own(found[1]):
                await self._ask(self._client.set_async(path, data))
                return
            if found is not None:
                node.require_succession(msgspec.json.decode(found[0], type=NodeInfo))
                await self._delete(path)
            await self._create(path, data)

    async def replace(self, members: Collection[ConnectedMember]) -> None:
        wanted = {str(member.id) for member in members}
        await self._make(self._own)
        async with self._or_interrupted():
            found = await self._ask(self._client.get_children_async(self._own))
            await self._all(self._delete(f"{self._own}/{name}") for name in found if name not in wanted)
            await self._all(self._publish(member) for member in members)

    async def change(self, connected: Sequence[ConnectedMember], disconnected: Sequence[UUID]) -> None:
        async with self._or_interrupted():
            await self._all(self._publish(member) for member in connected)
            await self._all(self._delete(f"{self._own}/{member_id}") for member_id in disconnected)

    async def node_ids(self) -> Collection[str]:
        async with self._or_interrupted():
            ids: list[str] = await self._ask(self._client.get_children_async(self._nodes, watch=self._told(None)))
            for folder in await self._ask(self._client.get_children_async(self._members)):
                if folder not in ids:
                    await self._delete(f"{self._members}/{folder}")
            return ids

    async def read(self, node_id: str) -> tuple[NodeInfo, Sequence[ConnectedMember]] | None:
        async with self._or_interrupted():
            told, folder = self._told(node_id), f"{self._members}/{node_id}"
            found = await self._get(f"{self._nodes}/{node_id}", told)
            if found is None:
                return None
            names = await self._names(folder, told)
            members = await self._all(self._get(f"{folder}/{name}") for name in names)
        decode = msgspec.json.decode
        return decode(found[0], type=NodeInfo), [decode(each[0], type=ConnectedMember) for each in members if each]

    async def beat(self) -> None:
        async with self._or_interrupted():
            stat = await self._ask(self._client.exists_async(f"{self._nodes}/{self._own_id}"))
        if stat is None or not self._is_own(stat):
            raise SessionEnded

    async def resumed(self) -> None:
        await self._connected.wait()
        if self._is_over:
            raise SessionEnded

    async def close(self) -> None:
        """See Session.close: the end of a session withdraws what was published in it."""
        self._client.remove_listener(self._hear_state)
        stopped = self._loop.run_in_executor(None, self._stop)
        if not self._is_over:  # of a session that is over nothing remains to be withdrawn
            await stopped

    def _stop(self) -> None:
        """The client waits for its threads, ten seconds if they wait for a server that does not answer."""
        try:
            self._client.stop()
            self._client.close()
        except (KazooException, OSError, AttributeError) as error:  # its sockets may be gone already
            log.debug("the Zookeeper client did not stop in order", error=str(error))

    # --- one request --------------------------------------------------------------------------------------------

    async def _publish(self, member: ConnectedMember) -> None:
        path, data = f"{self._own}/{member.id}", msgspec.json.encode(member)
        try:
            await self._create(path, data)
        except NoNodeError:
            await self._make(self._own)
            await self._create(path, data)
        except NodeExistsError:
            found = await self._get(path)
            if found is None or not self._is_own(found[1]):
                await self._delete(path)
                await self._create(path, data)

    async def _create(self, path: str, data: bytes) -> None:
        await self._ask(self._client.create_async(path, data, ephemeral=True))

    async def _get(self, path: str, watch: Callable[[object], None] | None = None) -> tuple[bytes, Any] | None:
        try:
            return await self._ask(self._client.get_async(path, watch=watch))
        except NoNodeError:
            return None

    async def _names(self, folder: str, watch: Callable[[object], None]) -> list[str]:
        """What is in a folder; of one that is not there, its making is watched."""
        while True:
            try:
                return await self._ask(self._client.get_children_async(folder, watch=watch))
            except NoNodeError:
                if await self._ask(self._client.exists_async(folder, watch=watch)) is None:
                    return []

    async def _delete(self, path: str) -> None:
        try:
            await self._ask(self._client.delete_async(path))
        except (NoNodeError, NotEmptyError):
            pass

    async def _make(self, folder: str) -> None:
        async with self._or_interrupted():
            await self._ask(self._client.ensure_path_async(folder))

    async def _all(self, requests: Iterable[Any]) -> list[Any]:
        async def within(request: Any) -> Any:
            async with self._room:
                return await request

        return list(await asyncio.gather(*map(within, requests)))

    async def _ask(self, result: Any) -> Any:
        """The outcome of one of the client's requests."""
        future: asyncio.Future[Any] = self._loop.create_future()

        def settle() -> None:
            if future.done():
                return
            if result.exception is None:
                future.set_result(result.get_nowait())
            else:
                future.set_exception(result.exception)

        result.rawlink(lambda _: self._on_loop(settle))
        async with asyncio.timeout(self._limit_s):
            return await future

    @asynccontextmanager
    async def _or_interrupted(self) -> AsyncGenerator[None]:
        try:
            yield
        except (ConnectionClosedError, SessionExpiredError) as error:
            raise SessionEnded(type(error).__name__) from error
        except (ConnectionLoss, OperationTimeoutError, TimeoutError) as error:
            if self._is_over:
                raise SessionEnded(type(error).__name__) from error
            raise SessionInterrupted(type(error).__name__) from error
        except NoAuthError as error:
            raise MembershipUnavailable("what is below the root in Zookeeper belongs to another digest") from error

    def _is_own(self, stat: Any) -> bool:
        session: Any = self._client.client_id
        return session is not None and stat.ephemeralOwner == session[0]

    # --- what the client's threads tell -------------------------------------------------------------------------

    def _told(self, node_id: str | None) -> Callable[[object], None]:
        return lambda _: self._on_loop(self._listener.changed, node_id)

    def _hear_state(self, state: str) -> None:
        self._on_loop(self._state, state)

    def _state(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self._connected.set()
            return
        self._listener.interrupted()
        self._is_over = self._is_over or state == KazooState.LOST
        if self._is_over:
            self._connected.set()
        else:
            self._connected.clear()

    def _on_loop(self, act: Callable[..., None], *arguments: object) -> None:
        """Called in a thread of the client, which may outlive the loop by a moment."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *arguments)
