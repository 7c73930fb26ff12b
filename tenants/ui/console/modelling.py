"""Models and workflows changed: discovered from a sample, locked, unlocked, deleted; workflows imported."""

from __future__ import annotations

import msgspec
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import one_model
from tenants.ui.console.documents import indented
from tenants.ui.console.editing import CODE, json_text
from tenants.ui.console.place import Place, in_environment, show_form

MODES = (
    ("MERGE", lazy("MERGE: those of the same name are replaced, the others stay")),
    ("REPLACE", lazy("REPLACE: all others are removed")),
    ("ACTIVATE", lazy("ACTIVATE: all others are put out of force")),
)
BEGINNING = """[
  {
    "version": "1.1",
    "name": "first",
    "initialState": "NEW",
    "active": true,
    "states": {
      "NEW": {"transitions": [{"name": "finish", "next": "DONE", "manual": true}]},
      "DONE": {}
    }
  }
]"""


class SampleForm(forms.Form):
    name = forms.CharField(label=lazy("Name"), max_length=200, widget=forms.TextInput({"autocomplete": "off"}))
    version = forms.IntegerField(label=lazy("Version"), min_value=1, max_value=2**31 - 1, initial=1)
    sample = forms.CharField(
        label=lazy("Sample"),
        strip=False,
        help_text=lazy("A JSON document as your program would store it. Fields and types are discovered from it."),
        widget=forms.Textarea(CODE),
    )

    clean_sample = json_text("sample")


class ImportForm(forms.Form):
    mode = forms.ChoiceField(label=lazy("What happens to the workflows that are there"), choices=MODES)
    workflows = forms.CharField(
        label=lazy("Workflows"), strip=False, help_text=lazy("A JSON array of workflows."), widget=forms.Textarea(CODE)
    )

    clean_workflows = json_text("workflows")


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def new_model(request: HttpRequest, place: Place) -> HttpResponse:
    """A model from a sample; a sample of one that is there, and open to change, widens it."""
    form = SampleForm(request.POST or None)
    if form.is_valid():
        name, version = form.cleaned_data["name"], form.cleaned_data["version"]
        sample = form.cleaned_data["sample"].encode()
        try:
            place.api.send("POST", "model", "import", "JSON", "SAMPLE_DATA", name, version, body=sample)
        except Refused as refusal:
            form.add_error("sample", refusal.detail)
        else:
            return HttpResponseRedirect(place.url("model", model=name, version=version))
    return show_form(request, place, form, title=_("New model"), button=_("Discover it"), back=place.url("models"))


@in_environment(Action.CONFIGURE)
@require_POST
def act(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """Lock, unlock, allow changes, or delete; a refusal is shown with its reason."""
    onward = place.url("model", model=model, version=version)
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
        elif "delete" in request.POST:
            place.api.send("DELETE", "model", model, version)
            messages.success(request, _("The model is deleted."))
            onward = place.url("models")
    except Refused as refusal:
        messages.error(request, refusal.detail)
    return HttpResponseRedirect(onward)


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def import_workflows(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """The workflows of a model as one document, to be changed and imported again."""
    one_model(place, model, version)
    back = place.url("model_tab", model=model, version=version, tab="workflows")
    form = ImportForm(request.POST or None, initial={"mode": "REPLACE", "workflows": _present(place, model, version)})
    if form.is_valid():
        given = msgspec.Raw(form.cleaned_data["workflows"].encode())
        body = jsonio.dumps({"importMode": form.cleaned_data["mode"], "workflows": given})
        try:
            place.api.send("POST", "model", model, version, "workflow", "import", body=body)
        except Refused as refusal:
            form.add_error("workflows", refusal.detail)
        else:
            messages.success(request, _("The workflows are imported and in force."))
            return HttpResponseRedirect(back)
    title = _("Workflows of %(model)s %(version)s") % {"model": model, "version": version}
    return show_form(request, place, form, title=title, button=_("Import"), back=back)


class _Export(msgspec.Struct):
    workflows: msgspec.Raw


def _present(place: Place, model: str, version: int) -> str:
    try:
        exported = place.api.answer("model", model, version, "workflow", "export")
    except Refused as refusal:
        if refusal.status != 404:
            raise
        return BEGINNING
    return indented(bytes(msgspec.json.decode(exported.body, type=_Export).workflows))
