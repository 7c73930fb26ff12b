"""The rpcs besides the member stream: parse, hand to the event type's route, render (contract: grpc 4, 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

import grpc
import grpc.aio

from cyoda.admission import Admission, payload_too_large
from cyoda.errors import TransactionNodeUnavailable
from cyoda.permissions import require
from cyoda.principal import Principal
from workflows.grpc import cloudevents, replies
from workflows.grpc.authentication import Authenticate, Context, authenticated, metadata_value
from workflows.grpc.cloudevents import MalformedEvent
from workflows.grpc.forwarding import TOKEN, Owners, metadata, other_owner, same_end
from workflows.grpc.generated import cyoda_cloud_api_pb2
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.grpc.replies import Body, InvalidPayload
from workflows.grpc.routes import Answer, Call, Frames, Placeholder, Route, Unary
from workflows.services.platform import Platform

R = TypeVar("R", bound=Route)
SERVICE = cyoda_cloud_api_pb2.DESCRIPTOR.services_by_name["CloudEventsService"].full_name


@dataclass(frozen=True, slots=True)
class Rpc:
    """An rpc's name on the wire, what its refusal of a type calls it, and the types it serves.

    `refused_join` is the reply type and body by which it refuses a transaction token; None ignores tokens.
    """

    name: str
    label: str
    routes: Mapping[str, Unary] | Mapping[str, Frames]
    shape: type[Unary] | type[Frames] = Unary
    refused_join: tuple[str, Placeholder] | None = None

    @property
    def path(self) -> str:
        return f"/{SERVICE}/{self.name}"


class Service:
    """Serves the unary and server-stream rpcs."""

    def __init__(
        self,
        authenticate: Authenticate,
        platform: Platform,
        admission: Admission | None = None,
        owners: Owners | None = None,
    ) -> None:
        self._authenticate = authenticate
        self._platform = platform
        self._admission = admission
        self._owners = owners

    async def unary(self, rpc: Rpc, message: bytes, context: Context) -> bytes:
        event, call = await self._opened(rpc, message, context)
        if (owner := self._other_owner(rpc, context)) is not None:
            return await self._forwarded(owner, rpc, call, message, context)
        route = await _route(rpc, Unary, event, context)
        try:
            require(call.principal, route.action)
            if self._admission is not None:
                await _admit(self._admission, call.principal, route, message)
            call = _joined(rpc, call, context)
            return _reply(route, call, await route.handle(call))
        except InvalidPayload as error:
            await _invalid(context, str(error))
        except _JoinRefused as refusal:
            return refusal.reply
        except Exception as fault:  # noqa: BLE001 - the edge: every failure becomes a reply
            return _failure(route, call, fault)

    async def frames(self, rpc: Rpc, message: bytes, context: Context) -> AsyncIterator[bytes]:
        event, call = await self._opened(rpc, message, context)
        if (owner := self._other_owner(rpc, context)) is not None:
            async for frame in self._forwarded_frames(owner, rpc, call, message, context):
                yield frame
            return
        route = await _route(rpc, Frames, event, context)
        try:
            require(call.principal, route.action)
            if self._admission is not None:
                await _admit(self._admission, call.principal, route, message)
            call = _joined(rpc, call, context)
            async for answer in route.handle(call):
                yield _reply(route, call, answer)
        except InvalidPayload as error:
            await _invalid(context, str(error))
        except _JoinRefused as refusal:
            yield refusal.reply
        except Exception as fault:  # noqa: BLE001 - the edge: every failure becomes the last frame
            yield _failure(route, call, fault)

    def _other_owner(self, rpc: Rpc, context: Context) -> str | None:
        return None if rpc.refused_join is None else other_owner(self._owners, context)

    async def _forwarded(self, owner: str, rpc: Rpc, call: Call, message: bytes, context: Context) -> bytes:
        assert self._owners is not None
        try:
            return await self._owners.unary(owner, rpc.path, message, metadata(context), context.time_remaining())
        except TransactionNodeUnavailable as fault:
            return _refused_join(rpc, call, fault)
        except grpc.aio.AioRpcError as error:
            await same_end(context, error)

    async def _forwarded_frames(
        self, owner: str, rpc: Rpc, call: Call, message: bytes, context: Context
    ) -> AsyncIterator[bytes]:
        assert self._owners is not None
        try:
            time_s = context.time_remaining()
            async for frame in self._owners.frames(owner, rpc.path, message, metadata(context), time_s):
                yield frame
        except TransactionNodeUnavailable as fault:
            yield _refused_join(rpc, call, fault)
        except grpc.aio.AioRpcError as error:
            await same_end(context, error)

    async def _opened(self, rpc: Rpc, message: bytes, context: Context) -> tuple[CloudEvent, Call]:
        principal = await authenticated(context, self._authenticate)
        try:
            event = cloudevents.read(message)
            data = cloudevents.data_of(event)
        except MalformedEvent as error:
            await _invalid(context, f"invalid CloudEvent: {error}")
        return event, Call(principal, event.id, data, self._platform)


async def _admit(admission: Admission, principal: Principal, route: Route, message: bytes) -> None:
    """Raises PayloadTooLarge, and what Admission.admit raises."""
    limit_bytes = await admission.admit(principal, route.action)
    if limit_bytes is not None and len(message) > limit_bytes:
        raise payload_too_large(limit_bytes)


class _JoinRefused(Exception):
    """The transaction token of a call leads nowhere (contract: grpc 16.5)."""

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply


def _joined(rpc: Rpc, call: Call, context: Context) -> Call:
    """The call inside the transaction that its `tx-token` names, if it has one. Raises _JoinRefused."""
    token = metadata_value(context, TOKEN)
    if not token or rpc.refused_join is None:
        return call
    try:
        return replace(call, join=call.platform.transactions.resolve(call.principal, token))
    except Exception as fault:
        raise _JoinRefused(_refused_join(rpc, call, fault)) from fault


def _refused_join(rpc: Rpc, call: Call, fault: Exception) -> bytes:
    assert rpc.refused_join is not None
    reply, placeholder = rpc.refused_join
    request_id = call.request_id if rpc.shape is Unary else ""
    body = {"requestId": request_id, **placeholder(call)}
    return cloudevents.write(reply, replies.failed(request_id, body, replies.error_of(fault)))


async def _route(rpc: Rpc, shape: type[R], event: CloudEvent, context: Context) -> R:
    route = rpc.routes.get(event.type)
    if not isinstance(route, shape):
        await _invalid(context, f"unsupported {rpc.label} event type: {event.type}")
    return route


async def _invalid(context: Context, message: str) -> NoReturn:
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, replies.status_message(message))
    raise AssertionError("abort returned")


def _reply(route: Route, call: Call, answer: Answer) -> bytes:
    body = _named(route, call, answer.body)
    return cloudevents.write(route.reply, replies.succeeded(call.request_id, body, warnings=answer.warnings))


def _failure(route: Route, call: Call, fault: Exception) -> bytes:
    body = _named(route, call, route.placeholder(call))
    error, warnings = replies.error_of(fault), replies.warnings_of(fault)
    return cloudevents.write(route.reply, replies.failed(call.request_id, body, error, warnings=warnings))


def _named(route: Route, call: Call, body: Body) -> Body:
    return {"requestId": call.request_id, **body} if route.names_request else body
