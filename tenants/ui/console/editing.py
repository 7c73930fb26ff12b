"""An entity made, and changed: the document as JSON, what the change would be, then the change itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda import jsonio
from cyoda.errors import EntityModified
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import one_model
from tenants.ui.console.documents import Difference, data_of, differences
from tenants.ui.console.place import Place, in_environment, show, show_form

CODE = {"rows": 20, "spellcheck": "false", "class": "code"}


def json_text(name: str) -> Callable[[forms.Form], str]:
    """The cleaning of a field that holds JSON text, which is kept as it is."""

    def clean(form: forms.Form) -> str:
        try:
            jsonio.parse(form.cleaned_data[name])
        except jsonio.InvalidJson as error:
            raise forms.ValidationError(_("This is no JSON: %(reason)s") % {"reason": error}) from None
        return form.cleaned_data[name]

    return clean


class DocumentForm(forms.Form):
    """`seen` is the transaction of the version that the change began with."""

    seen = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    document = forms.CharField(label=lazy("Document"), strip=False, widget=forms.Textarea(CODE))

    clean_document = json_text("document")

    @property
    def body(self) -> bytes:
        return self.cleaned_data["document"].encode()


@in_environment(Action.WRITE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """First the differences are shown, then they are saved; what others changed meanwhile is shown instead."""
    now = place.api.answer("entity", entity_id)
    begun = {"seen": now.json["meta"]["transactionId"], "document": data_of(now.body)}
    form = DocumentForm(request.POST or None, initial=begun)
    changes: list[Difference] | None = None
    if form.is_valid():
        document = form.body
        if "save" in request.POST:
            if _saved(request, place, entity_id, form):
                return HttpResponseRedirect(place.url("entity", entity_id=entity_id))
            now = place.api.answer("entity", entity_id)
        changes = differences(now.json["data"], jsonio.parse(document))
    meta = now.json["meta"]
    is_stale = form.is_bound and form.data.get("seen") != meta["transactionId"]
    return show(request, place, "console/entity_edit.html", form=form, meta=meta, changes=changes, is_stale=is_stale)


@in_environment(Action.WRITE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """One entity, or several as an array."""
    one_model(place, model, version)
    listed = place.url("entities", model=model, version=version)
    form = DocumentForm(request.POST or None, initial={"document": "{\n  \n}"})
    if form.is_valid():
        try:
            made: list[dict[str, Any]] = place.api.send("POST", "entity", "JSON", model, version, body=form.body)
        except Refused as refusal:
            form.add_error("document", refusal.detail)
        else:
            ids = [entity_id for chunk in made for entity_id in chunk["entityIds"]]
            messages.success(request, _("%(number)s made.") % {"number": len(ids)})
            if len(ids) == 1:
                return HttpResponseRedirect(place.url("entity", entity_id=ids[0]))
            return HttpResponseRedirect(listed)
    title = _("New entity of %(model)s %(version)s") % {"model": model, "version": version}
    intro = _("A JSON object, or an array of them.")
    return show_form(request, place, form, title=title, button=_("Make it"), back=listed, intro=intro)


def _saved(request: HttpRequest, place: Place, entity_id: UUID, form: DocumentForm) -> bool:
    """False when it was refused: the form says why."""
    try:
        place.api.send("PUT", "entity", "JSON", entity_id, body=form.body, seen=form.cleaned_data["seen"])
    except Refused as refusal:
        if refusal.code != EntityModified.code:
            form.add_error("document", refusal.detail)
        return False
    messages.success(request, _("The change is saved."))
    return True
