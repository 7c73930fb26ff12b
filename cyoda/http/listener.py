"""An HTTP listener: uvicorn on a socket of ours, started and stopped by the composition root."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
GATHERED_BYTES = 64 * 1024
_OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class _Gathering:
    """A transport whose writes of one turn of the loop leave as one.

    uvicorn writes the head and the body of an answer apart; each write is a system call that wakes the client.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= GATHERED_BYTES:  # long answers meet the transport's flow control at once
            self._flush()

    def _flush(self) -> None:
        if self._parts:
            data = b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 and nothing else: an offer to change the protocol is passed over (RFC 9110, 7.8).

    The parser would take a request that offers one (Java's HttpClient does, by default) as ended with its head, and
    its body for the next request.
    """

    def connection_made(self, transport: Any) -> None:
        super().connection_made(_Gathering(transport, self.loop))  # pyright: ignore[reportArgumentType]

    def data_received(self, data: bytes) -> None:
        if (self.cycle is None or not self.cycle.more_body) and _OFFER.search(data):
            head, end, rest = data.partition(b"\r\n\r\n")
            data = _OFFER.sub(b"\r\nIgnored:", head) + end + rest
        super().data_received(data)

    def _unsupported_upgrade_warning(self) -> None:
        """An offer that arrived in pieces: what follows its head cannot be told apart any more."""
        self.transport.close()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Signals belong to the node, which stops its listeners in order."""
        yield


class Listening:
    """A listener that accepts connections on `port`."""

    def __init__(self, server: _Server, task: asyncio.Task[None], port: int) -> None:
        self._server = server
        self._task = task
        self.port = port

    async def stop(self, grace_s: int) -> None:
        """Accept nothing more, let requests in flight finish for `grace_s` seconds."""
        self._server.config.timeout_graceful_shutdown = grace_s
        self._server.should_exit = True
        await self._task


class HttpListener:
    """Serves an ASGI application; port 0 takes any free one."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port

    async def start(self) -> Listening:
        """Raises OSError when the address is taken or not ours."""
        listener = _bound_socket(self._host, self._port)
        config = uvicorn.Config(
            self._app,
            loop="none",
            http=_Protocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.001)
        return Listening(server, task, listener.getsockname()[1])


def _bound_socket(host: str, port: int) -> socket.socket:
    """Named as TCP, because asyncio turns Nagle's algorithm off only where the protocol says so."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
