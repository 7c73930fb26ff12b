"""The audit log as text, line by line while it is read (docs: CSV of RFC 4180, JSON lines)."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from cyoda import jsonio
from cyoda.clock import utc_text
from tenants.models import AuditEvent

Lines = Callable[[QuerySet[AuditEvent]], AsyncIterator[bytes]]

CHUNK_ROWS = 500
COLUMNS = (
    "id", "at", "actor_id", "actor_name", "actor_kind", "source", "action", "target_type", "target_id",
    "organisation_id", "tenant_id", "before", "after", "request_id", "reason",
)  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet calculate a cell instead of showing it."""


async def csv_lines(events: QuerySet[AuditEvent]) -> AsyncIterator[bytes]:
    yield _csv([list(COLUMNS)])
    async for chunk in _chunks(events):
        yield _csv([[harmless(_text(value)) for value in row.values()] for row in chunk])


async def json_lines(events: QuerySet[AuditEvent]) -> AsyncIterator[bytes]:
    async for chunk in _chunks(events):
        yield b"".join(jsonio.dumps(row) + b"\n" for row in chunk)


def harmless(cell: str) -> str:
    """The cell, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


async def _chunks(events: QuerySet[AuditEvent]) -> AsyncIterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    async for event in events.aiterator(chunk_size=CHUNK_ROWS):
        row = {name: getattr(event, name) for name in COLUMNS}
        chunk.append({**row, "at": utc_text(event.at), "organisation_id": _id_text(event)})
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _id_text(event: AuditEvent) -> str | None:
    return None if event.organisation_id is None else str(event.organisation_id)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return jsonio.dumps(value).decode() if isinstance(value, dict) else str(value)


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


FORMATS: dict[str, tuple[str, Lines]] = {
    "csv": ("text/csv; charset=utf-8", csv_lines),
    "jsonl": ("application/x-ndjson", json_lines),
}
"""Content type and lines, by the ending of the file's name."""


def exported(events: QuerySet[AuditEvent], form: str) -> StreamingHttpResponse:
    """All of the events as a file to keep, sent while they are read; `form` is one of FORMATS."""
    content_type, lines = FORMATS[form]
    answer = StreamingHttpResponse(lines(events), content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="audit.{form}"'
    answer["Cache-Control"] = "no-store"
    return answer
