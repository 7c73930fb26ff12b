"""CloudEvents that a member sends and reads (contract: grpc 2, 11, 12)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from cyoda_member import exact
from cyoda_member.api import model_of
from cyoda_member.context import Caller, Context, OpenApi
from cyoda_member.exact import Json
from cyoda_member.generated.cloudevents_pb2 import CloudEvent
from cyoda_member.handlers import Kind

JOIN = "CalculationMemberJoinEvent"
LEAVE = "CalculationMemberLeaveEvent"
GREET = "CalculationMemberGreetEvent"
KEEP_ALIVE = "CalculationMemberKeepAliveEvent"
ACK = "EventAckResponse"


@dataclass(frozen=True, slots=True)
class CalloutType:
    kind: Kind
    name_field: str
    response: str


CALLOUTS = {
    "EntityProcessorCalculationRequest": CalloutType(
        "processor", "processorName", "EntityProcessorCalculationResponse"
    ),
    "EntityCriteriaCalculationRequest": CalloutType("criterion", "criteriaName", "EntityCriteriaCalculationResponse"),
    "EntityFunctionCalculationRequest": CalloutType("function", "functionName", "EntityFunctionCalculationResponse"),
}


class UnreadableEvent(Exception):
    """The platform sent something that this library does not understand."""


@dataclass(frozen=True, slots=True)
class Callout:
    """A question to this member; `document` is None where the workflow does not attach the entity."""

    type: CalloutType
    document: Json
    context: Context


def event(event_type: str, text: str) -> CloudEvent:
    return CloudEvent(id=str(uuid.uuid4()), source="cyoda-member", spec_version="1.0", type=event_type, text_data=text)


def join(tags: Sequence[str]) -> CloudEvent:
    return event(JOIN, exact.dumps({"id": str(uuid.uuid4()), "tags": list(tags), "success": True}))


def leave() -> CloudEvent:
    """ "No more callouts, please"; a platform that does not know it says nothing."""
    return event(LEAVE, exact.dumps({"id": str(uuid.uuid4()), "success": True}))


def acknowledgement(keep_alive: CloudEvent) -> CloudEvent:
    """Raises UnreadableEvent."""
    source = payload(keep_alive).get("id")
    return event(ACK, exact.dumps({"id": str(uuid.uuid4()), "sourceEventId": source, "success": True}))


def payload(sent: CloudEvent) -> dict[str, Json]:
    """Raises UnreadableEvent."""
    try:
        body = exact.loads(sent.text_data or sent.binary_data)
    except (ValueError, RecursionError) as error:
        raise UnreadableEvent(f"{sent.type}: {error}") from None
    if not isinstance(body, dict):
        raise UnreadableEvent(f"{sent.type}: not an object")
    return cast(dict[str, Any], body)


def callout(sent: CloudEvent, open_api: OpenApi) -> Callout:
    """Read a request. Raises UnreadableEvent."""
    callout_type, body = CALLOUTS[sent.type], payload(sent)
    try:
        attached = _object(body.get("payload"))
        meta = _object(attached.get("meta"))
        context = Context(
            name=body[callout_type.name_field],
            request_id=body["requestId"],
            entity_id=body["entityId"],
            workflow=body["workflow"]["name"],
            transition=body["transition"]["name"],
            transaction_id=body.get("transactionId", ""),
            caller=_caller(sent),
            model=model_of(meta),
            state=meta.get("state"),
            meta=meta,
            target=body.get("target"),
            parameters=body.get("parameters"),
            tx_token=_attribute(sent, "cyodatxtoken"),
            open_api=open_api,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableEvent(f"{sent.type}: {type(error).__name__} {error}") from None
    return Callout(callout_type, attached.get("data"), context)


def _object(value: Json) -> dict[str, Json]:
    """An object that may be absent. Raises TypeError for anything else."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return cast(dict[str, Any], value)


def _caller(sent: CloudEvent) -> Caller | None:
    kind, caller_id = _attribute(sent, "authtype"), _attribute(sent, "authid")
    if kind is None or caller_id is None:
        return None
    claims = _attribute(sent, "authclaims")
    return Caller(kind, caller_id, tuple(claims.split(",")) if claims else ())


def _attribute(sent: CloudEvent, name: str) -> str | None:
    return sent.attributes[name].ce_string if name in sent.attributes else None
