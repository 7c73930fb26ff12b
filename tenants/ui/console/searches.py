"""Searches in the background: started from a list, watched, read in pages, ended and run again (docs/adr/0006)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cyoda import jsonio
from tenants.services.people import names_of
from tenants.ui.console import cells
from tenants.ui.console.api import Refused
from tenants.ui.console.conditions import NotRows, in_words, rows_of
from tenants.ui.console.counts import one_model
from tenants.ui.console.fields import Fields, fields_of, lifecycle_fields
from tenants.ui.console.finding import condition_bytes
from tenants.ui.console.listing import Listing, listing_of
from tenants.ui.console.place import Place, in_environment, show

LISTED = 50
PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class Search:
    """A job as the API tells it, with who asked and what in words; `progress` is of a hundred, None before the end
    is known."""

    id: UUID
    model: str
    version: int
    status: str
    asked: str
    by: str
    listing: Listing
    details: dict[str, Any]

    @property
    def is_running(self) -> bool:
        return self.status == "RUNNING"

    @property
    def is_successful(self) -> bool:
        return self.status == "SUCCESSFUL"

    @property
    def seconds(self) -> str:
        return f"{self.details['calculationTimeMillis'] / 1000:.1f}"


def searches(place: Place, found: Iterable[dict[str, Any]]) -> list[Search]:
    jobs = list(found)
    names = names_of(place.organisation, {job["submittedBy"]["id"] for job in jobs})
    return [_search(job, names, lifecycle_fields()) for job in jobs]


def one_search(place: Place, job_id: UUID) -> Search:
    """Raises Refused."""
    (found,) = searches(place, [place.api.get("search", "async", job_id, "details")])
    return found


def _search(job: dict[str, Any], names: dict[str, str], fields: Fields) -> Search:
    submitter, condition = job["submittedBy"]["id"], job["condition"]
    try:
        tree = rows_of(condition)
        asked = in_words(tree, fields)
    except NotRows:
        asked = jsonio.dumps(condition).decode()
    listing = Listing(
        condition="" if condition == jsonio.parse(condition_bytes(Listing())) else jsonio.dumps(condition).decode(),
        at=job.get("pointInTime", ""),
        sort=_sort(job.get("sort", [])),
    )
    key = job["modelKey"]
    return Search(
        UUID(job["id"]), key["name"], key["version"], job["searchJobStatus"], asked,
        names.get(submitter) or str(submitter), listing, job,
    )  # fmt: skip


def _sort(keys: list[str]) -> str:
    """The first of the keys, as a list spells it."""
    if not keys:
        return ""
    key = keys[0].removesuffix(":asc")
    return key if key.startswith("@") else f"$.{key}"


def submit(place: Place, model: str, version: int, listing: Listing) -> UUID:
    """Have the API search for what a list shows. Raises Refused."""
    answer = place.api.question(
        "search", "async", model, version, body=condition_bytes(listing), pointInTime=listing.at or None,
        sort=listing.sort.replace("$.", "", 1) or None,
    )  # fmt: skip
    return UUID(answer.json)


@in_environment()
@require_safe
def search_list(request: HttpRequest, place: Place) -> HttpResponse:
    before = request.GET.get("before") or None
    answer = place.api.get("search", "async", limit=LISTED, before=before)
    found = searches(place, answer["jobs"])
    return show(
        request, place, "console/searches.html", searches=found, older=answer.get("next"), is_older=bool(before),
        is_under_way=any(search.is_running for search in found),
    )  # fmt: skip


@in_environment()
@require_POST
def search_start(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    listing = listing_of(request.POST)
    try:
        job_id = submit(place, model, version, listing)
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(place.url("entities", model=model, version=version) + listing.query(), status=303)
    columns = Listing(columns=listing.columns).query() if listing.columns else ""
    return HttpResponseRedirect(place.url("search", job_id=job_id) + columns, status=303)


@in_environment()
@require_safe
def search(request: HttpRequest, place: Place, job_id: UUID) -> HttpResponse:
    found = one_search(place, job_id)
    context: dict[str, Any] = {"search": found, "is_under_way": found.is_running}
    if found.is_running:
        context["total"] = one_model(place, found.model, found.version).entities
    if found.is_successful:
        context |= _results(request, place, found)
    return show(request, place, "console/search.html", **context)


def _results(request: HttpRequest, place: Place, found: Search) -> dict[str, Any]:
    given = request.GET.get("page", "0")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 0
    answer = place.api.get("search", "async", found.id, pageNumber=number, pageSize=PAGE_ROWS)
    listing, page = listing_of(request.GET), answer["page"]
    columns = listing.columns or cells.standard_columns(answer["content"])
    fields = fields_of(place, found.model, found.version)
    shown, kept = [fields.of(column) for column in columns], Listing(columns=listing.columns)
    return {
        "columns": shown,
        "rows": cells.table(answer["content"], shown),
        "first": number * PAGE_ROWS + 1,
        "end": number * PAGE_ROWS + len(answer["content"]),
        "previous": kept.query(("page", str(number - 1))) if number else "",
        "next": kept.query(("page", str(number + 1))) if number + 1 < page["totalPages"] else "",
        "listing": found.listing,
    }


@in_environment()
@require_POST
def search_act(request: HttpRequest, place: Place, job_id: UUID) -> HttpResponse:
    """End a running search, or ask the same once more."""
    found = one_search(place, job_id)
    match request.POST.get("do"):
        case "cancel":
            cancel(request, place, found)
        case "rerun":
            try:
                job_id = submit(place, found.model, found.version, found.listing)
            except Refused as refusal:
                messages.error(request, refusal.detail)
        case _:
            raise Http404
    return HttpResponseRedirect(place.url("search", job_id=job_id), status=303)


def cancel(request: HttpRequest, place: Place, found: Search) -> None:
    try:
        place.api.send("PUT", "search", "async", found.id, "cancel")
    except Refused as refusal:
        if refusal.code != "SEARCH_JOB_ALREADY_TERMINAL":
            raise
        messages.info(request, _("It had ended before."))
    else:
        messages.success(request, _("It is cancelled."))
