"""Counting and aggregating by group (contract: search 11.2). Memory grows with the groups, never with the entities."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

import msgspec

from cyoda import jsonio
from cyoda.errors import GroupCardinalityExceeded
from cyoda.jsonio import Json
from workflows.core.entity import Document, Version
from workflows.core.predicates.paths import reader
from workflows.core.stats import Aggregate, Op, ScalarPath, StatisticsRequest

GroupKey = tuple[str | None, ...]
"""The texts of one group's values, in the order of `groupBy`; None for whatever is no scalar."""

_exponent = re.compile(rb"[0-9][eE][+-]?[0-9]")
_LARGEST_EXACT_WHOLE = 2.0**53


class Sample:
    """The numbers seen at one field in one group: enough for every op, mergeable, numerically stable (Welford)."""

    __slots__ = ("high", "low", "mean", "number", "squares", "total")

    def __init__(
        self, number: int = 0, total: float = 0.0, squares: float = 0.0, low: float = math.inf, high: float = -math.inf
    ) -> None:
        """`squares` is the sum of squared deviations from the mean."""
        self.number = number
        self.total = total
        self.mean = total / number if number else 0.0
        self.squares = squares
        self.low = low
        self.high = high

    def add(self, value: float) -> None:
        self.number += 1
        self.total += value
        deviation = value - self.mean
        self.mean += deviation / self.number
        self.squares += deviation * (value - self.mean)
        self.low = min(self.low, value)
        self.high = max(self.high, value)

    def merge(self, other: Sample) -> None:
        """Add all that another sample has seen (Chan)."""
        number = self.number + other.number
        if not other.number:
            return
        deviation = other.mean - self.mean
        self.squares += other.squares + deviation * deviation * self.number * other.number / number
        self.mean += deviation * other.number / number
        self.number = number
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)

    def figure(self, op: Op) -> int | float | None:
        """None without enough numbers, or when the figure is beyond what JSON can say."""
        if self.number < (2 if op is Op.STDEV else 1):
            return None
        match op:
            case Op.SUM:
                figure = self.total
            case Op.AVG:
                figure = self.total / self.number
            case Op.MIN:
                figure = self.low
            case Op.MAX:
                figure = self.high
            case Op.STDEV:
                spread = self.squares / (self.number - 1)
                figure = math.sqrt(spread) if spread >= 0 else math.nan  # overflown
        if not math.isfinite(figure):
            return None
        return int(figure) if figure.is_integer() and abs(figure) < _LARGEST_EXACT_WHOLE else figure


class Group(msgspec.Struct):
    """One group while it is counted; one sample for each distinct field."""

    count: int
    samples: tuple[Sample, ...]


class Row(msgspec.Struct, frozen=True):
    """One group of the answer; `figures` by alias, None when no aggregates were asked for."""

    key: GroupKey
    count: int
    figures: dict[str, int | float | None] | None


class Tally:
    """Counts versions into groups. Adding raises GroupCardinalityExceeded as soon as there are too many."""

    def __init__(self, request: StatisticsRequest, *, max_groups: int) -> None:
        self._request = request
        self._max_groups = max_groups
        self.fields = tuple(dict.fromkeys(aggregate.field for aggregate in request.aggregates))
        """The distinct fields that are sampled; partial groups bring one sample for each, in this order."""
        self._texts = [_text_reader(path) for path in request.group_by]
        self._values = [reader(str(field)) for field in self.fields]
        self._groups: dict[GroupKey, Group] = {}

    def add(self, version: Version) -> None:
        group = self._group(tuple([text(version) for text in self._texts]))
        group.count += 1
        if not self._values:
            return
        document = version.document.value
        for read, sample in zip(self._values, group.samples, strict=True):
            number = sampled(read(document))
            if number is not None:
                sample.add(number)

    def merge(self, key: GroupKey, count: int, samples: Sequence[Sample]) -> None:
        """Add a group that somebody else has counted."""
        group = self._group(key)
        group.count += count
        for sample, other in zip(group.samples, samples, strict=True):
            sample.merge(other)

    def rows(self) -> list[Row]:
        """The groups, most counted first, equal ones by key: null first, then byte order; cut at the limit."""
        ordered = sorted(self._groups.items(), key=lambda item: (-item[1].count, _order(item[0])))
        return [Row(key, group.count, self._figures(group)) for key, group in ordered[: self._request.limit]]

    def _group(self, key: GroupKey) -> Group:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= self._max_groups:
                raise GroupCardinalityExceeded
            group = self._groups[key] = Group(0, tuple(Sample() for _ in self.fields))
        return group

    def _figures(self, group: Group) -> dict[str, int | float | None] | None:
        aggregates = self._request.aggregates
        return dict(self._figure(group, aggregate) for aggregate in aggregates) if aggregates else None

    def _figure(self, group: Group, aggregate: Aggregate) -> tuple[str, int | float | None]:
        return aggregate.alias, group.samples[self.fields.index(aggregate.field)].figure(aggregate.op)


def sampled(value: Json) -> float | None:
    """A stored number as a double; None for anything else and for what no finite double is near."""
    if value.__class__ is int:
        try:
            return float(cast("int", value))
        except OverflowError:
            return None
    if value.__class__ is Decimal:
        number = float(cast("Decimal", value))
        return number if math.isfinite(number) else None
    return None


# --- group keys -----------------------------------------------------------------------------------------------------


def _order(key: GroupKey) -> tuple[tuple[bool, bytes], ...]:
    return tuple((text is not None, b"" if text is None else text.encode("utf-8", "surrogatepass")) for text in key)


def _text_reader(path: ScalarPath) -> Callable[[Version], str | None]:
    if not path.names:
        return lambda version: version.state or None
    read = reader(str(path))

    def text(version: Version) -> str | None:
        value = read(version.document.value)
        kind = value.__class__
        if kind is str:
            return cast("str", value)
        if kind is bool:
            return "true" if value else "false"
        if kind is int or kind is Decimal:
            return _spelling(value, version.document, path)
        return None

    return text


def _spelling(value: int | Decimal, document: Document, path: ScalarPath) -> str:
    """The number's own text; it is looked up where its value does not tell it (exponents, negative zero)."""
    text = document.text
    if (not value and b"-0" in text) or (value.__class__ is Decimal and _exponent.search(text)):
        return cast("str", reader(str(path))(jsonio.parse_spelled(text, str)))
    return str(value) if value.__class__ is int else format(value, "f")
