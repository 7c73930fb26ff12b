"""Runs that were refused: nothing of them is committed, so the node that ran them remembers the last ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cyoda.principal import Actor, TenantId
from workflows.core.audit import AuditRecord
from workflows.core.entity import ModelKey

KEPT = 500
"""Of each tenant."""
MAX_TENANTS = 200
MAX_EVENTS = 200
"""Of one run: its last ones."""


class FailedRun(NamedTuple):
    """`code` and `error` are the refusal's; the records end with what had happened before it."""

    transaction_id: UUID
    at: datetime
    origin: Actor
    code: str
    error: str
    records: tuple[tuple[AuditRecord, ModelKey], ...]


class FailedRuns:
    """The last refused runs of each tenant, until this process ends."""

    def __init__(self) -> None:
        self._of: dict[TenantId, deque[FailedRun]] = {}

    def note(self, tenant: TenantId, run: FailedRun) -> None:
        runs = self._of.pop(tenant, None) or deque[FailedRun](maxlen=KEPT)
        self._of[tenant] = runs  # last among them: whose turn it is to be forgotten is the first
        runs.appendleft(run)
        if len(self._of) > MAX_TENANTS:
            del self._of[next(iter(self._of))]

    def of(self, tenant: TenantId) -> Sequence[FailedRun]:
        """The newest first."""
        return tuple(self._of.get(tenant, ()))
