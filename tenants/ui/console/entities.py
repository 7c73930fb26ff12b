"""A model's entities: those that match a condition, a page at a time, in columns of one's choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from tenants.models import Export, SavedView
from tenants.ui.console import cells, finding
from tenants.ui.console.counts import Counted, one_model
from tenants.ui.console.fields import Fields, fields_of
from tenants.ui.console.filtering import Editor, chips
from tenants.ui.console.listing import BY_ID, BY_ID_DESCENDING, PAGING, SIZES, Listing, listing_of
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.views import beginning, view_links


@in_environment()
@require_safe
def entity_list(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    if not request.GET and (begins := beginning(place, model, version)):
        return HttpResponseRedirect(begins)
    listing = listing_of(request.GET)
    fields = fields_of(place, model, version)
    editor = Editor(listing, fields)
    answer = editor.take(request)
    if answer is not None:
        return answer
    asked = finding.states_asked(listing, editor.applied)
    found_model = Counted(model, version, "", "") if asked is None else one_model(place, model, version)
    found = finding.find(place.api, found_model, listing)
    columns = listing.columns or cells.standard_columns(found.entities)
    shown = list(_columns(columns, listing, fields, BY_ID if found.is_unsorted else listing.sort))
    count = _count(request, place, found_model, listing, found, asked)
    context = {
        "model": found_model,
        "states": sorted({entity["meta"]["state"] for entity in found.entities} | dict(found_model.by_state).keys()),
        "listing": listing,
        "found": found,
        "fields": fields,
        "editor": editor,
        "columns": shown,
        "addable": [field for field in fields.values() if field.path not in columns and field.path != "@id"],
        "rows": cells.table(found.entities, shown),
        "chips": list(chips(listing, editor.applied, fields)),
        "count": count,
        "pages": _pages(listing, found, count),
        "views": view_links(place, model, version, listing),
        "scopes": SavedView.Scope.choices,
        "no_view": Listing().query(),
        "kept_pairs": listing.pairs(*PAGING, "size", "density"),
        "formats": Export.Format.choices,
        "shown_pairs": replace(listing, columns=columns, view=None).pairs(*PAGING, "size"),
        **_addresses(listing, columns),
    }
    if "explain" in request.GET:
        context["plan"] = finding.explained(place.api, found_model, listing)
    return show(request, place, "console/entities.html", **context)


@dataclass(frozen=True, slots=True)
class _Column:
    """`ascending` and `descending` are addresses, empty where the API cannot sort by it; the others change the order
    of the columns."""

    path: str
    label: str
    is_number: bool
    sorted: str
    ascending: str
    descending: str
    left: str
    right: str
    removed: str


def _columns(columns: tuple[str, ...], listing: Listing, fields: Fields, sort: str) -> Iterator[_Column]:
    """`sort` is the order that they are in, which may not be the one that was asked for."""
    for place, path in enumerate(columns):
        field = fields.of(path)
        key = field.path if field.is_sortable else ""
        yield _Column(
            path,
            field.label,
            field.is_number,
            "" if not key else "ascending" if sort == key else "descending" if sort == f"{key}:desc" else "",
            listing.query(sort=key) if key else "",
            listing.query(sort=f"{key}:desc") if key else "",
            listing.query(columns=_swapped(columns, place - 1)) if place else "",
            listing.query(columns=_swapped(columns, place)) if place + 1 < len(columns) else "",
            listing.query(columns=columns[:place] + columns[place + 1 :]) if len(columns) > 1 else "",
        )


def _swapped(columns: tuple[str, ...], place: int) -> tuple[str, ...]:
    return (*columns[:place], columns[place + 1], columns[place], *columns[place + 2 :])


def _addresses(listing: Listing, columns: tuple[str, ...]) -> dict[str, Any]:
    """The list in other ways."""
    return {
        "everything": listing.query(condition="", at=""),
        "now": listing.query(at=""),
        "by_id": listing.query(sort=BY_ID),
        "by_id_descending": listing.query(sort=BY_ID_DESCENDING),
        "explain": listing.query(("explain", "1")),
        "sizes": [(size, listing.query(size=size)) for size in SIZES],
        "other_density": listing.query(density="" if listing.density else "compact"),
        "standard_columns": listing.query(columns=()),
        "without_columns": listing.pairs("col"),
    }


@dataclass(frozen=True, slots=True)
class _Count:
    """How many match: exactly, or at least; `asked` is the address that has them counted."""

    number: int
    is_exact: bool
    asked: str


def _count(
    request: HttpRequest, place: Place, model: Counted, listing: Listing, found: finding.Found, asked: set[str] | None
) -> _Count:
    exact = listing.of or None
    if asked is not None:
        exact = finding.known_count(model, asked)
    elif exact is None and "count" in request.GET and found.refusal is None:
        exact = finding.counted(place.api, model, listing)
    if exact is None and not found.has_next:
        exact = found.end
    if exact is not None:
        return _Count(exact, is_exact=True, asked="")
    return _Count(found.end + 1, is_exact=False, asked=listing.query(("count", "1")))


@dataclass(frozen=True, slots=True)
class _Pages:
    first: str
    previous: str
    next: str


def _pages(listing: Listing, found: finding.Found, count: _Count) -> _Pages:
    """Addresses of the pages around; they stay what they are when entities come and go."""
    of = count.number if count.is_exact else 0
    first_page, start = listing.having(after="", before="", start=0, of=0), listing.having(after="", before="", of=of)
    if not found.entities:
        return _Pages(first_page.query() if not listing.is_first_page else "", "", "")
    first, last = found.entities[0]["meta"]["id"], found.entities[-1]["meta"]["id"]
    by_id = listing.is_by_id or found.is_unsorted
    back = max(found.start - listing.size, 0)
    if by_id:
        previous = start.query(before=first, start=found.start)
        following = start.query(after=last, start=found.end)
    else:
        previous, following = start.query(start=back), start.query(start=found.end)
    return _Pages(
        first_page.query() if found.has_previous else "",
        previous if found.has_previous else "",
        following if found.has_next else "",
    )
