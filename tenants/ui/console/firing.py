"""An entity moved by hand, and deleted: in production after its name was typed."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda import jsonio
from cyoda.errors import EntityModified
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation, not_confirmed
from tenants.ui.console.entity import workflow_page
from tenants.ui.console.place import Place, in_environment, show_form

CHANGED = lazy("Nothing was done: somebody has changed this entity since you looked at it. Below it is as it is now.")


@in_environment(Action.WRITE)
@require_POST
def fire(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """Take a transition (without one: look again at the automatic ones) from the version that the person has seen.

    `patch` is a merge patch that goes with it. What is refused is shown with all that was typed.
    """
    transition, patch = request.POST.get("transition", ""), request.POST.get("patch", "").strip() or "{}"
    fault = not_confirmed(place, request.POST.get("confirmation", "")) or _not_json(patch)
    if not fault:
        fault = _moved(request, place, entity_id, transition, patch)
    if fault:
        return workflow_page(request, place, entity_id, fault=fault, transition=transition, patch=patch)
    return HttpResponseRedirect(place.url("entity_tab", entity_id=entity_id, tab="workflow"))


def _moved(request: HttpRequest, place: Place, entity_id: UUID, transition: str, patch: str) -> str:
    """Why it was not; empty when it was."""
    named = ("entity", "JSON", entity_id, *([transition] if transition else []))
    try:
        place.api.send("PATCH", *named, body=patch.encode(), seen=request.POST.get("seen", ""))
    except Refused as refusal:
        if refusal.code == EntityModified.code:
            return str(CHANGED)
        return refusal.detail
    state = place.api.get("entity", entity_id)["meta"]["state"]
    if transition:
        told = _("%(transition)s was taken; the state is %(state)s.") % {"transition": transition, "state": state}
    else:
        told = _("It was saved again; the state is %(state)s.") % {"state": state}
    messages.success(request, told)
    return ""


def _not_json(patch: str) -> str:
    try:
        jsonio.parse(patch)
    except jsonio.InvalidJson as error:
        return _("This is no JSON: %(reason)s") % {"reason": error}
    return ""


@in_environment(Action.DELETE)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    meta = place.api.get("entity", entity_id)["meta"]
    form = confirmation(request, place)
    key = meta["modelKey"]
    if form.is_valid():
        place.api.send("DELETE", "entity", entity_id)
        messages.success(request, _("The entity is deleted; its history stays."))
        return HttpResponseRedirect(place.url("entity", entity_id=entity_id))
    return show_form(
        request, place, form,
        title=_("Delete %(model)s %(id)s?") % {"model": key["name"], "id": f"{meta['id'][:8]}…"},
        button=_("Delete it"),
        back=place.url("entity", entity_id=entity_id),
        intro=_("It is found by no search any more, and no transition leads on. Its history can still be read."),
        is_dangerous=True,
    )  # fmt: skip
