"""What the engine records about an entity: the events of contract engine 6.3, kept per entity and transaction."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from cyoda.jsonio import Json
from workflows.core.callout import Call


class EventType(StrEnum):
    STATE_MACHINE_START = "STATE_MACHINE_START"
    WORKFLOW_FOUND = "WORKFLOW_FOUND"
    WORKFLOW_SKIP = "WORKFLOW_SKIP"
    TRANSITION_NOT_FOUND = "TRANSITION_NOT_FOUND"
    TRANSITION_NOT_MATCH_CRITERION = "TRANSITION_NOT_MATCH_CRITERION"
    PAUSE_FOR_PROCESSING = "PAUSE_FOR_PROCESSING"
    STATE_PROCESS_RESULT = "STATE_PROCESS_RESULT"
    TRANSITION_MAKE = "TRANSITION_MAKE"
    CANCEL = "CANCEL"
    FORCE_SUCCESS = "FORCE_SUCCESS"
    STATE_MACHINE_FINISH = "STATE_MACHINE_FINISH"
    TRANSITION_ABORTED = "TRANSITION_ABORTED"
    SCHEDULED_TRANSITION_ARM = "SCHEDULED_TRANSITION_ARM"
    SCHEDULED_TRANSITION_CANCEL = "SCHEDULED_TRANSITION_CANCEL"
    SCHEDULED_TRANSITION_EXPIRE = "SCHEDULED_TRANSITION_EXPIRE"
    SCHEDULED_TRANSITION_FIRE = "SCHEDULED_TRANSITION_FIRE"


class Event(msgspec.Struct, frozen=True, array_like=True):
    """One step of the state machine. `state` is the entity's state when it happened, empty before the first."""

    type: EventType
    at: datetime
    state: str
    details: str
    data: Json = None
    calls: tuple[Call, ...] = ()
    """Callouts that were answered since the event before."""


class AuditedTransaction(msgspec.Struct, frozen=True):
    """A transaction that left audit records. Positions rise, about as transactions are committed."""

    position: int
    transaction_id: UUID
    records: int


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The events of one operation on one entity, in order; `transaction_id` is the operation's entry id."""

    entity_id: UUID
    transaction_id: UUID
    events: tuple[Event, ...]
