"""Unique keys and indexes of a model, declared and taken back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.place import Place, in_environment

Declared = list[dict[str, Any]]


@in_environment(Action.CONFIGURE)
@require_POST
def keys(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    exported = place.api.get("model", "export", "SIMPLE_VIEW", model, version)
    return _changed(request, place, model, version, "keys", "unique-keys", "uniqueKeys", exported.get("uniqueKeys", []))


@in_environment(Action.CONFIGURE)
@require_POST
def indexes(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    present = place.api.get("model", model, version, "indexes")["indexes"]
    declared = [{"id": each["id"], "fields": each["fields"]} for each in present]
    return _changed(request, place, model, version, "indexes", "indexes", "indexes", declared)


def _changed(
    request: HttpRequest, place: Place, model: str, version: int, tab: str, path: str, member: str, present: Declared
) -> HttpResponse:
    """`remove` is the id of one that goes; else the `fields` are declared under an `id`, which they may give it."""
    change = _removal if "remove" in request.POST else _addition
    try:
        body = jsonio.dumps({member: change(request, present)})
        place.api.send("PUT", "model", model, version, path, body=body)
    except Refused as refusal:
        messages.error(request, refusal.detail)
    else:
        messages.success(request, _("It is removed.") if change is _removal else _("It is declared."))
    return HttpResponseRedirect(place.url("model_tab", model=model, version=version, tab=tab))


def _removal(request: HttpRequest, present: Declared) -> Declared:
    return [each for each in present if each["id"] != request.POST["remove"]]


def _addition(request: HttpRequest, present: Declared) -> Declared:
    fields = request.POST.getlist("fields")
    name = request.POST.get("id", "").strip() or "by-" + "-".join(field.lstrip("$@.") for field in fields)
    return [*present, {"id": name, "fields": fields}]
