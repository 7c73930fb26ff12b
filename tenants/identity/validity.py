"""From when until when a key is valid, and how long an invalidated one stays published (contract: identity 7, 8)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cyoda.errors import BadRequest

MAX_GRACE_SECONDS = 31_622_400
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """`valid_from` inclusive, `valid_to` exclusive; both in UTC."""

    valid_from: datetime
    valid_to: datetime


def new_window(valid_from: datetime | None, valid_to: datetime | None, *, now: datetime, default: timedelta) -> Window:
    """The window of a new key. Raises BadRequest when it is empty."""
    start = now if valid_from is None else valid_from
    end = _later(start, default) if valid_to is None else valid_to
    return _checked(start, end)


def renewed_window(valid_from: datetime | None, valid_to: datetime | None, *, now: datetime) -> Window:
    """The window of a key that comes back. Raises BadRequest without an end, or when it is empty or over."""
    if valid_to is None:
        raise BadRequest("validTo required")
    if valid_to <= now:
        raise BadRequest("validTo must be in the future")
    return _checked(now if valid_from is None else valid_from, valid_to)


def grace_period(seconds: int) -> timedelta:
    """Raises BadRequest."""
    if seconds < 0:
        raise BadRequest("gracePeriodSec must be >= 0")
    if seconds > MAX_GRACE_SECONDS:
        raise BadRequest(f"gracePeriodSec must be <= {MAX_GRACE_SECONDS} (366 days = 1 leap year)")
    return timedelta(seconds=seconds)


def _checked(start: datetime, end: datetime) -> Window:
    if end <= start:
        raise BadRequest("validTo must be > validFrom")
    return Window(start, end)


def _later(moment: datetime, by: timedelta) -> datetime:
    return moment + by if moment < _END_OF_TIME - by else _END_OF_TIME
