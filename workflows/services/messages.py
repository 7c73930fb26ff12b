"""Storing, reading and deleting edge messages; they take part in no transaction (contract: engine 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from cyoda.clock import epoch_micros, moment_of_micros
from cyoda.errors import BadRequest, EntityNotFound
from cyoda.principal import Principal
from workflows.core.message import Message, MessageHead, MessageHeader, parse_content
from workflows.services.platform import Platform

DEFAULT_LISTED, MAX_LISTED = 50, 1000
_DELETED_AT_ONCE = 10_000


async def create_message(principal: Principal, header: MessageHeader, body: bytes, *, platform: Platform) -> Message:
    """Raises BadRequest when the body is no object with a payload."""
    content = parse_content(body)
    message = Message(
        id=platform.new_id(),
        header=header.text,
        metadata=content.metadata,
        payload=content.payload,
        created_at=platform.clock(),
    )
    await platform.storage.put_message(principal.tenant, message)
    return message


async def get_message(principal: Principal, message_id: UUID, *, platform: Platform) -> Message:
    """Raises EntityNotFound."""
    message = await platform.storage.message(principal.tenant, message_id)
    if message is None:
        raise _not_found(message_id)
    return message


async def list_messages(
    principal: Principal, *, limit: int, cursor: str | None, platform: Platform
) -> tuple[Sequence[MessageHead], str | None]:
    """A page, the newest first, and where the next one begins. Raises BadRequest (cursor, limit)."""
    if not 1 <= limit <= MAX_LISTED:
        raise BadRequest("invalid limit parameter")
    before = _parsed(cursor) if cursor else None
    found = await platform.storage.messages(principal.tenant, before=before, limit=limit + 1)
    page = found[:limit]
    return page, f"{epoch_micros(page[-1].created_at)}.{page[-1].id}" if len(found) > limit else None


def _parsed(cursor: str) -> tuple[datetime, UUID]:
    """Raises BadRequest."""
    micros, _, message_id = cursor.partition(".")
    try:
        return moment_of_micros(int(micros)), UUID(message_id)
    except (ValueError, OverflowError):
        raise BadRequest("invalid cursor parameter") from None


async def delete_message(principal: Principal, message_id: UUID, *, platform: Platform) -> None:
    """Raises EntityNotFound."""
    if not await platform.storage.delete_messages(principal.tenant, (message_id,)):
        raise _not_found(message_id)


async def delete_messages(principal: Principal, message_ids: Sequence[UUID], *, platform: Platform) -> None:
    """Delete those that exist; a repetition finishes what a failure left."""
    for start in range(0, len(message_ids), _DELETED_AT_ONCE):
        await platform.storage.delete_messages(principal.tenant, message_ids[start : start + _DELETED_AT_ONCE])


def _not_found(message_id: UUID) -> EntityNotFound:
    return EntityNotFound(f"message id={message_id} not found", {"messageId": str(message_id)})
