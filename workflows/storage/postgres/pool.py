"""Connections, and the one place where a driver's failure becomes StorageUnavailable.

An operation that waits for a connection, connects, and runs has one time limit; a connection that broke or timed out
is never used again, and the pool makes new ones as they are needed.
"""

# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from cyoda.errors import StorageUnavailable
from workflows.storage.postgres.connections import Connection, Connections
from workflows.storage.postgres.statements import templates

_SESSION = {
    "application_name": "cyoda",
    "jit": "off",
    # Statements are written for their indexes; plans must not change with statistics or the size of a young table.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_mergejoin": "off",
    "enable_nestloop": "off",  # where one row leads to the next, LATERAL asks for it
    "max_parallel_workers_per_gather": "0",
    "work_mem": "16MB",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "10s",
    "client_connection_check_interval": "2s",
}
REFUSALS = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InternalClientError,  # a connection that was told of the server's end and has not noticed yet
)
"""The server cannot serve now: it is starting, stopping, full, a replica, or will not let us in."""

_connect: Any = getattr(asyncpg, "connect")  # noqa: B009 - its types are half declared
Row = Sequence[Any]
"""A record of the driver, read by index."""


@dataclass(frozen=True, kw_only=True)
class PoolSettings:
    """`url` as libpq writes it; time limits in seconds.

    `timeout` bounds one operation from the call to the answer; `scan_timeout` one batch of a scan or a count.
    """

    url: str
    size: int = 8
    timeout: float = 4.0
    scan_timeout: float = 60.0


class Pool:
    """A bounded set of connections to one database."""

    def __init__(self, settings: PoolSettings) -> None:
        self.settings = settings
        self._connections: Connections | None = None
        self._scans = asyncio.Semaphore(max(1, settings.size // 2))
        self._system_identifier: int | None = None

    @property
    def system_identifier(self) -> int:
        """Identifies the database cluster that xids (and so snapshots) belong to. Raises StorageUnavailable."""
        if self._system_identifier is None:
            raise StorageUnavailable
        return self._system_identifier

    async def open(self) -> None:
        """Connect once. Raises StorageUnavailable."""
        if self._connections is not None:
            return
        self._connections = Connections(self._connect, self.settings.size)
        try:
            async with self.connection():
                pass
        except StorageUnavailable:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of all connections; statements still running are given a moment, then cut off."""
        connections, self._connections = self._connections, None
        self._system_identifier = None
        if connections is not None:
            await connections.close(self.settings.timeout)

    async def _connect(self) -> Connection:
        connection: Connection = await _connect(
            self.settings.url,
            timeout=self.settings.timeout,
            statement_cache_size=256,
            max_cached_statement_lifetime=0,
            server_settings=_SESSION,
        )
        try:
            found = await connection.fetchval(templates()["system_identifier"])
            if found != (self._system_identifier or found):
                raise StorageUnavailable("the database was replaced by another one: restart this node")
        except BaseException:
            connection.terminate()
            raise
        self._system_identifier = found
        return connection

    @asynccontextmanager
    async def connection(self, seconds: float | None = None) -> AsyncGenerator[Connection, None]:
        """A connection for one operation of at most `seconds`.

        Raises StorageUnavailable when the database does not answer, or breaks off; then the connection is ended.
        """
        connections = self._connections
        if connections is None:
            raise StorageUnavailable
        connection: Connection = None
        try:
            async with asyncio.timeout(seconds or self.settings.timeout):
                connection = await connections.acquire()
                yield connection
        except asyncio.CancelledError:
            # The driver has asked the server to stop the statement; whoever comes next waits until it has.
            if connection is not None and connection.is_in_transaction():
                _end(connection)
            raise
        except (OSError, TimeoutError, asyncpg.InterfaceError, *REFUSALS) as error:
            if not _is_unavailability(error, connection):
                raise
            _end(connection)
            raise StorageUnavailable from error
        finally:
            if connection is not None:
                connections.release(connection)

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[Connection, None]:
        """A connection of its own, for work that may take any time.

        Raises StorageUnavailable when the database does not answer, or breaks off.
        """
        connection: Connection = None
        try:
            connection = await self._connect()
            yield connection
            await connection.close()
        except (OSError, TimeoutError, asyncpg.InterfaceError, *REFUSALS) as error:
            if not _is_unavailability(error, connection):
                raise
            raise StorageUnavailable from error
        finally:
            _end(connection)

    async def fetch(self, sql: str, *arguments: object, seconds: float | None = None) -> Sequence[Row]:
        """The rows of a statement that only reads; a broken connection is replaced once. Raises StorageUnavailable."""
        for attempt in range(2):
            try:
                async with self.connection(seconds) as connection:
                    return await connection.fetch(sql, *arguments)
            except StorageUnavailable as error:
                if attempt or isinstance(error.__cause__, TimeoutError):
                    raise
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def scanning(self) -> AsyncGenerator[None, None]:
        """Long reads enter here, so that they never hold all connections."""
        async with self._scans:
            yield


def _is_unavailability(error: BaseException, connection: Connection) -> bool:
    """Whether the database, not the statement, is at fault."""
    if isinstance(error, asyncpg.InterfaceError):
        return connection is None or connection.is_closed()
    return True


def _end(connection: Connection) -> None:
    if connection is not None:
        connection.terminate()
