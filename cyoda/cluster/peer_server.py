"""What this node does for the others: the peer service, behind mutual TLS (docs/adr/0017)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import grpc
import grpc.aio

from cyoda.cluster import wire
from cyoda.cluster.credentials import PeerCredentials
from cyoda.errors import CyodaError, NoComputeMemberForTag
from cyoda.http.app import AsgiApp
from workflows.compute.dispatcher import LocalDispatcher
from workflows.core.callout import CalloutFailed

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)
Context = grpc.aio.ServicerContext[Any, Any]


class PeerServer:
    """Serves from `start` to `stop`.

    `takes_callouts` tells whether members may be asked for others now; `rpcs` are the handlers of the public service,
    for calls that join a transaction of this node; `look` looks at the rows of configuration again.
    """

    def __init__(
        self,
        credentials: PeerCredentials,
        *,
        host: str,
        port: int,
        dispatcher: LocalDispatcher,
        takes_callouts: Callable[[], bool],
        api: AsgiApp,
        rpcs: grpc.GenericRpcHandler,
        look: Callable[[], Awaitable[None]],
        status: Callable[[], wire.Status],
    ) -> None:
        self._credentials = credentials
        self._address = f"{host}:{port}"
        self._dispatcher = dispatcher
        self._takes_callouts = takes_callouts
        self._api = api
        self._rpcs = rpcs
        self._look = look
        self._status = status
        self._server: grpc.aio.Server | None = None

    async def start(self) -> int:
        """Listen; returns the port. Raises RuntimeError when the address is taken."""
        server = grpc.aio.server(options=_OPTIONS)
        handlers = {
            "Give": grpc.unary_unary_rpc_method_handler(self._give),
            "Look": grpc.unary_unary_rpc_method_handler(self._looked),
            "Status": grpc.unary_unary_rpc_method_handler(self._told),
            "Http": grpc.stream_stream_rpc_method_handler(self._http),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(wire.SERVICE, handlers), self._rpcs))
        port = server.add_secure_port(self._address, self._credentials.server())
        await server.start()
        self._server = server
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, let those under way finish for `grace_s` seconds."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None

    async def _give(self, message: bytes, _context: Context) -> bytes:
        request = wire.decode_request(message)
        tried, known = set(request.tried), frozenset(request.tried)
        try:
            if not self._takes_callouts():
                raise NoComputeMemberForTag("the node takes no callouts now")
            reply = wire.answered(await self._dispatcher.give(request.errand, tried), _asked(tried, known))
        except (CyodaError, CalloutFailed) as error:
            reply = wire.refused(error, _asked(tried, known))
        return wire.encode(reply)

    async def _looked(self, _message: bytes, _context: Context) -> bytes:
        await self._look()
        return b""

    async def _told(self, _message: bytes, _context: Context) -> bytes:
        return wire.encode(self._status())

    async def _http(self, frames: AsyncIterator[bytes], context: Context) -> None:
        head = wire.decode_request_head(await anext(frames))
        is_whole = False

        async def receive() -> dict[str, Any]:
            nonlocal is_whole
            if is_whole:
                return {"type": "http.disconnect"}
            chunk = await anext(frames, None)
            is_whole = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": not is_whole}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = [(bytes(name), bytes(value)) for name, value in message["headers"]]
                await context.write(wire.encode(wire.AnswerHead(status=message["status"], headers=headers)))
            elif body := message.get("body"):
                await context.write(body)

        await self._api(_scope(head), receive, send)


def _asked(tried: set[UUID], known: frozenset[UUID]) -> UUID | None:
    return next(iter(tried - known), None)


def _scope(head: wire.RequestHead) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": head.method,
        "path": head.path,
        "raw_path": head.raw_path,
        "query_string": head.query_string,
        "headers": head.headers,
    }
