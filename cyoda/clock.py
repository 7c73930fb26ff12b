"""Time as an argument: everything below the edges asks a Clock, so tests can move time exactly."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the present moment, UTC, microsecond resolution."""


def system_clock() -> datetime:
    """The machine's wall clock."""
    return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved (tests, simulation)."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def epoch_micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def moment_of_micros(micros: int) -> datetime:
    """Raises OverflowError."""
    return _EPOCH + micros * _MICROSECOND


def utc_text(moment: datetime) -> str:
    """RFC 3339 in UTC with `Z`, trailing zeros of the fraction trimmed (contract: entities 1.5)."""
    text = moment.astimezone(UTC).isoformat()[:-6]
    return (text.rstrip("0") if "." in text else text) + "Z"
