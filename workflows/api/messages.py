"""Edge messages over HTTP (contract: engine 7)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from cyoda.clock import utc_text
from cyoda.errors import BadRequest, EntityNotFound, InvalidParameter, PayloadTooLarge, StorageUnavailable
from cyoda.http import binding
from cyoda.http.operation import header, operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import DEFAULT_TIMEOUT_MS, limited_body
from workflows.api.wire import Int32, Int64, Json, Moment, Shape
from workflows.core.message import MessageHeader, all_ids, parse_id_texts
from workflows.services import messages
from workflows.services.platform import Platform

TOO_LARGE = "request payload exceeds maximum allowed limit of 10MB"
INVALID_HEADER = "invalid request parameter"
_DEFAULT_ENCODING = "UTF-8"
_DEFAULT_TRANSACTION_SIZE = 1000


class NewMessage(Shape, frozen=True, kw_only=True):
    payload: Json
    meta_data: dict[str, Json] = {}


class CreatedMessage(Shape, frozen=True, kw_only=True):
    entity_ids: list[UUID]
    transaction_id: UUID


class Message(Shape, frozen=True, kw_only=True):
    """A message as it was sent; `content` is its payload."""

    header: MessageHeader
    meta_data: dict[str, Json]
    content: Json


class DeletedMessage(Shape, frozen=True, kw_only=True):
    entity_ids: list[UUID]


class DeletedMessages(Shape, frozen=True, kw_only=True):
    """The ids as they were given; null for a null body."""

    entity_ids: list[str] | None
    success: bool


@operation(
    "Send a message",
    header("Content-Encoding", str, "Kept with the message; `UTF-8` unless given."),
    *(header(name, str) for name in ("X-Message-ID", "X-User-ID", "X-Recipient", "X-Reply-To", "X-Correlation-ID")),
    query("transactionTimeoutMillis", Int64, "Checked for its type; has no effect."),
    body=NewMessage,
    answer=list[CreatedMessage],
    errors=[PayloadTooLarge, StorageUnavailable],
)
async def create_message(request: ApiRequest, platform: Platform) -> Response:
    request.query_int64("transactionTimeoutMillis", DEFAULT_TIMEOUT_MS)
    header = _header(request)
    body = await limited_body(request, TOO_LARGE)
    message = await messages.create_message(request.principal, header, body, platform=platform)
    return json_response([{"entityIds": [str(message.id)], "transactionId": str(platform.new_id())}])


@operation("Read a message", answer=Message, errors=[EntityNotFound, StorageUnavailable])
async def get_message(request: ApiRequest, platform: Platform) -> Response:
    message = await messages.get_message(request.principal, request.path_uuid("messageId"), platform=platform)
    return json_bytes(b'{"header":%b,"metaData":%b,"content":%b}' % (message.header, message.metadata, message.payload))


class ListedMessage(Shape, frozen=True, kw_only=True):
    """`payloadBytes` is how long its content is; the content is read by the id."""

    id: UUID
    created_at: Moment
    header: MessageHeader
    payload_bytes: int


class MessagePage(Shape, frozen=True, kw_only=True):
    items: list[ListedMessage]
    next_cursor: str = ""


@operation(
    "List messages, newest first (our own addition to the API)",
    query("limit", Annotated[int, Meta(ge=1, le=messages.MAX_LISTED)], f"{messages.DEFAULT_LISTED} unless given."),
    query("cursor", str, "`nextCursor` of the page before."),
    answer=MessagePage,
    errors=[StorageUnavailable],
)
async def list_messages(request: ApiRequest, platform: Platform) -> Response:
    limit, cursor = request.query_int32("limit", messages.DEFAULT_LISTED), request.query_text("cursor")
    page, following = await messages.list_messages(request.principal, limit=limit, cursor=cursor, platform=platform)
    items = [
        {
            "id": str(one.id),
            "createdAt": utc_text(one.created_at),
            "header": msgspec.Raw(one.header),
            "payloadBytes": one.payload_bytes,
        }
        for one in page
    ]
    return json_response({"items": items} | ({"nextCursor": following} if following else {}))


@operation("Delete a message", answer=DeletedMessage, errors=[EntityNotFound, StorageUnavailable])
async def delete_message(request: ApiRequest, platform: Platform) -> Response:
    message_id = request.path_uuid("messageId")
    await messages.delete_message(request.principal, message_id, platform=platform)
    return json_response({"entityIds": [str(message_id)]})


@operation(
    "Delete messages; unknown ids are no fault",
    query("transactionSize", Int32, "Checked for its type; has no effect."),
    body=list[UUID],
    answer=list[DeletedMessages],
    errors=[PayloadTooLarge, StorageUnavailable],
)
async def delete_messages(request: ApiRequest, platform: Platform) -> Response:
    request.query_int32("transactionSize", _DEFAULT_TRANSACTION_SIZE)
    texts = parse_id_texts(await limited_body(request, TOO_LARGE))
    message_ids = all_ids([binding.uuid(text) for text in texts or ()])
    await messages.delete_messages(request.principal, message_ids, platform=platform)
    return json_response([{"entityIds": texts, "success": True}])


def _header(request: ApiRequest) -> MessageHeader:
    """Raises BadRequest (a required header is missing, or one is repeated), InvalidParameter (length is no number)."""
    content_type, length = _text(request, b"content-type"), _text(request, b"content-length")
    if content_type is None or length is None:
        raise BadRequest(INVALID_HEADER)
    content_length = binding.integer(length, binding.INT64)
    if content_length is None:
        raise InvalidParameter("Content-Length")
    return MessageHeader(
        subject=request.values["subject"],
        content_type=content_type,
        content_length=content_length,
        content_encoding=_text(request, b"content-encoding") or _DEFAULT_ENCODING,
        message_id=_text(request, b"x-message-id") or "",
        user_id=_text(request, b"x-user-id") or "",
        recipient=_text(request, b"x-recipient") or "",
        reply_to=_text(request, b"x-reply-to") or "",
        correlation_id=_text(request, b"x-correlation-id") or "",
    )


def _text(request: ApiRequest, name: bytes) -> str | None:
    """A header that may occur once; clients send UTF-8 in it. Raises BadRequest when it is repeated."""
    value = request.single_header(name)
    return None if value is None else value.encode("latin-1").decode("utf-8", "replace")
