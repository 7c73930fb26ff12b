"""The gRPC server of a node: the CloudEvents service, health and reflection (contract: grpc 1, 22)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from cyoda.admission import Admission
from cyoda.clock import Clock
from workflows.compute.members import Registry
from workflows.grpc.authentication import Authenticate, Context, authenticated
from workflows.grpc.catalogue import RPCS
from workflows.grpc.forwarding import Owners
from workflows.grpc.options import GrpcOptions
from workflows.grpc.routes import Unary
from workflows.grpc.service import SERVICE, Rpc, Service
from workflows.grpc.streaming import StreamPorts, Streams
from workflows.services.platform import Platform

STOP_GRACE_S = 10.0
_HealthServicer = health.aio.HealthServicer  # pyright: ignore[reportAttributeAccessIssue] - added conditionally


class GrpcServer:
    """Serves from `start` to `stop`; messages pass gRPC as bytes and are parsed here."""

    def __init__(
        self,
        options: GrpcOptions,
        *,
        authenticate: Authenticate,
        registry: Registry,
        clock: Clock,
        platform: Platform,
        admission: Admission | None = None,
        owners: Owners | None = None,
    ) -> None:
        self._options = options
        self._authenticate = authenticate
        self._streams = Streams(StreamPorts(registry, options.keep_alive, clock, platform.quotas))
        self._service = Service(authenticate, platform, admission, owners)
        self._server: grpc.aio.Server | None = None
        self._health = _HealthServicer() if options.health else None

    async def start(self) -> int:
        """Listen; returns the port. Raises RuntimeError when the port is taken or the TLS material unusable."""
        server = grpc.aio.server(options=self._options.channel())
        server.add_generic_rpc_handlers((self.handlers(),))
        names = [SERVICE]
        if self._health is not None:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            names.append(health.SERVICE_NAME)
        if self._options.reflection:
            reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)
        port = self._bind(server)
        await server.start()
        self._server = server
        return port

    def _bind(self, server: grpc.aio.Server) -> int:
        address, tls = f"{self._options.host}:{self._options.port}", self._options.tls
        return server.add_secure_port(address, tls.credentials()) if tls else server.add_insecure_port(address)

    async def hand_over(self, grace_s: float = STOP_GRACE_S) -> None:
        """Let the members go elsewhere, each as soon as it has answered what it was asked; none may come any more."""
        await self._streams.hand_over(grace_s)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Take no more calls, end member streams with UNAVAILABLE, let the others finish for `grace_s` seconds."""
        if self._server is None:
            return
        if self._health is not None:
            await self._health.enter_graceful_shutdown()
        self._streams.end_all()
        await self._server.stop(grace_s)
        self._server = None

    def handlers(self, *, streams: bool = True) -> grpc.GenericRpcHandler:
        """What serves the service's rpcs, for a server; without `streams` no member can join."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {rpc.name: self._handler(rpc) for rpc in RPCS}
        if streams:
            handlers["startStreaming"] = grpc.stream_stream_rpc_method_handler(self._start_streaming)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _handler(self, rpc: Rpc) -> grpc.RpcMethodHandler[Any, Any]:
        if rpc.shape is Unary:
            return grpc.unary_unary_rpc_method_handler(partial(self._service.unary, rpc))
        return grpc.unary_stream_rpc_method_handler(partial(self._service.frames, rpc))

    async def _start_streaming(self, _requests: AsyncIterator[bytes], context: Context) -> None:
        principal = await authenticated(context, self._authenticate)
        await self._streams.serve(principal, context)
