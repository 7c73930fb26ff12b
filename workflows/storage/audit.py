"""The storage port's part for the audit trail, which is written with the commits (contract: engine 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from cyoda.principal import TenantId
from workflows.core.audit import AuditedTransaction, AuditRecord
from workflows.core.entity import ModelKey


class AuditStore(Protocol):
    async def audit(self, tenant: TenantId, entity_id: UUID) -> Sequence[AuditRecord]:
        """What the engine recorded for an entity, oldest first."""
        ...

    async def audited_transactions(
        self, tenant: TenantId, *, before: int | None = None, limit: int
    ) -> Sequence[AuditedTransaction]:
        """The last transactions that left audit records, each once, the newest first; or those before a position."""
        ...

    async def audit_of_transactions(
        self, tenant: TenantId, transaction_ids: Sequence[UUID], *, limit: int
    ) -> Sequence[tuple[AuditRecord, ModelKey | None]]:
        """The first `limit` records of each given transaction and its last, oldest first, with the entity's model.

        The model is None when the entity was never committed.
        """
        ...
