"""The storage port's part for edge messages (contract: engine 7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from cyoda.principal import TenantId
from workflows.core.message import Message, MessageHead


class MessageStore(Protocol):
    async def put_message(self, tenant: TenantId, message: Message) -> None: ...

    async def message(self, tenant: TenantId, message_id: UUID) -> Message | None: ...

    async def messages(
        self, tenant: TenantId, *, before: tuple[datetime, UUID] | None = None, limit: int
    ) -> Sequence[MessageHead]:
        """The last messages, the newest first, or those before a moment and id."""
        ...

    async def delete_messages(self, tenant: TenantId, message_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Delete the given messages and return the ids that existed."""
        ...
