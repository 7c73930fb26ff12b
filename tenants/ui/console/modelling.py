"""Models changed: locked, unlocked, opened to new documents, deleted."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import not_confirmed
from tenants.ui.console.place import Place, in_environment


@in_environment(Action.CONFIGURE)
@require_POST
def act(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """Lock, unlock, allow changes, or delete; a refusal is shown with its reason."""
    onward = place.url("model_tab", model=model, version=version, tab="rules")
    try:
        if "lock" in request.POST:
            place.api.send("PUT", "model", model, version, "lock")
            messages.success(request, _("The model is locked: entities can be stored."))
        elif "unlock" in request.POST:
            place.api.send("PUT", "model", model, version, "unlock")
            messages.success(request, _("The model is open to change."))
        elif level := request.POST.get("level"):
            place.api.send("POST", "model", model, version, "changeLevel", level)
            messages.success(request, _("From now on documents may bring what this level allows."))
        elif "delete" in request.POST and (fault := not_confirmed(place, request.POST.get("confirmation", ""))):
            messages.error(request, fault)
        elif "delete" in request.POST:
            place.api.send("DELETE", "model", model, version)
            messages.success(request, _("The model is deleted."))
            onward = place.url("models")
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return HttpResponseRedirect(onward)
