"""The CloudEvent as the wire carries it: bytes in and out, JSON text inside (contract: grpc 2)."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping

from google.protobuf.message import DecodeError, EncodeError

from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

SOURCE = "cyoda"
SPEC_VERSION = "1.0"


class MalformedEvent(ValueError):
    """The bytes are not a CloudEvent, or it carries no JSON data."""


def read(message: bytes) -> CloudEvent:
    """Raises MalformedEvent when the bytes are not a CloudEvent."""
    try:
        return CloudEvent.FromString(message)
    except DecodeError as error:
        raise MalformedEvent(f"not a CloudEvent: {error}") from error


def data_of(event: CloudEvent) -> bytes:
    """The JSON text of an event, from either of the two forms that may carry it.

    Raises MalformedEvent for `proto_data` and for an event without data.
    """
    match event.WhichOneof("data"):
        case "text_data":
            return event.text_data.encode()
        case "binary_data":
            return event.binary_data
        case None:
            raise MalformedEvent("the event has no data")
        case _:
            raise MalformedEvent("proto_data is not supported, send text_data or binary_data")


def _fresh_id() -> str:
    """Version 4, and unpredictable to nobody: an event's id names it, it protects nothing."""
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def write(event_type: str, data: bytes, attributes: Mapping[str, str] | None = None) -> bytes:
    """An outbound event with a fresh id and JSON text as `text_data`, serialised.

    Raises MalformedEvent when it does not fit a protobuf message.
    """
    event = CloudEvent(
        id=_fresh_id(), source=SOURCE, spec_version=SPEC_VERSION, type=event_type, text_data=data.decode()
    )
    for name, value in (attributes or {}).items():
        event.attributes[name].ce_string = value
    try:
        return event.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise MalformedEvent(str(error)) from error
