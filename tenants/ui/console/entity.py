"""One entity with its data, history and what it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cyoda.permissions import Action
from tenants.services.people import names_of
from tenants.ui.console.api import Refused
from tenants.ui.console.documents import indented, lines, shortened
from tenants.ui.console.place import Place, in_environment, show

TABS = ("data", "workflow", "history", "json")
SHOWN_EVENTS = 200


@in_environment()
@require_safe
def entity(request: HttpRequest, place: Place, entity_id: UUID, tab: str = TABS[0]) -> HttpResponse:
    if tab not in TABS:
        raise Http404
    at = request.GET.get("at") or None
    answer = place.api.answer("entity", entity_id, pointInTime=at)
    found = answer.json
    context: dict[str, Any] = {"entity": found, "meta": found["meta"], "tab": tab, "tabs": TABS, "at": at}
    if tab == "data":
        context["lines"] = list(lines(found["data"]))
    if tab == "json":
        context["json"] = shortened(indented(answer.body))
    if tab == "history":
        context["story"] = _story(place, entity_id)
    if tab == "workflow":
        context["why"] = place.api.get("entity", entity_id, "why")
    return show(request, place, f"console/entity_{tab}.html", **context)


@in_environment(Action.WRITE)
@require_POST
def fire(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """Take a manual transition, from the version that the person has seen: one that others changed is not touched."""
    transition, seen = request.POST.get("transition", ""), request.POST.get("seen", "")
    try:
        place.api.send("PATCH", "entity", "JSON", entity_id, transition, body=b"{}", seen=seen)
    except Refused as refusal:
        messages.error(request, refusal.detail)
    else:
        state = place.api.get("entity", entity_id)["meta"]["state"]
        messages.success(
            request, _("%(transition)s was taken; the state is %(state)s.") % {"transition": transition, "state": state}
        )
    return HttpResponseRedirect(place.url("entity_tab", entity_id=entity_id, tab="workflow"))


@dataclass(frozen=True, slots=True)
class Happened:
    """What one transaction did: its changes and the engine's events, the last one first. `previous` is the one that
    made the version before."""

    transaction_id: str
    at: str
    events: list[dict[str, Any]]
    previous: str = ""


def _story(place: Place, entity_id: UUID) -> list[Happened]:
    """The audit trail by transaction, as far as one page of it reaches."""
    items = place.api.get("audit", "entity", entity_id, limit=SHOWN_EVENTS)["items"]
    ids = {item["actor"]["id"] for item in items if "actor" in item}
    names = names_of(place.organisation, ids)
    for item in items:
        if "actor" in item:
            item["by"] = names.get(item["actor"]["id"], item["actor"]["name"])
    found = [(transaction, list(group)) for transaction, group in groupby(items, lambda item: item["transactionId"])]
    earlier = [*(transaction for transaction, _ in found[1:]), ""]
    return [
        Happened(transaction, events[0]["utcTime"], events, previous)
        for (transaction, events), previous in zip(found, earlier, strict=False)
    ]
