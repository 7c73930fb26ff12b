"""What nodes say to each other: methods and messages of the peer service (docs/adr/0017)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from cyoda.errors import (
    ComputeMemberDisconnected,
    CyodaError,
    DispatchForwardFailed,
    DispatchTimeout,
    NoComputeMemberForTag,
    ServerError,
)
from workflows.compute import events
from workflows.compute.events import Errand, Response
from workflows.core.callout import CalloutFailed

SERVICE = "cyoda.cluster.v1.Peer"
GIVE = f"/{SERVICE}/Give"
HTTP = f"/{SERVICE}/Http"
LOOK = f"/{SERVICE}/Look"
STATUS = f"/{SERVICE}/Status"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """An errand for one of the peer's members; others are preferred to those in `tried`."""

    errand: Errand
    tried: tuple[UUID, ...] = ()


class Failure(msgspec.Struct, frozen=True):
    """Why there is no response: a refusal's code, or "" when the question could not be written."""

    code: str
    message: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The response of the member that was asked, as JSON text, or a failure."""

    response: bytes | None = None
    failure: Failure | None = None
    asked: UUID | None = None

    def outcome(self) -> Response:
        """Raises what the peer met."""
        if self.response is not None:
            return events.read_response(self.response)
        raise _raised(self.failure or Failure(ServerError.code, "the peer answered nothing"))


class RequestHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame of a forwarded HTTP request; its body follows in frames of its own."""

    method: str
    path: str
    raw_path: bytes
    query_string: bytes
    headers: list[tuple[bytes, bytes]]


class AnswerHead(msgspec.Struct, frozen=True, kw_only=True):
    """The first frame of the answer."""

    status: int
    headers: list[tuple[bytes, bytes]]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself."""

    nodes: list[str]
    """ids of the nodes that it sees"""
    is_current: bool
    members: int
    in_flight: int
    """callouts that its members owe"""
    waiting: int
    """callouts that wait for room"""


_REFUSALS: dict[str, type[CyodaError]] = {
    refusal.code: refusal
    for refusal in (NoComputeMemberForTag, DispatchTimeout, ComputeMemberDisconnected, ServerError)
}
_encoder = msgspec.msgpack.Encoder()
_json = msgspec.json.Encoder()
decode_request = msgspec.msgpack.Decoder(Request).decode
decode_reply = msgspec.msgpack.Decoder(Reply).decode
decode_status = msgspec.msgpack.Decoder(Status).decode
decode_request_head = msgspec.msgpack.Decoder(RequestHead).decode
decode_answer_head = msgspec.msgpack.Decoder(AnswerHead).decode


def encode(message: Any) -> bytes:
    return _encoder.encode(message)


def answered(response: Response, asked: UUID | None) -> Reply:
    return Reply(response=_json.encode(response), asked=asked)


def refused(error: CyodaError | CalloutFailed, asked: UUID | None) -> Reply:
    code, message = (error.code, error.message) if isinstance(error, CyodaError) else ("", str(error))
    return Reply(failure=Failure(code, message), asked=asked)


def _raised(failure: Failure) -> Exception:
    if not failure.code:
        return CalloutFailed(failure.message)
    return _REFUSALS.get(failure.code, DispatchForwardFailed)(failure.message)
