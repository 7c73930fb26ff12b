"""What the audit records of one transaction say about it as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, cast
from uuid import UUID

import msgspec

from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.entity import ModelKey

T = TypeVar("T")
Status = Literal["FINISHED", "FAILED", "OPEN"]
"""OPEN: what is committed ends before a callout's answer; the run goes on, or its node has ended."""

Records = Sequence[tuple[AuditRecord, ModelKey | None]]

_ENDS = frozenset(
    (
        EventType.STATE_MACHINE_FINISH,
        EventType.SCHEDULED_TRANSITION_FIRE,
        EventType.SCHEDULED_TRANSITION_EXPIRE,
        EventType.TRANSITION_NOT_MATCH_CRITERION,
    )
)
_FAILURES = frozenset((EventType.TRANSITION_ABORTED, EventType.CANCEL, EventType.TRANSITION_NOT_FOUND))


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction. `first_state` is empty for an entity that it made; states are those of its first entity.

    `errors` counts processors and callouts that failed; a run may finish in spite of some. `error` is the first text.
    """

    transaction_id: UUID
    started_at: datetime
    ended_at: datetime
    status: Status
    entity_id: UUID
    entities: int
    models: tuple[ModelKey, ...]
    first_state: str
    last_state: str
    transitions: tuple[str, ...]
    processors: tuple[str, ...]
    members: tuple[str, ...]
    events: int
    errors: int
    error: str = ""


def summary_of(transaction_id: UUID, records: Records, *, count: int = 0, error: str = "") -> RunSummary:
    """Of its first records, at least one of which has an event; `count` is how many there are, when more.

    `error` is why it was refused as a whole, empty when it was not.
    """
    of_entity: dict[UUID, list[Event]] = {}
    for record, _ in records:
        of_entity.setdefault(record.entity_id, []).extend(record.events)
    events = [event for each in of_entity.values() for event in each]
    first_id, first = next((key, each) for key, each in of_entity.items() if each)
    failures = [text for event in events if (text := failure_of(event)) is not None]
    calls = [call for event in events for call in event.calls]
    status: Status = "FAILED" if error else _status(of_entity.values())
    return RunSummary(
        transaction_id=transaction_id,
        started_at=min(event.at for event in events),
        ended_at=max(event.at for event in events),
        status=status,
        entity_id=first_id,
        entities=len(of_entity) + max(0, count - len(records)),
        models=_each_once(model for _, model in records if model is not None),
        first_state=first[0].state,
        last_state=first[-1].state,
        transitions=_each_once(name for event in events if (name := transition_of(event))),
        processors=_each_once(name for event in events if (name := processor_of(event))),
        members=_each_once(call.member for call in calls if call.member),
        events=len(events),
        errors=len(failures) + bool(error),
        error=error or next(iter(failures), ""),
    )


def failure_of(event: Event) -> str | None:
    """What went wrong with it, in words; None when nothing did."""
    for call in event.calls:
        if call.outcome != "answered":
            return call.error or call.outcome
    data: Any = event.data
    is_failed = isinstance(data, dict) and cast("dict[str, Any]", data).get("success") is False
    return event.details if is_failed or event.type in _FAILURES else None


def transition_of(event: Event) -> str:
    return _quoted(event.details) if event.type is EventType.TRANSITION_MAKE else ""


def processor_of(event: Event) -> str:
    """The processor whose result it is."""
    is_result = event.type is EventType.STATE_PROCESS_RESULT and event.details.startswith('Processor "')
    return _quoted(event.details) if is_result else ""


def _status(of_entity: Iterable[Sequence[Event]]) -> Status:
    status: Status = "FINISHED"
    for events in of_entity:
        last = events[-1] if events else None
        if last is None or last.type in _ENDS:
            continue
        if failure_of(last) is not None:
            return "FAILED"
        status = "OPEN"
    return status


def _quoted(details: str) -> str:
    """The name between the first quotation marks, which are Go's: a name's own are escaped."""
    _, _, rest = details.partition('"')
    name: list[str] = []
    is_escaped = False
    for character in rest:
        if character == '"' and not is_escaped:
            break
        is_escaped = character == "\\" and not is_escaped
        if not is_escaped:
            name.append(character)
    return "".join(name)


def _each_once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
