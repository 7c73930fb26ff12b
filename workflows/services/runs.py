"""Recent transactions of a tenant, from what the audit keeps of them and from what was refused on this node.

The two merge into one order, newest first: committed ones keep the order of their commits, and a refused one stands
before the first that ended no later. A cursor tells how far both have come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cyoda.clock import epoch_micros
from cyoda.errors import BadRequest, TransactionNotFound
from cyoda.principal import Principal, TenantId
from workflows.core.audit import AuditRecord, Event
from workflows.core.entity import ModelKey
from workflows.core.run_summary import Records, RunSummary, summary_of
from workflows.services.failures import FailedRun
from workflows.services.platform import Platform

DEFAULT_LIMIT, MAX_LIMIT = 50, 500
BUDGET = 5_000
"""Transactions that one page looks at; then it ends, with a cursor."""
MAX_RECORDS = 5_000
"""Of one transaction: its first ones."""
_BATCH = 200
_RECORDS_EACH = 50
_MAX_DIGITS = 18
_SLACK = timedelta(hours=1)
"""Between a run's end and the end of one that was committed later, at most; longer ones are rare."""


class RunFilter(NamedTuple):
    """Which runs are wanted; None and empty texts do not restrict. `start` and `end` bound the moment of their end."""

    model: str = ""
    model_version: int | None = None
    state: str = ""
    processor: str = ""
    member: str = ""
    status: str = ""
    has_errors: bool = False
    start: datetime | None = None
    end: datetime | None = None


class RunPage(NamedTuple):
    """`cursor` goes on after the last run that was looked at, wanted or not; None at the end."""

    runs: Sequence[RunSummary]
    cursor: str | None
    examined: int


class RunDetail(NamedTuple):
    """One transaction with its events in the order of their moments. `actor` is who caused it, when that is known.

    `is_cut`: it has more records than are read.
    """

    summary: RunSummary
    events: Sequence[tuple[AuditRecord, ModelKey | None, Event]]
    actor: str
    code: str
    is_cut: bool


class _Cursor(NamedTuple):
    """Committed runs before a position, refused ones before a microsecond; None: all of them."""

    position: int | None = None
    micros: int | None = None

    def __str__(self) -> str:
        return f"{self.position or ''}.{'' if self.micros is None else self.micros}"


async def list_runs(
    principal: Principal, wanted: RunFilter, *, limit: int, cursor: str | None, platform: Platform
) -> RunPage:
    """Raises BadRequest (cursor, limit)."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadRequest("invalid limit parameter")
    at = _parsed(cursor)
    failures = platform.transactions.failures.of(principal.tenant)
    refused = [run for run in failures if _is_before(run, at.micros)]
    known = frozenset(run.transaction_id for run in failures)
    found: list[RunSummary] = []
    examined = 0
    batch = min(_BATCH, limit) if wanted == RunFilter() else _BATCH
    async for position, summary in _committed(principal.tenant, at.position, batch, known, platform):
        while refused and refused[0].at >= summary.ended_at and len(found) < limit:
            run = refused.pop(0)
            at = at._replace(micros=epoch_micros(run.at))
            _take(found, _refused(run), wanted)
        if len(found) >= limit or examined >= BUDGET:
            return RunPage(found, str(at), examined)
        if wanted.start is not None and summary.ended_at < wanted.start - _SLACK:
            break
        examined += 1
        at = _Cursor(position, _earlier(at.micros, summary.ended_at))
        _take(found, summary, wanted)
    for run in refused:
        if len(found) >= limit:
            return RunPage(found, str(at), examined)
        at = at._replace(micros=epoch_micros(run.at))
        _take(found, _refused(run), wanted)
    return RunPage(found, None, examined)


async def read_run(principal: Principal, transaction_id: UUID, *, platform: Platform) -> RunDetail:
    """Raises TransactionNotFound: nothing is known of it, or no workflow ran in it."""
    tenant, storage = principal.tenant, platform.storage
    failures = platform.transactions.failures.of(tenant)
    failure = next((run for run in failures if run.transaction_id == transaction_id), None)
    committed = await storage.audit_of_transactions(tenant, (transaction_id,), limit=MAX_RECORDS + 1)
    records = (*committed[:MAX_RECORDS], *(failure.records if failure else ()))
    if not any(record.events for record, _ in records):
        raise TransactionNotFound
    summary = summary_of(transaction_id, records, error=failure.error if failure else "")
    events = [(record, model, event) for record, model in records for event in record.events]
    events.sort(key=lambda each: each[2].at)
    if failure is not None:
        return RunDetail(summary, events, failure.origin.id, failure.code, len(committed) > MAX_RECORDS)
    version = await storage.read_written_by(tenant, summary.entity_id, transaction_id)
    actor = "" if version is None else version.attributed.id
    return RunDetail(summary, events, actor, "", len(committed) > MAX_RECORDS)


async def _committed(
    tenant: TenantId, before: int | None, batch: int, refused: Collection[UUID], platform: Platform
) -> AsyncIterator[tuple[int, RunSummary]]:
    """With their positions. What is committed of a refused run is part of it, and left out here."""
    while marks := await platform.storage.audited_transactions(tenant, before=before, limit=batch):
        ids = [mark.transaction_id for mark in marks]
        records: dict[UUID, list[tuple[AuditRecord, ModelKey | None]]] = {}
        for each in await platform.storage.audit_of_transactions(tenant, ids, limit=_RECORDS_EACH):
            records.setdefault(each[0].transaction_id, []).append(each)
        for mark in marks:
            of_one: Records = records.get(mark.transaction_id, [])
            if mark.transaction_id not in refused and any(record.events for record, _ in of_one):
                yield mark.position, summary_of(mark.transaction_id, of_one, count=mark.records)
        before = marks[-1].position


def _refused(run: FailedRun) -> RunSummary:
    return summary_of(run.transaction_id, run.records, error=run.error)


def _take(found: list[RunSummary], run: RunSummary, wanted: RunFilter) -> None:
    if _is_wanted(run, wanted):
        found.append(run)


def _is_wanted(run: RunSummary, wanted: RunFilter) -> bool:
    versions = (None, *(model.version for model in run.models if wanted.model in ("", model.name)))
    return (
        (not wanted.model or any(model.name == wanted.model for model in run.models))
        and wanted.model_version in versions
        and (not wanted.state or wanted.state in (run.first_state, run.last_state))
        and (not wanted.processor or wanted.processor in run.processors)
        and (not wanted.member or wanted.member in run.members)
        and (not wanted.status or wanted.status == run.status)
        and (not wanted.has_errors or run.errors > 0)
        and (wanted.start is None or run.ended_at >= wanted.start)
        and (wanted.end is None or run.ended_at < wanted.end)
    )


def _parsed(cursor: str | None) -> _Cursor:
    """Raises BadRequest."""
    if not cursor:
        return _Cursor()
    position, dot, micros = cursor.partition(".")
    texts = (position, micros)
    if not dot or any(text and not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS) for text in texts):
        raise BadRequest("invalid cursor parameter")
    return _Cursor(*(int(text) if text else None for text in texts))


def _is_before(run: FailedRun, micros: int | None) -> bool:
    return micros is None or epoch_micros(run.at) < micros


def _earlier(micros: int | None, moment: datetime) -> int:
    return epoch_micros(moment) if micros is None else min(micros, epoch_micros(moment))
