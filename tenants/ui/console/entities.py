"""A page of a model's entities."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.ui.console.counts import one_model
from tenants.ui.console.place import Place, in_environment, show

PAGE_ROWS = 50
SHOWN_COLUMNS = 5


@in_environment()
@require_safe
def entity_list(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """In the order of the API, fifty at a time."""
    found = one_model(place, model, version)
    number = _page_number(request)
    rows = place.api.get("entity", model, version, pageSize=PAGE_ROWS, pageNumber=number)
    columns = _columns(rows)
    shown = [(row["meta"], [row["data"].get(column) for column in columns]) for row in rows]
    last = max(0, (found.entities - 1) // PAGE_ROWS)
    return show(
        request, place, "console/entities.html",
        model=found, columns=columns, rows=shown, page=number, first=number * PAGE_ROWS + 1,
        end=number * PAGE_ROWS + len(rows), previous=number - 1, next=number + 1, has_next=number < last,
    )  # fmt: skip


def _page_number(request: HttpRequest) -> int:
    given = request.GET.get("page", "0")
    return int(given) if given.isdecimal() and len(given) < 7 else 0


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    """The first fields with a plain value that any row of the page has."""
    plain = {
        name: None for row in rows for name, value in row["data"].items() if isinstance(value, str | int | Decimal)
    }
    return list(plain)[:SHOWN_COLUMNS]
