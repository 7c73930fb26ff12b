"""Group commit: all change sets of a tenant that wait at the same moment go in one statement and one fsync.

While a batch is under way the next one gathers. Change sets that touch each other never share a batch, so every member
is judged against committed state alone; a statement that fails as a whole is repeated member by member, so that one
bad member fails nobody else. See docs/adr/0001-storage-and-transactions.md.
"""

# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime

import asyncpg

from cyoda.errors import Conflict, ServerError, StorageUnavailable, UniqueViolation
from cyoda.principal import TenantId
from workflows.storage.base import ChangeSet, StaleConfiguration
from workflows.storage.postgres import extensions
from workflows.storage.postgres.arguments import Arguments, Care, gather
from workflows.storage.postgres.batching import Batching, Waiting
from workflows.storage.postgres.connections import Connection
from workflows.storage.postgres.pool import Pool, Row
from workflows.storage.postgres.scopes import Scope, claims_twice, size_bytes
from workflows.storage.postgres.statements import Statements

MAX_MEMBERS = 256
MAX_BYTES = 4 << 20
_MAX_PASSED_OVER = 256
_UNCONFIRMED = "commit could not be confirmed"
_CONFIRMATION_SECONDS = 1.0
_CONFIRMATION_PAUSE_SECONDS = 0.1
_ATTEMPTS = 5
_WRITES_PER_SECOND = 2000
"""What a busy database writes at least: a large change set gets this much more time."""

_REFUSALS = {1: StaleConfiguration, 2: Conflict, 3: UniqueViolation}
_REJECTIONS = (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError, OverflowError)
"""The statement, or a value on its way into it, is at fault; nothing was committed."""
_TOO_MUCH_FOR_JSONB = (asyncpg.DataError, asyncpg.StatementTooComplexError, asyncpg.ProgramLimitExceededError)

Outcome = datetime | BaseException
_Member = Waiting[ChangeSet, datetime]


def take(queue: deque[_Member]) -> list[_Member]:
    """The next batch: in order of arrival, passing over members that touch what an earlier one touches."""
    batch: list[_Member] = []
    passed_over: list[_Member] = []
    scope, total_bytes = Scope(), 0
    while queue and len(batch) < MAX_MEMBERS and total_bytes < MAX_BYTES and len(passed_over) < _MAX_PASSED_OVER:
        member = queue.popleft()
        if scope.admits(member.item):
            batch.append(member)
            total_bytes += size_bytes(member.item)
        else:
            passed_over.append(member)
    queue.extendleft(reversed(passed_over))
    return batch


class Commits:
    """The commits of one schema."""

    def __init__(self, pool: Pool, sql: Statements, tenant: TenantId) -> None:
        self._pool = pool
        self._sql = sql
        self._tenant = tenant
        self._batching: Batching[ChangeSet, datetime] = Batching(self._answer, take)

    async def commit(self, change: ChangeSet) -> datetime:
        """Raises Conflict, UniqueViolation, StaleConfiguration, StorageUnavailable."""
        if claims_twice(change):
            raise UniqueViolation
        return await self._batching.submit(change)

    async def _answer(self, changes: Sequence[ChangeSet]) -> Sequence[Outcome]:
        try:
            return await self._together(changes, Care.CHEAP)
        except _REJECTIONS:
            return await self._one_by_one(changes)

    async def _one_by_one(self, changes: Sequence[ChangeSet]) -> Sequence[Outcome]:
        outcomes: list[Outcome] = []
        for change in changes:
            try:
                outcomes.append(await self._alone(change))
            except StorageUnavailable as error:
                outcomes.append(error)
                unsent = len(changes) - len(outcomes)
                return outcomes + [StorageUnavailable() for _ in range(unsent)]
        return outcomes

    async def _alone(self, change: ChangeSet) -> Outcome:
        """One member's outcome, whatever the statement says. Raises StorageUnavailable."""
        care = Care.CHEAP
        collisions = 0
        for _ in range(_ATTEMPTS):
            try:
                return (await self._together([change], care))[0]
            except asyncpg.UniqueViolationError as error:
                if getattr(error, "table_name", None) != "claim":
                    return Conflict()  # another transaction created the entity
                collisions += 1
                if collisions > 1:
                    return UniqueViolation()
            except asyncpg.TransactionRollbackError:
                await asyncio.sleep(0)
            except _TOO_MUCH_FOR_JSONB as error:
                if care is Care.KEEP_NONE:
                    return ServerError(f"the database refused a change: {error}")
                care = Care(care + 1)
            except _REJECTIONS as error:
                return ServerError(f"the database refused a change: {error}")
        return Conflict()

    async def _together(self, changes: Sequence[ChangeSet], care: Care) -> Sequence[Outcome]:
        """One attempt at a batch. Raises StorageUnavailable, and the driver's errors when nothing was committed."""
        arguments = gather(changes, care, self._sql.schema, self._tenant)
        is_sent = False
        try:
            async with self._pool.connection(self._seconds(changes)) as connection:
                is_sent = True
                return _outcomes(changes, await self._run(connection, changes, arguments))
        except StorageUnavailable as error:
            if not is_sent:
                raise
            return await self._confirm(changes, error)

    def _seconds(self, changes: Sequence[ChangeSet]) -> float:
        writes = sum(len(change.writes) for change in changes)
        return self._pool.settings.timeout + max(0, writes - MAX_MEMBERS) / _WRITES_PER_SECOND

    async def _run(self, connection: Connection, changes: Sequence[ChangeSet], arguments: Arguments) -> Sequence[Row]:
        sql, used = self._sql.variant("commit", arguments.parts)
        values = [arguments.values[index] for index in used]
        if not any(change.extensions for change in changes):
            return await connection.fetch(sql, *values)
        async with connection.transaction():
            schemas = await extensions.lock(connection, self._sql, changes)
            epochs = [extensions.epoch_of(change, schemas) for change in changes]
            rows = await connection.fetch(sql, epochs, *values[1:])
            refused = {row[0] for row in rows if row[1]}
            accepted = [change for member, change in enumerate(changes, 1) if member not in refused]
            await extensions.merge_into(connection, self._sql, schemas, accepted)
            return rows

    async def _confirm(self, changes: Sequence[ChangeSet], error: StorageUnavailable) -> Sequence[Outcome]:
        """What became of a batch whose answer was lost: committed members have their version, others are unknown."""
        if isinstance(error.__cause__, TimeoutError):
            raise StorageUnavailable(_UNCONFIRMED) from error.__cause__
        found = await self._committed(changes)
        if found is None:
            raise StorageUnavailable(_UNCONFIRMED) from error.__cause__
        return [found.get(number) or StorageUnavailable(_UNCONFIRMED) for number in range(len(changes))]

    async def _committed(self, changes: Sequence[ChangeSet]) -> Mapping[int, datetime] | None:
        """The stamps of those that are committed, by position; None when the database does not answer in time."""
        firsts = [(number, change) for number, change in enumerate(changes) if change.writes]
        arguments = (
            [change.writes[0].entity_id for _, change in firsts],
            [change.writes[0].expected + 1 for _, change in firsts],
            [change.transaction_id for _, change in firsts],
        )
        clock = asyncio.get_running_loop().time
        end = clock() + _CONFIRMATION_SECONDS
        while (left := end - clock()) > 0:
            try:
                rows = await self._pool.fetch(self._sql["written_moments"], *arguments, seconds=left)
            except StorageUnavailable:
                await asyncio.sleep(_CONFIRMATION_PAUSE_SECONDS)  # a server that restarts refuses for a moment
            else:
                return {firsts[row[0] - 1][0]: row[1] for row in rows}
        return None


def _outcomes(changes: Sequence[ChangeSet], rows: Sequence[Row]) -> Sequence[Outcome]:
    outcomes: list[Outcome] = [change.at for change in changes]
    verdicts: dict[int, int] = {}
    for member, verdict, stamp in rows:
        if verdict == 0:
            outcomes[member - 1] = stamp
        else:
            verdicts[member] = min(verdict, verdicts.get(member, verdict))
    for member, verdict in verdicts.items():
        outcomes[member - 1] = _REFUSALS[verdict]()
    return outcomes
