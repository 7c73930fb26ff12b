"""Edge messages: what is read of a request, and the header a message keeps (contract: engine 7).

Payload and metadata are never interpreted: they keep their text without insignificant whitespace.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from cyoda.errors import BadRequest

NO_OBJECT = "invalid JSON: expected an object with a 'payload' field"
NO_PAYLOAD = "missing required field: payload"
NO_LIST = "invalid JSON: expected array of UUID strings"
NO_UUID = "id list contains a value that is not a valid UUID"

_NULL, _OBJECT_START = b"null", b"{"


class MessageHeader(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The transport headers of a message, spelled as they are stored and shown; empty optional ones are left out.

    `content_length` is the length in bytes of the whole request body, not of the payload.
    """

    subject: str
    content_type: str
    content_length: int
    content_encoding: str
    message_id: str = ""
    user_id: str = ""
    recipient: str = ""
    reply_to: str = ""
    correlation_id: str = ""

    @property
    def text(self) -> bytes:
        return msgspec.json.encode(self)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An edge message: opaque header and metadata JSON, payload text (contract: engine 7)."""

    id: UUID
    header: bytes
    metadata: bytes
    payload: bytes
    created_at: datetime


class MessageHead(msgspec.Struct, frozen=True, kw_only=True):
    """A message in a list: without its payload, of which the size in bytes is told."""

    id: UUID
    header: bytes
    created_at: datetime
    payload_bytes: int


class Content(NamedTuple):
    """Compact JSON texts of a message's payload and of its metadata object."""

    payload: bytes
    metadata: bytes


class _Body(msgspec.Struct):
    """Members that a message body may have; others are ignored. An empty text stands for an absent member."""

    payload: msgspec.Raw = msgspec.Raw(b"")
    metadata: msgspec.Raw = msgspec.field(default=msgspec.Raw(b""), name="metaData")


_body = msgspec.json.Decoder(_Body)
_ids = msgspec.json.Decoder(list[str | None] | None)
_MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def parse_content(body: bytes) -> Content:
    """The content of a message body. Raises BadRequest (no object, metadata that is none, no payload)."""
    try:
        body.decode()  # skipped texts are otherwise checked for their JSON only
        found = _body.decode(body)
    except _MALFORMED:
        raise BadRequest(NO_PAYLOAD if body.strip() == _NULL else NO_OBJECT) from None
    payload, metadata = bytes(found.payload), bytes(found.metadata)
    if metadata in (b"", _NULL):
        metadata = b"{}"
    if not metadata.startswith(_OBJECT_START):
        raise BadRequest(NO_OBJECT)
    if not payload:
        raise BadRequest(NO_PAYLOAD)
    return Content(msgspec.json.format(payload, indent=-1), msgspec.json.format(metadata, indent=-1))


def parse_id_texts(body: bytes) -> list[str] | None:
    """The texts of an id list, unjudged, a null among them as an empty one; None for a null body.

    Raises BadRequest.
    """
    try:
        texts = _ids.decode(body)
    except _MALFORMED:
        raise BadRequest(NO_LIST) from None
    return None if texts is None else [text or "" for text in texts]


def all_ids(ids: list[UUID | None]) -> list[UUID]:
    """The ids, when every text was one. Raises BadRequest."""
    found = [message_id for message_id in ids if message_id is not None]
    if len(found) < len(ids):
        raise BadRequest(NO_UUID)
    return found
