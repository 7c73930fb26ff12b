"""Models and workflows changed: discovered from a sample, locked, unlocked, deleted; workflows imported."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.editing import CODE, json_text
from tenants.ui.console.place import Place, in_environment, show_form


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
