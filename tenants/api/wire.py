"""Shapes of bodies and answers, as types that decode, encode and document (contract: entities 1.4, 1.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from cyoda.errors import BadRequest
from cyoda.http.request import ApiRequest

BODY_LIMIT_BYTES = 1024 * 1024
INVALID_BODY = "invalid request body"

Json = Any
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC."""
MomentIn = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset."""

PATH_TYPES = {"providerId": UUID}
"""Path parameters that are not any text."""

T = TypeVar("T")


class Shape(msgspec.Struct, rename="camel"):
    """A JSON object in camel case; members that a body has beyond the declared ones are ignored."""


class Grace(Shape):
    """How long an invalidated key stays published, in seconds."""

    grace_period_sec: int | None = 0


class Reactivation(Shape):
    """From when until when a key is valid again; from now unless given."""

    valid_from: MomentIn | None = None
    valid_to: MomentIn | None = None


async def decoded_body(request: ApiRequest, shape: type[T], *, optional: bool = False) -> T:
    """The body as a shape; an optional one may be absent, which means the shape's defaults.

    Raises BadRequest.
    """
    body = await request.body(BODY_LIMIT_BYTES, INVALID_BODY)
    if optional and not body.strip():
        return shape()
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise BadRequest(INVALID_BODY) from None


def utc(moment: datetime | None) -> datetime | None:
    """Raises BadRequest for a moment that UTC cannot name (at the very edges of the calendar)."""
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        raise BadRequest(INVALID_BODY) from None
