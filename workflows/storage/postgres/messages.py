"""Edge messages (contract: engine 7): stored, fetched, deleted, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from workflows.core.message import Message, MessageHead
from workflows.storage.postgres.pool import Pool
from workflows.storage.postgres.statements import Statements


class Messages:
    """The messages of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def put(self, message: Message) -> None:
        texts = (message.header.decode(), message.metadata.decode(), message.payload.decode())
        async with self._pool.connection() as connection:
            await connection.execute(self._sql["put_message"], message.id, message.created_at, *texts)

    async def get(self, message_id: UUID) -> Message | None:
        found = await self._pool.fetch(self._sql["message"], message_id)
        if not found:
            return None
        created_at, header, metadata, payload = found[0]
        return Message(
            id=message_id,
            header=header.encode(),
            metadata=metadata.encode(),
            payload=payload.encode(),
            created_at=created_at,
        )

    async def newest(self, before: tuple[datetime, UUID] | None, limit: int) -> Sequence[MessageHead]:
        moment, message_id = before or (None, None)
        rows = await self._pool.fetch(self._sql["messages"], moment, message_id, limit)
        return [MessageHead(id=row[0], header=row[1].encode(), created_at=row[2], payload_bytes=row[3]) for row in rows]

    async def delete(self, message_ids: Sequence[UUID]) -> Sequence[UUID]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(self._sql["delete_messages"], list(message_ids))
        return [row[0] for row in rows]
