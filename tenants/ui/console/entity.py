"""One entity with its data, history and what it waits for, now or at an earlier moment."""

from __future__ import annotations

from functools import wraps
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from cyoda.permissions import Action
from tenants.ui.console.confirming import is_guarded
from tenants.ui.console.documents import data_of, extract, pointed, raw_data_of, shortened, whole
from tenants.ui.console.history import story
from tenants.ui.console.place import Page, Place, in_environment, show
from tenants.ui.console.standing import NotThen, Standing, standing_of
from tenants.ui.console.waiting import advice, ways
from tenants.ui.console.workflows.listing import graph_around

TABS = ("data", "workflow", "history", "json")


def _of_a_moment(page: Page) -> Page:
    """A page of an entity as it is or was; where it was not, that is said."""

    @wraps(page)
    def view(request: HttpRequest, place: Place, entity_id: UUID, **values: Any) -> HttpResponseBase:
        try:
            return page(request, place, entity_id, **values)
        except NotThen as missing:
            return show(request, place, "console/entity_absent.html", status=404, missing=missing, entity_id=entity_id)

    return view


@in_environment()
@require_safe
@_of_a_moment
def entity(request: HttpRequest, place: Place, entity_id: UUID, tab: str = TABS[0]) -> HttpResponse:
    if tab not in TABS:
        raise Http404
    if tab == "workflow":
        return workflow_page(request, place, entity_id)
    standing = standing_of(request, place, entity_id)
    context = _context(place, standing, tab)
    if tab == "data":
        context["extract"] = extract(standing.entity["data"], _start(request))
    if tab == "json":
        text = data_of(standing.answer.body)
        context |= {"json": shortened(text), "size": len(text.encode()), "is_cut": len(text) > len(shortened(text))}
    if tab == "history":
        context["story"] = story(place, standing, request.GET)
    return show(request, place, f"console/entity_{tab}.html", **context)


def workflow_page(
    request: HttpRequest, place: Place, entity_id: UUID, *, fault: str = "", transition: str = "", patch: str = ""
) -> HttpResponse:
    """Why the entity waits; with a `fault` of a transition that was tried, what was typed is still there."""
    standing = standing_of(request, place, entity_id)
    context = _context(place, standing, "workflow")
    if standing.is_past:
        moment = {"pointInTime": standing.at, "transactionId": standing.tx}
        context["names"] = [] if standing.deletion else place.api.get("entity", entity_id, "transitions", **moment)
    else:
        why = place.api.get("entity", entity_id, "why")
        found = ways(why)
        context |= {"why": why, "ways": found, "advice": advice(found, why["state"])}
        context |= graph_around(place, standing.meta, why.get("workflow", "")) or {}
    context |= {"fault": fault, "tried": transition, "patch": patch}
    return show(request, place, "console/entity_workflow.html", status=409 if fault else 200, **context)


@in_environment()
@require_safe
@_of_a_moment
def download(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """The document as it was written, as a file."""
    standing = standing_of(request, place, entity_id)
    answer = HttpResponse(raw_data_of(standing.answer.body), content_type="application/json")
    name = f"{entity_id}-v{standing.number}.json" if standing.number and standing.is_past else f"{entity_id}.json"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@in_environment()
@require_safe
@_of_a_moment
def value(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """The value at `?pointer=` alone and whole, as a file."""
    standing = standing_of(request, place, entity_id)
    try:
        found = pointed(standing.entity["data"], request.GET.get("pointer", ""))
    except LookupError:
        raise Http404 from None
    answer = HttpResponse(whole(found), content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{entity_id}-value.txt"'
    return answer


def _context(place: Place, standing: Standing, tab: str) -> dict[str, Any]:
    return {
        "standing": standing, "meta": standing.meta, "tab": tab, "tabs": TABS,
        "may_change": place.may_write and not standing.is_past, "may_delete": place.may(Action.DELETE),
        "is_guarded": is_guarded(place),
    }  # fmt: skip


def _start(request: HttpRequest) -> int:
    given = request.GET.get("from", "0")
    return int(given) if given.isdecimal() and len(given) < 8 else 0
