"""Scans: pages after the last id seen, all at one snapshot; no connection is held while a page is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from workflows.core.entity import Version
from workflows.storage.base import Scan
from workflows.storage.postgres import planner, rows, snapshots
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.statements import Statements

BATCH = 500
_FIRST = UUID(int=0)


class Scans:
    """The scans of one schema."""

    def __init__(self, pool: Pool, sql: Statements) -> None:
        self._pool = pool
        self._sql = sql

    async def scan(self, scan: Scan, *, without_heads: bool = False) -> AsyncIterator[Sequence[Version]]:
        """The matching versions in id order, in batches of at most BATCH; empty batches are left out.

        `without_heads` leaves out those whose head has them as they are; it takes a scan at a snapshot.
        """
        narrowed = planner.LOSSY if without_heads else None
        missing, after, offset = scan.limit, None, scan.offset
        at_snapshot = None
        if scan.snapshot is not None:
            at_snapshot = snapshots.text_of(scan.snapshot, self._pool.system_identifier)
        elif scan.at is not None:
            at_snapshot = (await self._fetch(self._sql["snapshot"]))[0][0]
        while missing is None or missing > 0:
            size = BATCH if missing is None else min(BATCH, missing)
            found = await self._page(scan, at_snapshot, after, offset, size, narrowed)
            if at_snapshot is None:  # the first page of the latest state says which state that is
                at_snapshot = next(row[2] for row in found if row[0] == 0)
            page = [rows.version(row) for row in found if row[0]]
            if page:
                yield page
            if len(page) < size:
                return
            missing = None if missing is None else missing - size
            after, offset = page[-1].entity_id, 0

    async def _page(
        self, scan: Scan, at_snapshot: str | None, after: UUID | None, offset: int, size: int,
        narrowed: planner.SqlCondition | None,
    ) -> Sequence[Row]:  # fmt: skip
        arguments: list[object] = [scan.model.id, offset, size]
        if at_snapshot is None:
            name = "scan_latest"
        else:
            name = "scan_snapshot"
            arguments += [after or _FIRST, snapshots.parsed(at_snapshot)]
            if scan.at is not None:
                name = "scan_instant"
                arguments.append(scan.at)
        condition = narrowed or planner.condition(scan.narrowing, first=len(arguments) + 1)
        sql = self._sql[name].replace("{narrowing}", condition.sql)
        return await self._fetch(sql, *arguments, *condition.parameters)

    async def _fetch(self, sql: str, *arguments: object) -> Sequence[Row]:
        async with self._pool.scanning():
            return await self._pool.fetch(sql, *arguments, seconds=self._pool.settings.scan_timeout)
