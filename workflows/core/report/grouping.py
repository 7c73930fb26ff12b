"""The groups of a report with their figures, counted while its entities are found. Memory grows with the groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from cyoda import jsonio
from cyoda.errors import GroupCardinalityExceeded
from cyoda.jsonio import Json
from workflows.core.entity import Version
from workflows.core.predicates.sort import SortField, SortTuple, sort_key
from workflows.core.stats import Op
from workflows.core.tally import Sample, sampled

from .plan import Function, ReportPlan, Summary, column_reader

MAX_UNIQUE = 200_000
"""Different values that one run tells apart for its COUNT_UNIQUE, in all groups together."""

Figures = dict[str, dict[str, Json]]
"""By short name of the column, by function."""
_OPS = {Function.SUM: Op.SUM, Function.AVG: Op.AVG, Function.MIN: Op.MIN, Function.MAX: Op.MAX}


class ReportGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Entities `first` (from 0) and after, `count` of them, share `values`, one for each level down to the group's."""

    values: list[Json]
    first: int
    count: int
    summary: Figures


def groups_text(groups: Sequence[ReportGroup]) -> bytes:
    return jsonio.dumps(groups)


def groups_of(text: bytes) -> list[ReportGroup]:
    """What `groups_text` gave."""
    return [ReportGroup(**members) for members in jsonio.parse(text)]


class ReportTally:
    """Counts the entities of one run, in any order. Adding raises GroupCardinalityExceeded when there are too many
    groups, or different values."""

    def __init__(self, plan: ReportPlan, sort: Sequence[SortField], *, max_groups: int) -> None:
        """`sort` is the order of the run, which begins with the grouping."""
        self._plan = plan
        self._depth = len(plan.grouping)
        self._key = sort_key(sort[: self._depth])
        self._values = [column_reader(column) for column in plan.grouping]
        self._read = [column_reader(summary.column) for summary in plan.summaries]
        self._max_groups = max_groups
        self._unique_left = MAX_UNIQUE
        self._groups: dict[SortTuple, _Group] = {(): _Group([], plan.summaries)}

    def add(self, version: Version) -> None:
        key = self._key(version.document.value, version)[: self._depth]
        figures = [_elements(read(version)) for read in self._read]
        for level in range(self._depth + 1):
            self._add_to(self._group(key[:level], version), figures)

    def groups(self) -> list[ReportGroup]:
        """Those of all levels, each before the ones inside it, in the order of the run; the first is of everything."""
        found: list[ReportGroup] = []
        first = 0
        for key, group in sorted(self._groups.items(), key=_by_key):
            found.append(ReportGroup(values=group.values, first=first, count=group.count, summary=self._shown(group)))
            first += group.count if len(key) == self._depth else 0
        return found

    def _group(self, key: SortTuple, version: Version) -> _Group:
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) > self._max_groups:
                raise GroupCardinalityExceeded
            values = [None if _is_last(part) else read(version) for part, read in zip(key, self._values, strict=False)]
            group = self._groups[key] = _Group(values, self._plan.summaries)
        return group

    def _add_to(self, group: _Group, figures: Sequence[Sequence[Json]]) -> None:
        group.count += 1
        for figure, values in zip(group.figures, figures, strict=True):
            for value in values:
                self._unique_left -= figure.add(value)
        if self._unique_left < 0:
            raise GroupCardinalityExceeded

    def _shown(self, group: _Group) -> Figures:
        return {
            summary.column.short_name: {str(function): figure.shown(function) for function in summary.functions}
            for summary, figure in zip(self._plan.summaries, group.figures, strict=True)
        }


class _Group:
    __slots__ = ("count", "figures", "values")

    def __init__(self, values: list[Json], summaries: Sequence[Summary]) -> None:
        self.count = 0
        self.values = values
        self.figures = [_Figure(Function.COUNT_UNIQUE in summary.functions) for summary in summaries]


class _Figure:
    """What one column's values in one group come to; numbers as doubles, like in grouped statistics."""

    __slots__ = ("_count", "_high", "_low", "_numbers", "_unique")

    def __init__(self, tells_apart: bool) -> None:
        self._count = 0
        self._numbers = Sample()
        self._low: str | None = None
        self._high: str | None = None
        self._unique: set[bytes] | None = set() if tells_apart else None

    def add(self, value: Json) -> int:
        """How many different values there are more than before."""
        self._count += 1
        number = sampled(value)
        if number is not None:
            self._numbers.add(number)
        elif isinstance(value, str):
            self._low = value if self._low is None else min(self._low, value)
            self._high = value if self._high is None else max(self._high, value)
        if self._unique is None:
            return 0
        before = len(self._unique)
        self._unique.add(jsonio.dumps(value))
        return len(self._unique) - before

    def shown(self, function: Function) -> Json:
        """None where no value counts; the least and the greatest text where no value is a number."""
        if function is Function.COUNT:
            return self._count
        if function is Function.COUNT_UNIQUE:
            return len(self._unique or ())
        if not self._numbers.number and function in (Function.MIN, Function.MAX):
            return self._low if function is Function.MIN else self._high
        return self._numbers.figure(_OPS[function])


def _by_key(item: tuple[SortTuple, Any]) -> SortTuple:
    return item[0]


def _is_last(part: tuple[int, Any]) -> bool:
    """Whether a part of a sort key stands for a value that is absent or of another class."""
    return part[0] == 1


def _elements(value: Json) -> Sequence[Json]:
    """The values that count: those of a list, and no nulls."""
    values = cast("list[Json]", value) if isinstance(value, list) else [value]
    return [each for each in values if each is not None]
