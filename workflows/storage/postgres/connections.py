"""A bounded set of connections, most recently used first.

The driver's own pool resets a connection with a round trip whenever it comes back, and may wait for a server that does
not answer; here coming back is instant, because whoever broke off has ended its connection already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Connection = Any
"""A connection of asyncpg, which ships no types for what its methods answer."""


class Connections:
    """`connect` makes a new one when no idle one is left and fewer than `size` are out."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Connection] = []
        self._out: set[Connection] = set()
        self._is_closed = False

    async def acquire(self) -> Connection:
        """Raises what `connect` raises."""
        await self._slots.acquire()
        try:
            connection = self._idle_one() or await self._connect()
        except BaseException:
            self._slots.release()
            raise
        self._out.add(connection)
        return connection

    def _idle_one(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            connection.terminate()  # the server ended it; the driver still has to let go
        return None

    def release(self, connection: Connection) -> None:
        """Take back a connection on which nothing is under way, or one that was ended."""
        self._out.discard(connection)
        if self._is_closed or connection.is_closed():
            connection.terminate()
        else:
            self._idle.append(connection)
        self._slots.release()

    async def close(self, seconds: float) -> None:
        """End all connections; those in use are given a moment to come back."""
        self._is_closed = True
        try:
            async with asyncio.timeout(seconds):
                while self._out:
                    await self._slots.acquire()
                for connection in self._idle:
                    await connection.close()
        except (TimeoutError, OSError):
            pass
        for connection in [*self._idle, *self._out]:
            connection.terminate()
        self._idle.clear()
