"""What a run leaves behind besides the entity: audit events and warnings, readable also after a refusal."""

from __future__ import annotations

from cyoda.clock import Clock
from cyoda.jsonio import Json
from workflows.core.audit import Event, EventType
from workflows.core.callout import Call


class Trail:
    """Collects the events of one operation on one entity, oldest first (contract: engine 6.3).

    `events` are those not yet handed to a committed segment; `warnings` are for the gRPC caller (contract: engine 0).
    """

    __slots__ = ("_calls", "clock", "events", "warnings")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events: list[Event] = []
        self.warnings: list[str] = []
        self._calls: tuple[Call, ...] = ()

    def record(self, event_type: EventType, state: str, details: str, data: Json = None) -> None:
        self.events.append(Event(event_type, self.clock(), state, details, data, self._calls))
        self._calls = ()

    def called(self, calls: tuple[Call, ...]) -> None:
        """Callouts that have ended; they stand with the event that follows."""
        self._calls += calls

    def take(self) -> tuple[Event, ...]:
        """The events so far; they are no longer in `events`."""
        events = tuple(self.events)
        self.events.clear()
        return events

    def warn(self, source: str, texts: tuple[str, ...]) -> None:
        """Warnings of a member's answer; `source` is `processor p`, `criteria c` or `function f`."""
        self.warnings.extend(f"{source}: {text}" for text in texts)
