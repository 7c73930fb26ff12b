"""Temporal branches: an operand moved to each declared granularity, compared as instants (contract: search 9.6).

Every temporal value becomes epoch milliseconds, floored; zone-less values read as UTC, times of day as of 1970-01-01.
Moving to a finer type keeps that instant (start of period), so only moving to a coarser one is computed.
"""

from __future__ import annotations

from typing import NamedTuple

from workflows.core.schema.types import TEMPORAL_TYPES, DataType, TypeSet, members, string_type

from .condition import Operator

_DAY_MS = 86_400_000

_COARSER: dict[DataType, tuple[DataType, ...]] = {
    DataType.ZONED_DATE_TIME: (
        DataType.LOCAL_DATE_TIME,
        DataType.LOCAL_DATE,
        DataType.YEAR_MONTH,
        DataType.YEAR,
        DataType.LOCAL_TIME,
    ),
    DataType.LOCAL_DATE_TIME: (DataType.LOCAL_DATE, DataType.YEAR_MONTH, DataType.YEAR, DataType.LOCAL_TIME),
    DataType.LOCAL_DATE: (DataType.YEAR_MONTH, DataType.YEAR),
    DataType.YEAR_MONTH: (DataType.YEAR,),
    DataType.YEAR: (),
    DataType.LOCAL_TIME: (),
}

_IMPRECISE = {
    Operator.GREATER_OR_EQUAL: Operator.GREATER_THAN,
    Operator.LESS_THAN: Operator.LESS_OR_EQUAL,
}
"""How an operator changes when its operand was floored; EQUALS is dropped, all others stay."""


class Moment(NamedTuple):
    """A parsed temporal text: its wall clock, and its offset from UTC if it has one.

    `submillisecond` tells of a fraction beyond milliseconds, which only matters for being exactly midnight.
    """

    kind: DataType
    year: int = 1970
    month: int = 1
    day: int = 1
    day_ms: int = 0
    submillisecond: bool = False
    offset_ms: int = 0

    @property
    def epoch_ms(self) -> int:
        return _days(self.year, self.month, self.day) * _DAY_MS + self.day_ms - self.offset_ms


def moment_of(text: str) -> Moment | None:
    """The temporal value that `text` spells, by its natural type; None when it is plain text."""
    kind = string_type(text)
    return _spelled(text, kind) if kind & TEMPORAL_TYPES else None


def stored_ms(text: str, kind: DataType) -> int | None:
    """Epoch milliseconds of a stored text whose natural type is exactly `kind`; None for any other text."""
    return _spelled(text, kind).epoch_ms if string_type(text) is kind else None


def _spelled(text: str, kind: DataType) -> Moment:
    if kind is DataType.LOCAL_TIME:
        return Moment(kind, 1970, 1, 1, *_clock(text))
    year, month, day = int(text[:4]), int(text[5:7] or "1"), int(text[8:10] or "1")
    if len(text) <= 10:
        return Moment(kind, year, month, day)
    clock = text[11:]
    if kind is DataType.LOCAL_DATE_TIME:
        return Moment(kind, year, month, day, *_clock(clock))
    if clock.endswith("Z"):
        return Moment(kind, year, month, day, *_clock(clock[:-1]))
    return Moment(kind, year, month, day, *_clock(clock[:-6]), _offset_ms(clock[-6:]))


def temporal_members(types: TypeSet) -> tuple[DataType, ...]:
    return members(TypeSet(types & TEMPORAL_TYPES))


def resolved(operator: Operator, text: str, kind: DataType) -> tuple[Operator, int] | None:
    """The comparison that `operator text` becomes on fields of type `kind`, its bound in epoch milliseconds.

    None when the operand is not temporal, has no way to `kind`, or is EQUALS and would have to be floored.
    """
    moment = moment_of(text)
    moved = None if moment is None else _moved(moment, kind)
    if moved is None:
        return None
    bound_ms, change = moved
    if change is _KEPT:
        return operator, bound_ms
    if operator is Operator.EQUALS:
        return None
    return (operator if change is _TIME_OF_DAY else _IMPRECISE.get(operator, operator)), bound_ms


def resolved_bound(text: str, kind: DataType) -> int | None:
    """A range's bound on fields of type `kind`, floored or raised, in epoch milliseconds."""
    moment = moment_of(text)
    moved = None if moment is None else _moved(moment, kind)
    return None if moved is None else moved[0]


_KEPT, _FLOORED, _TIME_OF_DAY = "kept", "floored", "time of day"


def _moved(moment: Moment, kind: DataType) -> tuple[int, str] | None:
    """Epoch milliseconds of the value at granularity `kind`, and what was lost on the way there."""
    if kind is moment.kind:
        return moment.epoch_ms, _KEPT
    if kind not in _COARSER[moment.kind]:
        return (moment.epoch_ms, _KEPT) if moment.kind in _COARSER[kind] else None
    wall = moment._replace(offset_ms=0)
    if kind is DataType.LOCAL_TIME:
        at_epoch = (wall.year, wall.month, wall.day) == (1970, 1, 1)
        return wall.day_ms, _KEPT if at_epoch else _TIME_OF_DAY
    floored = wall
    if kind is not DataType.LOCAL_DATE_TIME:
        floored = floored._replace(day_ms=0, submillisecond=False)
    if kind in (DataType.YEAR_MONTH, DataType.YEAR):
        floored = floored._replace(day=1)
    if kind is DataType.YEAR:
        floored = floored._replace(month=1)
    return floored.epoch_ms, _KEPT if floored == wall else _FLOORED


def _clock(text: str) -> tuple[int, bool]:
    """Milliseconds of the day, and whether the fraction goes beyond them."""
    hour, _, rest = text.partition(":")
    fraction = rest[6:]
    seconds = int(hour) * 3600 + int(rest[:2]) * 60 + int(rest[3:5] or "0")
    return seconds * 1000 + int(fraction[:3].ljust(3, "0")), bool(fraction[3:].strip("0"))


def _offset_ms(text: str) -> int:
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return (-minutes if text[0] == "-" else minutes) * 60_000


def day_text(epoch_ms: int) -> str | None:
    """The day of an instant in UTC as `yyyy-MM-dd`; None outside the years 0 to 9999, which no stored text leaves."""
    days = epoch_ms // _DAY_MS + 719_468
    era, of_era = divmod(days, 146_097)
    of_era_year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * of_era_year + of_era_year // 4 - of_era_year // 100)
    shifted_month = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted_month + 2) // 5 + 1
    month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    year = of_era_year + era * 400 + (month <= 2)
    return f"{year:04}-{month:02}-{day:02}" if 0 <= year <= 9999 else None


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar, year 0 included (which `datetime` lacks)."""
    shifted = year - (month <= 2)  # years that begin in March put the leap day last
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
