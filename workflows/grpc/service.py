"""The rpcs besides the member stream: parse, hand to the event type's route, render (contract: grpc 4, 5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

import grpc

from cyoda.admission import Admission, payload_too_large
from cyoda.permissions import require
from cyoda.principal import Principal
from workflows.grpc import cloudevents, replies
from workflows.grpc.authentication import Authenticate, Context, authenticated, metadata_value
from workflows.grpc.cloudevents import MalformedEvent
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.grpc.replies import Body, InvalidPayload
from workflows.grpc.routes import Answer, Call, Frames, Placeholder, Route, Unary
from workflows.services.platform import Platform

R = TypeVar("R", bound=Route)


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


class Service:
    """Serves the unary and server-stream rpcs."""

    def __init__(self, authenticate: Authenticate, platform: Platform, admission: Admission | None = None) -> None:
        self._authenticate = authenticate
        self._platform = platform
        self._admission = admission

    async def unary(self, rpc: Rpc, message: bytes, context: Context) -> bytes:
        event, call = await self._opened(rpc, message, context)
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
    token = metadata_value(context, "tx-token")
    if not token or rpc.refused_join is None:
        return call
    try:
        return replace(call, join=call.platform.transactions.resolve(call.principal, token))
    except Exception as fault:
        reply, placeholder = rpc.refused_join
        request_id = call.request_id if rpc.shape is Unary else ""
        body = {"requestId": request_id, **placeholder(call)}
        text = replies.failed(request_id, body, replies.error_of(fault))
        raise _JoinRefused(cloudevents.write(reply, text)) from fault


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
