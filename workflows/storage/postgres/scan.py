"""Scans: pages after the last id seen, all at one snapshot; no connection is held while a page is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from cyoda import jsonio
from workflows.storage.base import Batch, Scan, ScanPlan
from workflows.storage.postgres import access, planner, rows, snapshots
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements

BATCH = 500
MAX_CANDIDATES = 10_000
"""Where indexes lead to more, the model is looked through page by page."""
_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)
_CERTAIN = 1
"""The number of rows whose head is what it says; of others it says nothing."""
_COLUMNS = 16


class _Found(NamedTuple):
    """Rows of the first batch, and (entity, moment, lossy) of what follows them."""

    first: Sequence[Row]
    rest: Sequence[tuple[UUID, datetime, bool]]


class _Measured(NamedTuple):
    """How a query went: the indexes that it looked up (none if something else was read), rows found and read."""

    indexes: frozenset[str]
    found: int
    examined: int


class Scans:
    """The scans of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def scan(self, scan: Scan, *, without_heads: bool = False) -> AsyncIterator[Batch]:
        """The matching versions in id order, in batches of at most BATCH; empty batches are left out.

        `without_heads` leaves out those whose head has them as they are; it takes a scan at a snapshot.
        """
        at_snapshot = None
        if scan.snapshot is not None:
            at_snapshot = snapshots.text_of(scan.snapshot, self._pool.system_identifier)
        elif scan.at is not None:
            at_snapshot = (await self._fetch(self._sql["snapshot"]))[0][0]
        elif (found := access.candidates(scan, self._sql, first=4)) is not None:
            answer = await self._look_up(scan, found)
            if isinstance(answer, _Found):
                async for batch in self._found(answer, found.exact):
                    yield batch
                return
            at_snapshot = answer
        narrowed = planner.PlainCondition(planner.LOSSY.sql, (), False) if without_heads else None
        async for batch in self._pages(scan, at_snapshot, narrowed):
            yield batch

    # --- page by page -------------------------------------------------------------------------------------------

    async def _pages(
        self, scan: Scan, at_snapshot: str | None, narrowed: planner.PlainCondition | None
    ) -> AsyncIterator[Batch]:
        missing, after, offset, most = scan.limit, scan.after, scan.offset, _first_size(scan)
        while missing is None or missing > 0:
            size = most if missing is None else min(most, missing)
            found, is_exact = await self._page(scan, at_snapshot, after, offset, size, narrowed)
            if at_snapshot is None:  # the first page of the latest state says which state that is
                at_snapshot = next(row[2] for row in found if row[0] == 0)
            page = _batch([row for row in found if row[0]], exact=is_exact)
            if page:
                yield page
            if len(page) < size:
                return
            missing = None if missing is None else missing - size
            after, offset, most = page[-1].entity_id, 0, min(BATCH, most * 2)

    async def _page(
        self, scan: Scan, at_snapshot: str | None, after: UUID | None, offset: int, size: int,
        narrowed: planner.PlainCondition | None,
    ) -> tuple[Sequence[Row], bool]:  # fmt: skip
        """The rows, and whether those numbered 1 are just what the narrowing accepts."""
        arguments: list[object] = [scan.model.id, offset, size, after or _start(scan)]
        if at_snapshot is None:
            name = "scan_latest"
        else:
            name = "scan_snapshot"
            arguments.append(snapshots.parsed(at_snapshot))
            if scan.at is not None:
                name = "scan_instant"
                arguments.append(scan.at)
        condition = narrowed or planner.condition(scan.narrowing, first=len(arguments) + 1)
        sql = _ordered(self._sql[name], scan).replace("{narrowing}", condition.sql)
        return await self._fetch(sql, *arguments, *condition.parameters), condition.exact

    # --- by index -----------------------------------------------------------------------------------------------

    async def _look_up(self, scan: Scan, candidates: access.Candidates) -> _Found | str:
        """What the indexes lead to; when that is too much, the snapshot to read page by page instead."""
        sql = _ordered(self._sql["scan_candidates"], scan).replace("{candidates}", candidates.sql)
        arguments = (_first_size(scan), MAX_CANDIDATES + 1, scan.after or _start(scan))
        found = await self._fetch(sql, *arguments, *candidates.parameters)
        token = next(row for row in found if row[0] == 0)
        _, _, snapshot, *_, too_many, entity_ids, moments, lossy = token
        if too_many:
            return snapshot
        rest = list(zip(entity_ids or (), moments or (), lossy or (), strict=True))
        return _Found([row[:_COLUMNS] for row in found if row[0]], rest)

    async def _found(self, found: _Found, is_exact: bool) -> AsyncIterator[Batch]:
        if found.first:
            yield _batch(found.first, exact=is_exact)
        for start in range(0, len(found.rest), BATCH):
            part = found.rest[start : start + BATCH]
            ids, moments, lossy = ([candidate[place] for candidate in part] for place in range(3))
            read = await self._fetch(self._sql["read_candidates"], ids, moments)
            yield Batch(map(rows.version, read), exact=is_exact and not any(lossy))

    async def plan(self, scan: Scan) -> ScanPlan:
        """Measured by doing it once. Of the past, how the latest state would be looked through."""
        if scan.snapshot is None and scan.at is None:
            found = access.candidates(scan, self._sql, first=1)
            if found is not None:
                sql = self._sql["explain_candidates"].replace("{candidates}", found.sql)
                plan = _measured(await self._fetch(sql, *found.parameters))
                if plan.indexes and plan.found <= MAX_CANDIDATES:
                    return ScanPlan(access.fields_of(scan, plan.indexes), plan.examined, found.exact)
        condition = planner.condition(scan.narrowing, first=2)
        sql = self._sql["explain_heads"].replace("{narrowing}", condition.sql)
        plan = _measured(await self._fetch(sql, scan.model.id, *condition.parameters))
        return ScanPlan((), plan.examined, condition.exact)

    async def _fetch(self, sql: str, *arguments: object) -> Sequence[Row]:
        async with self._pool.scanning():
            return await self._pool.fetch(sql, *arguments, seconds=self._pool.settings.scan_timeout)


def _first_size(scan: Scan) -> int:
    return BATCH if scan.at_first is None else max(1, min(BATCH, scan.at_first))


def _start(scan: Scan) -> UUID:
    """What all ids are behind."""
    return _LAST if scan.descending else _FIRST


def _ordered(sql: str, scan: Scan) -> str:
    behind, direction = ("<", "DESC") if scan.descending else (">", "ASC")
    return sql.replace("{behind}", behind).replace("{direction}", direction)


def _batch(found: Sequence[Row], *, exact: bool) -> Batch:
    return Batch(map(rows.version, found), exact=exact and all(row[0] == _CERTAIN for row in found))


def _measured(explained: Sequence[Row]) -> _Measured:
    """From the answer of EXPLAIN (ANALYZE, FORMAT JSON)."""
    root = jsonio.reparse(explained[0][0])[0]["Plan"]
    indexes: set[str] = set()
    examined, pending = 0.0, [root]
    while pending:
        node = pending.pop()
        pending += node.get("Plans", ())
        if "Plans" not in node:
            examined += float(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * int(node["Actual Loops"])
            if node.get("Index Name", "").startswith(("field_", "head_pkey")) and "Index Cond" in node:
                indexes.add(node["Index Name"])
            elif node.get("Index Name") != "head_lossy" and node["Node Type"] != "Result":
                return _Measured(frozenset(), int(root["Actual Rows"]), int(examined))
    return _Measured(frozenset(indexes), int(root["Actual Rows"]), int(examined))
