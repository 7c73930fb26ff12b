"""What the rules ask for. A rule yields a command and is resumed with its answer, or with the exception it met.

command      answer                                         may be thrown into the rule
Callout      CalloutAnswer                                  CalloutFailed, NoComputeMemberForTag, DispatchTimeout,
                                                            ComputeMemberDisconnected, DispatchForwardFailed,
                                                            TooManyRequests, StorageUnavailable (quotas)
Savepoint    an opaque token for RollBackTo
RollBackTo   None
Segment      id of the transaction that follows             WorkflowFailed (joined), EntityModified, Conflict
Resume       None: the entity is as the segment left it     EntityModified, Conflict
ReadTimers   the entity's armed timers, a sequence
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from workflows.core.audit import Event
from workflows.core.callout import Callout
from workflows.core.entity import Version


class Savepoint(msgspec.Struct, frozen=True):
    """Remember what the transaction holds now (ASYNC_NEW_TX)."""


class RollBackTo(msgspec.Struct, frozen=True):
    """Undo everything buffered since the savepoint."""

    savepoint: Any


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """Save the entity, record the events so far, commit, go on in a new transaction (contract: engine 3.5).

    `detached`: the callout that follows runs outside of any transaction, and `Resume` comes after it.
    """

    subject: Version
    events: tuple[Event, ...]
    detached: bool


class Resume(msgspec.Struct, frozen=True):
    """Begin reading in the new transaction; refused when somebody changed the entity since the segment's commit."""

    entity_id: UUID


class ReadTimers(msgspec.Struct, frozen=True):
    entity_id: UUID


Command = Callout | Savepoint | RollBackTo | Segment | Resume | ReadTimers

_T = TypeVar("_T")
Step = Generator[Command, Any, _T]
"""A rule in progress: yields commands, receives answers, returns its result."""
