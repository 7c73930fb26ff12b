"""When a scheduled transition fires: what a function answers (contract: grpc 13.3)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The moment at which a transition fires, and optionally the one from which it is too late.

    Each is a moment (`at`, an aware datetime) or a delay from now (`after`), to the millisecond.
    Raises ValueError unless there is exactly one fire time and at most one expiry, and for naive datetimes.
    """

    at: datetime | None = None
    after: timedelta | None = None
    expire_at: datetime | None = None
    expire_after: timedelta | None = None

    def __post_init__(self) -> None:
        if (self.at is None) == (self.after is None):
            raise ValueError("a schedule has exactly one of `at` and `after`")
        if self.expire_at is not None and self.expire_after is not None:
            raise ValueError("a schedule has at most one of `expire_at` and `expire_after`")
        for moment in (self.at, self.expire_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("moments need a time zone")

    def result(self) -> dict[str, Any]:
        """The `result` object of the answer, in whole milliseconds."""
        members = {
            "fireAt": _epoch_ms(self.at),
            "fireAfterMs": _ms(self.after),
            "expireAt": _epoch_ms(self.expire_at),
            "expireAfterMs": _ms(self.expire_after),
        }
        return {name: value for name, value in members.items() if value is not None}


def _ms(delay: timedelta | None) -> int | None:
    return None if delay is None else delay // _MILLISECOND


def _epoch_ms(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MILLISECOND
