"""A node's Membership over a directory: publishes, follows, comes back by itself after an outage (docs/adr/0017)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import UUID

import structlog

from cyoda.cluster.directory import Directory, Session, SessionEnded, SessionInterrupted
from cyoda.cluster.membership import ConnectedMember, DuplicateNode, MembershipUnavailable, NodeInfo, View

JOIN_SECONDS = 5.0
"""How long a start waits for the directory; then the node serves on its own and says that it is not ready."""
_BEATS_A_LEASE = 4
_PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)

log = structlog.get_logger(__name__)


class Follower:
    """Implements cyoda.cluster.membership.Membership."""

    def __init__(self, directory: Directory, own_id: str) -> None:
        self.view = View(own_id)
        self.directory = directory
        self._own: NodeInfo | None = None
        self._members: dict[UUID, ConnectedMember] = {}
        self._unpublished: dict[UUID, ConnectedMember | None] = {}
        self._unread: set[str | None] = set()
        self._is_announced = False
        self._is_synchronised = False
        self._confirmed_at = float("-inf")
        self._wake = asyncio.Event()
        self._first_sync: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    # --- Membership ---------------------------------------------------------------------------------------------

    @property
    def is_current(self) -> bool:
        return self._is_synchronised and not self.is_lost

    @property
    def is_lost(self) -> bool:
        return asyncio.get_running_loop().time() - self._confirmed_at > self.directory.lease_s

    async def join(self, node: NodeInfo) -> None:
        """See Membership.join; returns without having joined when the directory is out of reach for a while."""
        self._own = node
        self._first_sync = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        try:
            await asyncio.wait_for(asyncio.shield(self._first_sync), JOIN_SECONDS + self.directory.lease_s)
        except TimeoutError:
            log.error("the cluster's membership is out of reach", directory=self.directory.name)
        except DuplicateNode:
            await self.leave()
            raise

    def publish(self, node: NodeInfo) -> None:
        self._own, self._is_announced = node, False
        self._wake.set()

    def connected(self, member: ConnectedMember) -> None:
        self._members[member.id] = self._unpublished[member.id] = member
        self._wake.set()

    def disconnected(self, member_id: UUID) -> None:
        if self._members.pop(member_id, None) is not None:
            self._unpublished[member_id] = None
            self._wake.set()

    async def leave(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._forget()

    # --- Listener -----------------------------------------------------------------------------------------------

    def changed(self, node_id: str | None) -> None:
        self._unread.add(node_id)
        self._wake.set()

    def interrupted(self) -> None:
        if self._is_synchronised:
            log.warning("the cluster's membership is interrupted", directory=self.directory.name)
        self._is_synchronised = False
        self._wake.set()

    # --- the task -----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        attempt, started = 0, asyncio.get_running_loop().time()
        while True:
            try:
                session = await self.directory.open(self.view.own_id, self)
                try:
                    await self._serve(session)
                finally:
                    was_joined = self._is_synchronised or not self.is_lost
                    self._forget()
                    await session.close()
                attempt = 0 if was_joined else attempt + 1
            except MembershipUnavailable as error:
                attempt += 1
                log.warning("the membership service cannot be used", reason=str(error))
            except DuplicateNode as error:
                attempt += 1
                self._refuse_start(error, asyncio.get_running_loop().time() - started)
            except Exception:  # an edge of the node: whatever breaks a session, the next one may work
                attempt += 1
                log.exception("the cluster's membership broke")
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])

    def _refuse_start(self, error: DuplicateNode, waited_s: float) -> None:
        """A killed node's session outlives it by a lease: whoever is still there afterwards is another one."""
        if waited_s < self.directory.lease_s:
            return
        if self._first_sync is not None and not self._first_sync.done():
            self._first_sync.set_exception(error)
        else:
            log.error("this node cannot join", reason=str(error))

    async def _serve(self, session: Session) -> None:
        """Follow for as long as the session lives."""
        while True:
            try:
                await self._synchronise(session)
                while True:
                    await self._step(session)
            except SessionInterrupted:
                self.interrupted()
            except SessionEnded:
                return
            try:
                await session.resumed()
            except SessionEnded:
                return

    async def _synchronise(self, session: Session) -> None:
        began = asyncio.get_running_loop().time()
        assert self._own is not None
        self._is_announced = True
        await session.announce(self._own)
        self._unpublished.clear()
        await session.replace(tuple(self._members.values()))
        self._unread = {None}
        await self._read(session, everything=True)
        self._confirmed_at, self._is_synchronised = began, True
        log.info("joined the cluster", directory=self.directory.name, nodes=sorted(self.view.nodes))
        if self._first_sync is not None and not self._first_sync.done():
            self._first_sync.set_result(None)

    async def _step(self, session: Session) -> None:
        """Publish and read what has changed; beat when it is time. Raises SessionInterrupted, SessionEnded."""
        loop = asyncio.get_running_loop()
        due_at = self._confirmed_at + self.directory.lease_s / _BEATS_A_LEASE
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due_at):
                await self._wake.wait()
        self._wake.clear()
        if not self._is_synchronised:  # over by now, perhaps: what was asked meanwhile came late, and nothing failed
            raise SessionInterrupted
        if (began := loop.time()) >= due_at:
            await session.beat()
            self._confirmed_at = began
        if not self._is_announced and self._own is not None:
            self._is_announced = True
            await session.announce(self._own)
        await self._publish_members(session)
        await self._read(session)

    async def _publish_members(self, session: Session) -> None:
        changes, self._unpublished = self._unpublished, {}
        if changes:
            added = [member for member in changes.values() if member is not None]
            await session.change(added, [member_id for member_id, member in changes.items() if member is None])

    async def _read(self, session: Session, *, everything: bool = False) -> None:
        """What has changed until now; what changes meanwhile is for the next step, so that beats are not late."""
        unread, self._unread = self._unread, set()
        if None in unread:
            node_ids = await session.node_ids()
            self.view.keep(node_ids)
            unread |= {node_id for node_id in node_ids if everything or node_id not in self.view.nodes}
        for node_id in sorted(filter(None, unread)):
            found = await session.read(node_id)
            if found is None:
                self.view.drop(node_id)
            else:
                self.view.put(*found)

    def _forget(self) -> None:
        """The session has ended: nothing is known any more, and nobody counts this node in."""
        self._is_synchronised = False
        self._confirmed_at = float("-inf")
