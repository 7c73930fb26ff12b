"""Exports of a list: a background search, and a file of all it found."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.views.decorators.http import require_POST, require_safe

from cyoda import jsonio
from tenants.models import Export
from tenants.services.audit_export import harmless
from tenants.services.exports import add_export, exports_of
from tenants.ui.console import cells
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import one_model
from tenants.ui.console.listing import listing_of
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.searches import cancel, one_search, submit
from tenants.ui.console.views import reader

PAGE_ROWS = 1000
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_TYPES = {Export.Format.CSV: "text/csv; charset=utf-8", Export.Format.JSON: "application/x-ndjson"}

Entity = dict[str, Any]


@in_environment()
@require_POST
def export_start(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    listing, form = listing_of(request.POST), request.POST.get("format", "")
    if form not in Export.Format.values or not listing.columns:
        raise Http404
    try:
        job_id = submit(place, model, version, listing)
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(place.url("entities", model=model, version=version) + listing.query(), status=303)
    export = add_export(place.environment, reader(place), job_id, form, listing.columns)
    return HttpResponseRedirect(place.url("export", export_id=export.pk), status=303)


@in_environment()
@require_safe
def export(request: HttpRequest, place: Place, export_id: UUID) -> HttpResponse:
    row = _row(place, export_id)
    found = one_search(place, row.job_id)
    context: dict[str, Any] = {"export": row, "search": found, "is_under_way": found.is_running}
    if found.is_running:
        context["total"] = one_model(place, found.model, found.version).entities
    return show(request, place, "console/search.html", **context)


@in_environment()
@require_POST
def export_cancel(request: HttpRequest, place: Place, export_id: UUID) -> HttpResponse:
    cancel(request, place, one_search(place, _row(place, export_id).job_id))
    return HttpResponseRedirect(place.url("export", export_id=export_id), status=303)


@in_environment()
@require_safe
def export_file(request: HttpRequest, place: Place, export_id: UUID) -> StreamingHttpResponse:
    """All that the search found, sent while it is read; a refusal is one before the file begins."""
    row = _row(place, export_id)
    found = one_search(place, row.job_id)
    columns = tuple(row.columns)

    def page(number: int) -> list[Entity]:
        return place.api.get("search", "async", row.job_id, pageNumber=number, pageSize=PAGE_ROWS)["content"]

    lines = _csv_lines if row.format == Export.Format.CSV else _json_lines
    total = int(found.details["entitiesCount"])
    answer = StreamingHttpResponse(
        _written(page, page(0), total, lambda entities, is_first: lines(entities, columns, is_first)),
        content_type=_TYPES[Export.Format(row.format)],
    )
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{found.model}-{found.version}")
    answer["Content-Disposition"] = f'attachment; filename="{name}.{row.format}"'
    answer["Cache-Control"] = "no-store"
    return answer


async def _written(
    page: Callable[[int], list[Entity]], first: list[Entity], total: int,
    lines: Callable[[list[Entity], bool], bytes],
) -> AsyncIterator[bytes]:  # fmt: skip
    yield lines(first, True)
    for number in range(1, -(-total // PAGE_ROWS)):
        yield lines(await sync_to_async(page)(number), False)


def _json_lines(entities: list[Entity], _columns: Sequence[str], _is_first: bool) -> bytes:
    return b"".join(jsonio.dumps(entity) + b"\n" for entity in entities)


def _csv_lines(entities: list[Entity], columns: Sequence[str], is_first: bool) -> bytes:
    """The first line names the columns; the first column is the id."""
    text = io.StringIO()
    writer = csv.writer(text)
    if is_first:
        writer.writerow(["id", *(harmless(_heading(column)) for column in columns)])
    for entity in entities:
        writer.writerow([entity["meta"]["id"], *(_harmless(cells.cell(entity, column) or "") for column in columns)])
    return text.getvalue().encode()


def _heading(column: str) -> str:
    return column.removeprefix("@").removeprefix("$.")


def _harmless(cell: str) -> str:
    return cell if _NUMBER.fullmatch(cell) else harmless(cell)


def _row(place: Place, export_id: UUID) -> Export:
    found = exports_of(place.environment).filter(pk=export_id).first()
    if found is None:
        raise Http404
    return found
