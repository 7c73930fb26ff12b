"""Timers: the durable tasks behind scheduled transitions (contract: engine 4.1)."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from cyoda.principal import Actor, TenantId
from workflows.core.entity import ModelKey


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """Fires `transition` of an entity that still rests in `source_state` at `due_at`.

    `timeout_ms` is the allowed lateness, None without limit; `armed_by` originated the arming chain.
    """

    id: str
    entity_id: UUID
    model: ModelKey
    source_state: str
    transition: str
    due_at: datetime
    timeout_ms: int | None
    armed_at: datetime
    armed_by: Actor


def timer_id(tenant: TenantId, entity_id: UUID, source_state: str, transition: str) -> str:
    """The deterministic id of an entity's timer; arming again overwrites."""
    text = f"fire-transition|{tenant}|{entity_id}|{source_state}|{transition}"
    return hashlib.sha256(text.encode()).digest()[:16].hex()
