"""The cluster's membership in PostgreSQL: rows with leases, told by NOTIFY (docs/adr/0017).

A node's row lives as long as its database connection does, and no longer than the lease without a sign of life; what
happens is announced on one channel of the schema. The tables are unlogged: a database that crashed has none of it,
and every node publishes itself again.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from cyoda.cluster.directory import Listener, SessionEnded
from cyoda.cluster.membership import ConnectedMember, DuplicateNode, MembershipUnavailable, NodeInfo

LEASE_SECONDS = 6.0
_STATEMENT_SECONDS = 3
_LOCK = 7_014_001_700_170_001
"""Held while the tables are made: two nodes that start at once would both try."""

_FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_TABLES = """
CREATE UNLOGGED TABLE IF NOT EXISTS cyoda_cluster_node (
    id text PRIMARY KEY,
    info text NOT NULL,
    incarnation text NOT NULL,
    peer text NOT NULL,
    backend_pid integer NOT NULL,
    heard_at timestamptz NOT NULL
);
CREATE UNLOGGED TABLE IF NOT EXISTS cyoda_cluster_member (
    id uuid PRIMARY KEY,
    node_id text NOT NULL REFERENCES cyoda_cluster_node ON DELETE CASCADE,
    info text NOT NULL
);
CREATE INDEX IF NOT EXISTS cyoda_cluster_member_node ON cyoda_cluster_member (node_id);
"""
_ARE_TABLES_THERE = "SELECT to_regclass(current_schema() || '.cyoda_cluster_member') IS NOT NULL"
_IS_DEAD = """(heard_at < clock_timestamp() - $1::interval
    OR NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = n.backend_pid))"""
# Each statement tells the others what it has done; a notification goes out with its commit.
_BURY = f"""
WITH dead AS (DELETE FROM cyoda_cluster_node n WHERE id <> $2 AND {_IS_DEAD} RETURNING id)
SELECT pg_notify('cyoda_cluster_' || current_schema(), id) FROM dead"""  # noqa: S608 - of constants
_TAKE_OVER = f"""
DELETE FROM cyoda_cluster_node n
WHERE id = $2 AND incarnation <> $3 AND (peer = $4 OR {_IS_DEAD})"""  # noqa: S608 - of constants
_ANNOUNCE = """
WITH announced AS (
    INSERT INTO cyoda_cluster_node (id, info, incarnation, peer, backend_pid, heard_at)
    VALUES ($1, $2, $3, $4, pg_backend_pid(), clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET info = $2, backend_pid = pg_backend_pid(), heard_at = clock_timestamp()
        WHERE cyoda_cluster_node.incarnation = $3
    RETURNING id)
SELECT pg_notify('cyoda_cluster_' || current_schema(), id) FROM announced"""
_BEAT = """
UPDATE cyoda_cluster_node SET heard_at = clock_timestamp() WHERE id = $1 AND incarnation = $2 RETURNING id"""
_CONNECT = """
WITH added AS (
    INSERT INTO cyoda_cluster_member (id, node_id, info)
    SELECT m.id, $1, m.info FROM unnest($2::uuid[], $3::text[]) AS m (id, info)
    ON CONFLICT (id) DO NOTHING)
SELECT pg_notify('cyoda_cluster_' || current_schema(), $1)"""
_DISCONNECT = """
WITH gone AS (DELETE FROM cyoda_cluster_member WHERE node_id = $1 AND id = ANY($2::uuid[]))
SELECT pg_notify('cyoda_cluster_' || current_schema(), $1)"""
_FORGET_OTHERS = """
WITH gone AS (DELETE FROM cyoda_cluster_member WHERE node_id = $1 AND NOT id = ANY($2::uuid[]))
SELECT pg_notify('cyoda_cluster_' || current_schema(), $1)"""
_NODE_IDS = "SELECT id FROM cyoda_cluster_node"
_NODE = "SELECT info FROM cyoda_cluster_node WHERE id = $1"
_MEMBERS = "SELECT info FROM cyoda_cluster_member WHERE node_id = $1"
_WITHDRAW = """
WITH gone AS (DELETE FROM cyoda_cluster_node WHERE id = $1 AND incarnation = $2 RETURNING id)
SELECT pg_notify('cyoda_cluster_' || current_schema(), id) FROM gone"""


class EmbeddedDirectory:
    """Implements cyoda.cluster.directory.Directory in the database that the nodes share anyway."""

    name = "PostgreSQL"

    def __init__(self, url: str, *, schema: str = "public", lease_s: float = LEASE_SECONDS) -> None:
        """The schema must exist."""
        self.lease_s = lease_s
        self._url = url
        self._schema = schema
        self.application_name = f"cyoda membership {schema}"

    async def open(self, own_id: str, listener: Listener) -> EmbeddedSession:
        """See Directory.open."""
        try:
            connection: Any = await asyncpg.connect(
                self._url, timeout=_STATEMENT_SECONDS, command_timeout=_STATEMENT_SECONDS,
                server_settings={"application_name": self.application_name, "search_path": self._schema},
            )  # fmt: skip
        except _FAILURES as error:
            raise MembershipUnavailable(f"PostgreSQL: {error or type(error).__name__}") from None
        session = EmbeddedSession(
            connection, own_id, listener, channel=f"cyoda_cluster_{self._schema}", lease_s=self.lease_s
        )
        try:
            await session.listen()
        except SessionEnded:
            raise MembershipUnavailable("PostgreSQL: the connection was lost") from None
        return session


class EmbeddedSession:
    """Implements cyoda.cluster.directory.Session: the life of one connection."""

    def __init__(self, connection: Any, own_id: str, listener: Listener, *, channel: str, lease_s: float) -> None:
        self._connection = connection
        self._channel = channel
        self._lease = timedelta(seconds=lease_s)
        self._own_id = own_id
        self._listener = listener
        self._incarnation = ""

    async def listen(self) -> None:
        async with self._or_ended():
            if not await self._connection.fetchval(_ARE_TABLES_THERE):
                async with self._connection.transaction():
                    await self._connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
                    await self._connection.execute(_TABLES)
            self._connection.add_termination_listener(lambda _: self._listener.interrupted())
            await self._connection.add_listener(self._channel, self._hear)

    def _hear(self, _connection: object, _pid: int, _channel: str, node_id: str) -> None:
        self._listener.changed(node_id)
        self._listener.changed(None)

    async def announce(self, node: NodeInfo) -> None:
        self._incarnation = node.incarnation
        async with self._or_ended(), self._connection.transaction():
            await self._connection.execute(_TAKE_OVER, self._lease, node.id, node.incarnation, node.peer)
            info = msgspec.json.encode(node).decode()
            announced = await self._connection.fetch(_ANNOUNCE, node.id, info, node.incarnation, node.peer)
        if not announced:
            raise DuplicateNode(node.id)

    async def replace(self, members: Collection[ConnectedMember]) -> None:
        async with self._or_ended():
            await self._connection.execute(_FORGET_OTHERS, self._own_id, [member.id for member in members])
        await self.change(tuple(members), ())

    async def change(self, connected: Sequence[ConnectedMember], disconnected: Sequence[UUID]) -> None:
        async with self._or_ended():
            if connected:
                texts = [msgspec.json.encode(member).decode() for member in connected]
                await self._connection.execute(_CONNECT, self._own_id, [member.id for member in connected], texts)
            if disconnected:
                await self._connection.execute(_DISCONNECT, self._own_id, list(disconnected))

    async def node_ids(self) -> Collection[str]:
        async with self._or_ended():
            return [row[0] for row in await self._connection.fetch(_NODE_IDS)]

    async def read(self, node_id: str) -> tuple[NodeInfo, Sequence[ConnectedMember]] | None:
        async with self._or_ended():
            info = await self._connection.fetchval(_NODE, node_id)
            if info is None:
                return None
            members = await self._connection.fetch(_MEMBERS, node_id)
        decode = msgspec.json.decode
        return decode(info, type=NodeInfo), [decode(row[0], type=ConnectedMember) for row in members]

    async def beat(self) -> None:
        async with self._or_ended():
            is_known = await self._connection.fetchval(_BEAT, self._own_id, self._incarnation)
            await self._connection.execute(_BURY, self._lease, self._own_id)
        if is_known is None:
            raise SessionEnded

    async def resumed(self) -> None:
        """A connection that broke does not come back."""
        raise SessionEnded

    async def close(self) -> None:
        """See Session.close."""
        try:
            await self._connection.execute(_WITHDRAW, self._own_id, self._incarnation)
            await self._connection.close(timeout=1)
        except _FAILURES:
            self._connection.terminate()

    @asynccontextmanager
    async def _or_ended(self) -> AsyncGenerator[None]:
        try:
            yield
        except _FAILURES as error:
            self._connection.terminate()
            raise SessionEnded(str(error)) from error
