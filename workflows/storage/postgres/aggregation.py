"""Grouped statistics counted by the database, over the heads and as exactly as the kernel would (contract: search 11).

Values come from the heads' `jsonb`, which keeps numbers but spells them anew (`1e2` becomes `100`): where that can make
a difference, the text of a number that is a key comes from the document as it was written. Documents that `jsonb` does
not hold, and versions that are no heads (any more), are left to the caller.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence

import asyncpg
import msgspec

from workflows.core.entity import Version
from workflows.storage.base import Aggregated, Aggregation, CountedGroup, Numbers, Scan
from workflows.storage.postgres import planner, snapshots
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.scan import Scans
from workflows.storage.postgres.statements import Statements

_MAX_WITHOUT = 100
"""Entities to be left out that every head is compared with."""
_FIRST_PARAMETER = 6
_FIGURES = "count({s}), sum({s}), regr_sxx({s}, {s}), min({s}), max({s})"
_FIGURE_COUNT = 5
_NO_NUMBERS = Numbers(0, 0.0, 0.0, math.inf, -math.inf)


class Aggregations:
    """The grouped counts of one schema."""

    def __init__(self, pool: Pool, sql: Statements, scans: Scans) -> None:
        self._pool = pool
        self._sql = sql
        self._scans = scans

    async def aggregate(self, aggregation: Aggregation) -> Aggregated | None:
        """The groups, or None when the database cannot count them exactly."""
        question = _Question(aggregation, self._sql)
        condition = planner.exact_condition(aggregation.scan.narrowing, first=question.next_parameter)
        if condition is None or len(aggregation.without) > _MAX_WITHOUT:
            return None
        scan, at_snapshot = await self._at_snapshot(aggregation.scan)
        try:
            found = await self._fetch(
                question.sql(condition), scan.model.id, snapshots.parsed(at_snapshot), scan.at,
                list(aggregation.without), aggregation.max_groups + 2, *question.parameters, *condition.parameters,
            )  # fmt: skip
        except asyncpg.NumericValueOutOfRangeError:
            return None  # beyond doubles: the kernel passes over such numbers one by one
        known = [_group(row, len(aggregation.group_by)) for row in found if row[0]]
        has_others = len(known) < len(found)
        return Aggregated(known, self._scans.scan(scan, without_heads=True) if has_others else _nothing())

    async def _at_snapshot(self, scan: Scan) -> tuple[Scan, str]:
        """The scan at its snapshot, or at a fresh one, and that as text."""
        cluster = self._pool.system_identifier
        if scan.snapshot is not None:
            return scan, snapshots.text_of(scan.snapshot, cluster)
        text: str = (await self._fetch(self._sql["snapshot"]))[0][0]
        return msgspec.structs.replace(scan, snapshot=snapshots.token(cluster, text)), text

    async def _fetch(self, sql: str, *arguments: object) -> Sequence[Row]:
        async with self._pool.scanning():
            return await self._pool.fetch(sql, *arguments, seconds=self._pool.settings.scan_timeout)


class _Question:
    """One aggregation as SQL: each path once, as a parameter for each member name."""

    def __init__(self, aggregation: Aggregation, sql: Statements) -> None:
        self._sql = sql
        self.parameters: list[object] = []
        self._values: list[str] = []
        self._texts: list[str] = []
        self._outputs: list[str] = []
        for number, names in enumerate(aggregation.group_by):
            self._texts.append(f"{self._text(number, names)} AS k{number}")
            self._outputs.append(f"k{number}")
        self._keys = list(self._outputs)
        for number, names in enumerate(aggregation.fields):
            self._values.append(f"{_known(self._steps(names))} AS f{number}")
            self._texts.append(
                f"CASE jsonb_typeof(e.f{number}) WHEN 'number' THEN e.f{number}::float8 END AS s{number}"
            )
            self._outputs.append(_FIGURES.format(s=f"s{number}"))

    @property
    def next_parameter(self) -> int:
        return _FIRST_PARAMETER + len(self.parameters)

    def sql(self, condition: planner.SqlCondition) -> str:
        pieces = {"values": self._values, "texts": self._texts, "outputs": self._outputs, "keys": self._keys}
        sql = self._sql["aggregate"].replace("{narrowing}", condition.sql)
        for name, expressions in pieces.items():
            sql = sql.replace(f"{{{name}}}", "".join(f", {expression}" for expression in expressions))
        return sql

    def _text(self, number: int, names: Sequence[str]) -> str:
        if not names:
            return "CASE WHEN e.known THEN nullif(e.state, '') END"
        steps = self._steps(names)
        self._values.append(f"{_known(steps)} AS g{number}")
        spelled = self._sql["spelled_number"].replace("{steps}", steps)
        value = f"e.g{number}"
        return (
            f"CASE jsonb_typeof({value}) WHEN 'string' THEN {value} #>> '{{}}' WHEN 'boolean' THEN {value}::text"
            f" WHEN 'number' THEN CASE WHEN e.respelled THEN ({spelled}) ELSE {value}::text END END"
        )

    def _steps(self, names: Sequence[str]) -> str:
        """From a document to a value, for `json` as for `jsonb`."""
        first = self.next_parameter
        self.parameters += names
        return "".join(f" -> ${first + index}::text" for index in range(len(names)))


def _known(steps: str) -> str:
    return f"CASE WHEN h.settled AND NOT h.lossy THEN h.document{steps} END"


def _group(row: Row, keys: int) -> CountedGroup:
    figures = row[2 + keys :]
    samples = [figures[start : start + _FIGURE_COUNT] for start in range(0, len(figures), _FIGURE_COUNT)]
    return CountedGroup(tuple(row[2 : 2 + keys]), row[1], tuple(Numbers(*s) if s[0] else _NO_NUMBERS for s in samples))


async def _nothing() -> AsyncIterator[Sequence[Version]]:
    return
    yield ()
