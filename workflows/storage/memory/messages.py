"""Edge messages of one tenant (contract: engine 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from workflows.core.message import Message, MessageHead


class Messages:
    def __init__(self) -> None:
        self._by_id: dict[UUID, Message] = {}

    def put(self, message: Message) -> None:
        self._by_id[message.id] = message

    def get(self, message_id: UUID) -> Message | None:
        return self._by_id.get(message_id)

    def newest(self, before: tuple[datetime, UUID] | None, limit: int) -> Sequence[MessageHead]:
        found = [
            MessageHead(id=one.id, header=one.header, created_at=one.created_at, payload_bytes=len(one.payload))
            for one in self._by_id.values()
            if before is None or (one.created_at, one.id) < before
        ]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)[:limit]

    def delete(self, message_ids: Sequence[UUID]) -> Sequence[UUID]:
        return [message_id for message_id in message_ids if self._by_id.pop(message_id, None)]
