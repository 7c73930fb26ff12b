"""How a path or query text becomes a value; None when it does not bind (contract: entities 1.4)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_INTEGER = re.compile(r"[+-]?[0-9]+")
_HYPHENATED = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_UUID = re.compile(rf"(?:[uU][rR][nN]:[uU][uU][iI][dD]:)?({_HYPHENATED})|\{{({_HYPHENATED})\}}|([0-9a-fA-F]{{32}})")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def boolean(text: str) -> bool | None:
    return True if text in _TRUE else False if text in _FALSE else None


def integer(text: str, limits: tuple[int, int]) -> int | None:
    """Decimal digits with an optional sign and leading zeros, within inclusive limits."""
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0")
    if len(digits) > 19:
        return None
    value = int(digits or "0") * (-1 if text[0] == "-" else 1)
    return value if limits[0] <= value <= limits[1] else None


def uuid(text: str) -> UUID | None:
    """Canonical, upper case, `{…}`, `urn:uuid:…` or 32 hex digits."""
    match = _UUID.fullmatch(text)
    return UUID(int=int((match[1] or match[2] or match[3]).replace("-", ""), 16)) if match else None


def with_plus(text: str) -> str:
    """A moment of a query whose `+` was not escaped, which arrives as a space (contract: control plane 7)."""
    return text.replace(" ", "+")


def date_time(text: str) -> datetime | None:
    """RFC 3339 with an upper-case `T`, seconds and a mandatory offset, or a bare date (midnight UTC); in UTC.

    Digits beyond microseconds are cut, which keeps "at or before" comparisons with stored moments exact.
    """
    try:
        if _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        return instant(text)
    except ValueError:
        return None


def instant(text: str) -> datetime | None:
    """RFC 3339 as `date_time`, without the bare date."""
    match = _DATE_TIME.fullmatch(text)
    if not match:
        return None
    seconds, fraction, sign, hours, minutes = match.groups()
    try:
        local = datetime.fromisoformat(seconds).replace(microsecond=int((fraction or "0")[:6].ljust(6, "0")))
        if sign is None:
            return local.replace(tzinfo=UTC)
        if int(minutes) > 59:
            return None
        offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
        return local.replace(tzinfo=timezone(offset)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
