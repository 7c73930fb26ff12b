"""Shapes of request payloads that several event types share (contract: grpc 6).

Unknown members are ignored everywhere. `id` is not read: replies carry the CloudEvent's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from cyoda import jsonio
from cyoda.errors import BadRequest
from workflows.core.entity import ModelKey
from workflows.grpc.replies import InvalidPayload
from workflows.services.entity_reads import MAX_PAGE_NUMBER, MAX_PAGE_SIZE

DataFormat = Literal["JSON", "XML"]
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
_BEYOND_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")
NIL_ID = str(UUID(int=0))
NO_ID = UUID(int=0)
NO_MODEL = {"name": "", "version": 0}


class ModelSpec(msgspec.Struct):
    """A model's name and version."""

    name: str
    version: Int32

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.name, self.version)


def model_spec(key: ModelKey) -> dict[str, object]:
    return {"name": key.name, "version": key.version}


def entity_id(text: str | None) -> UUID:
    """The id that a request names. What is no id names no entity, which is what the nil id does."""
    try:
        return UUID(text or "")
    except ValueError:
        return NO_ID


def instant(text: str | None) -> datetime | None:
    """A point in time in UTC; digits beyond microseconds are cut. Some clients send no offset and mean UTC.

    Raises InvalidPayload when the text is no RFC 3339 moment of the calendar.
    """
    if text is None:
        return None
    try:
        moment = msgspec.convert(_BEYOND_MICROSECONDS.sub(r"\1", text), datetime)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as error:
        raise InvalidPayload(f"invalid payload: pointInTime: {error}") from error


def document_text(data: msgspec.Raw, data_format: DataFormat) -> bytes:
    """The document inside a request: JSON as it stands, XML out of a JSON string.

    Raises BadRequest when XML comes as anything but a string.
    """
    if data_format == "JSON":
        return bytes(data)
    value = jsonio.parse(bytes(data))
    if not isinstance(value, str):
        raise BadRequest("invalid XML")
    return value.encode()


def page(size: int | None, number: int | None, *, default_size: int) -> tuple[int, int]:
    """Page size and number with their defaults. Raises BadRequest (out of bounds)."""
    size, number = size or 0, number or 0
    size = size if size > 0 else default_size
    if size > MAX_PAGE_SIZE:
        raise BadRequest(f"pageSize exceeds maximum {MAX_PAGE_SIZE}")
    if number > MAX_PAGE_NUMBER:
        raise BadRequest(f"pageNumber exceeds maximum {MAX_PAGE_NUMBER}")
    if number < 0:
        raise BadRequest("invalid pageNumber")
    return size, number
