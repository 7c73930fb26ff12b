"""What goes to a calculation member and what comes back, as JSON text (contract: grpc 12, 13).

The entity's document travels verbatim in both directions: neither numbers nor member order change on the way.
"""

from __future__ import annotations

import typing
from uuid import UUID

import msgspec

from cyoda import jsonio
from cyoda.clock import utc_text
from cyoda.errors import ServerError
from cyoda.principal import Kind, Principal, TenantId
from workflows.core.callout import REASON_LIMIT_BYTES, Callout, CalloutAnswer, CalloutFailed, CalloutKind
from workflows.core.entity import Document, Version

REQUEST_TYPES: dict[CalloutKind, str] = {
    "processor": "EntityProcessorCalculationRequest",
    "criteria": "EntityCriteriaCalculationRequest",
    "function": "EntityFunctionCalculationRequest",
}
RESPONSE_TYPES = frozenset(
    {
        "EntityProcessorCalculationResponse",
        "EntityCriteriaCalculationResponse",
        "EntityFunctionCalculationResponse",
    }
)
_KINDS = typing.get_args(Kind)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One callout, ready for a member's stream: the event's type, its JSON text, its extension attributes."""

    id: str
    type: str
    data: bytes
    attributes: dict[str, str]


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """A callout as far as whoever hands it to a member needs to know it; it may travel to another node."""

    tenant: TenantId
    kind: CalloutKind
    tags: str
    timeout_ms: int
    question: Question


class Response(msgspec.Struct, rename="camel"):
    """A member's answer as far as it is read; everything else in it is ignored.

    `payload` and `result` stay text until the request they answer is known.
    """

    request_id: str = ""
    success: bool | None = None
    error: ResponseError | None = None
    warnings: list[str] | None = None
    payload: msgspec.Raw = msgspec.Raw(b"null")
    matches: bool | None = None
    reason: str | None = None
    result_kind: str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class ResponseError(msgspec.Struct):
    message: str | None = None


class UnreadableResponse(ValueError):
    """The text of a response is not the JSON object that a response is; it is ignored."""


class _Named(msgspec.Struct):
    id: str
    name: str


class _Transition(_Named, rename="camel"):
    state_from: str = ""
    state_to: str = ""


class _ModelKey(msgspec.Struct):
    name: str
    version: int


class _Meta(msgspec.Struct, rename="camel"):
    id: UUID
    model_key: _ModelKey
    state: str
    creation_date: str
    last_update_time: str
    transaction_id: UUID


class _Payload(msgspec.Struct):
    type: str
    data: msgspec.Raw
    meta: _Meta


class _Request(msgspec.Struct, rename="camel", kw_only=True):
    id: str
    request_id: str
    success: bool
    entity_id: UUID
    processor_id: str | msgspec.UnsetType = msgspec.UNSET
    processor_name: str | msgspec.UnsetType = msgspec.UNSET
    criteria_id: str | msgspec.UnsetType = msgspec.UNSET
    criteria_name: str | msgspec.UnsetType = msgspec.UNSET
    function_id: str | msgspec.UnsetType = msgspec.UNSET
    function_name: str | msgspec.UnsetType = msgspec.UNSET
    target: str | msgspec.UnsetType = msgspec.UNSET
    workflow: _Named
    transition: _Transition
    transaction_id: UUID | str
    parameters: str | msgspec.UnsetType = msgspec.UNSET
    payload: _Payload | msgspec.UnsetType = msgspec.UNSET


class _ResponsePayload(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")


_encoder = msgspec.json.Encoder()
_response_decoder = msgspec.json.Decoder(Response)
_payload_decoder = msgspec.json.Decoder(_ResponsePayload | None)


def question(principal: Principal, callout: Callout, *, request_id: str, token: str | None) -> Question:
    """The request for one callout.

    Raises ServerError when the principal's kind is not one that members know: nothing may be sent then.
    """
    request = _Request(
        id=request_id,
        request_id=request_id,
        success=True,
        entity_id=callout.subject.entity_id,
        workflow=_Named(callout.workflow, callout.workflow),
        transition=_Transition(callout.transition, callout.transition),
        transaction_id=callout.transaction_id or "",
    )
    _name(request, callout)
    if callout.context:
        request.parameters = callout.context
    if callout.attach_entity:
        request.payload = _payload(callout.subject)
    return Question(
        id=request_id,
        type=REQUEST_TYPES[callout.kind],
        data=_encoder.encode(request),
        attributes=caller_attributes(principal, token),
    )


def _name(request: _Request, callout: Callout) -> None:
    match callout.kind:
        case "processor":
            request.processor_id = request.processor_name = callout.name
        case "criteria":
            request.criteria_id = request.criteria_name = callout.name
            request.target = callout.target or msgspec.UNSET
        case "function":
            request.function_id = request.function_name = callout.name


def _payload(entity: Version) -> _Payload:
    meta = _Meta(
        id=entity.entity_id,
        model_key=_ModelKey(entity.model.name, entity.model.version),
        state=entity.state,
        creation_date=utc_text(entity.created_at),
        last_update_time=utc_text(entity.updated_at),
        transaction_id=entity.transaction_id,
    )
    return _Payload("JSON", entity.document.raw, meta)


def caller_attributes(principal: Principal, token: str | None) -> dict[str, str]:
    """Who caused the callout, and the token that joins its transaction (contract: grpc 12.4)."""
    if principal.kind not in _KINDS:
        raise ServerError(f"the principal has the unknown kind {principal.kind!r}")
    attributes = {"authtype": principal.kind, "authid": principal.user_id}
    if principal.roles:
        attributes["authclaims"] = ",".join(principal.roles)
    if token is not None:
        attributes["cyodatxtoken"] = token
    return attributes


def read_response(data: bytes) -> Response:
    """Raises UnreadableResponse."""
    try:
        return _response_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableResponse(str(error)) from error


def answer(callout: Callout, response: Response) -> CalloutAnswer:
    """What a response means for the callout it answers.

    Raises CalloutFailed when the member did not report success or its payload is not JSON.
    """
    warnings = tuple(response.warnings or ())
    if response.success is not True:
        message = (response.error and response.error.message) or f"{callout.kind} returned failure"
        raise _failure(callout, message, warnings)
    try:
        match callout.kind:
            case "processor":
                return CalloutAnswer(document=_document(response.payload), warnings=warnings)
            case "criteria":
                reason = _cut(response.reason or "", REASON_LIMIT_BYTES)
                return CalloutAnswer(matches=response.matches is True, reason=reason, warnings=warnings)
            case "function":
                result = jsonio.parse(bytes(response.result))
                return CalloutAnswer(result_kind=response.result_kind or "", result=result, warnings=warnings)
    except (jsonio.InvalidJson, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _failure(callout, f"unreadable payload: {error}", warnings) from error


def _document(payload: msgspec.Raw) -> Document | None:
    """The document that replaces the entity's; None when the member sent none."""
    content = _payload_decoder.decode(payload)
    if content is None:
        return None
    document = Document.from_text(bytes(content.data))
    return None if document.value is None else document


def _cut(text: str, limit_bytes: int) -> str:
    data = text.encode()
    return text if len(data) <= limit_bytes else data[:limit_bytes].decode(errors="ignore")


def _failure(callout: Callout, message: str, warnings: tuple[str, ...]) -> CalloutFailed:
    return CalloutFailed(f"{callout.kind} dispatch failed: {message}", warnings)
