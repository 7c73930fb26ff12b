"""An entity made, and changed: as a form made from its schema or as JSON; what it would change is shown first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cyoda import jsonio
from cyoda.errors import EntityModified
from cyoda.permissions import Action
from tenants.ui.console import schema_form
from tenants.ui.console.api import Answer, Refused
from tenants.ui.console.confirming import is_guarded, not_confirmed
from tenants.ui.console.counts import one_model
from tenants.ui.console.differing import differences
from tenants.ui.console.documents import data_of, indented, meta_of, raw_data_of
from tenants.ui.console.merging import meetings, merged
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.schema_form import ABSENT, Field, Schema
from tenants.ui.console.waiting import ways

CODE = {"rows": 20, "spellcheck": "false", "class": "code"}
LARGEST = 500_000
"""Characters of a document that is edited in a page; larger ones are changed by merge patches."""

Json = Any
_DOTTED = re.compile(r"\[(\d+)\]")


def json_text(name: str) -> Callable[[forms.Form], str]:
    """The cleaning of a field that holds JSON text, which is kept as it is."""

    def clean(form: forms.Form) -> str:
        try:
            jsonio.parse(form.cleaned_data[name])
        except jsonio.InvalidJson as error:
            raise forms.ValidationError(_("This is no JSON: %(reason)s") % {"reason": error}) from None
        return form.cleaned_data[name]

    return clean


@dataclass
class Draft:
    """A document on its way: as text, and as a form where the schema and its size allow one."""

    schema: Schema
    text: str
    is_form: bool
    fields: list[Field] | None = None
    faulty: dict[str, Field] = field(default_factory=dict[str, Field])
    fault: str = ""
    refused_at: str = ""
    """The field that the API refuses, as it spells its path."""

    @property
    def value(self) -> Json:
        return jsonio.parse(self.text)

    @property
    def is_faulty(self) -> bool:
        return bool(self.fault or self.faulty)

    @property
    def error_count(self) -> int:
        return len(self.faulty)

    def prepared(self) -> Draft:
        """Ready to be shown; what cannot be a form is JSON."""
        value = self._value_or_none()
        if self.is_form and isinstance(value, dict):
            found = schema_form.fields(self.schema, value)
            self.fields = None if found is None else [self._marked(each) for each in found]
        return self

    def refuse(self, refusal: Refused) -> None:
        self.fault, self.refused_at = refusal.detail, refusal.properties.get("fieldPath", "")

    def _value_or_none(self) -> Json:
        try:
            return self.value
        except jsonio.InvalidJson:
            return None

    def _marked(self, field: Field) -> Field:
        if self.refused_at and field.pointer[1:].replace("/", ".") == _DOTTED.sub(r".\1", self.refused_at):
            return replace(field, error=_("This is what was refused."))
        return self.faulty.get(field.pointer, field)


def sent(schema: Schema, given: QueryDict) -> Draft:
    """What the page was sent: the document's text, changed by the form's values and its buttons."""
    draft = Draft(schema, given.get("document", ""), given.get("mode") == "form")
    try:
        value = draft.value
        if draft.is_form and isinstance(value, dict):
            value, draft.faulty = schema_form.applied(schema, value, given)
            for pointer in given.getlist("add"):
                value = schema_form.with_item(schema, value, pointer)
            for pointer in given.getlist("remove"):
                value = schema_form.put(value, pointer, ABSENT)
            draft.text = indented(jsonio.dumps(value))
    except jsonio.InvalidJson as error:
        draft.fault = _("This is no JSON: %(reason)s") % {"reason": error}
    except (LookupError, ValueError):
        draft.fault = _("This form is not the one that was shown. Nothing of it was taken.")
    draft.is_form = given.get("to", given.get("mode")) == "form"
    return draft


@in_environment(Action.WRITE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """First the differences are shown, then they are saved; what others changed meanwhile is met first."""
    now = place.api.answer("entity", entity_id)
    meta = meta_of(now.body)
    if len(raw_data_of(now.body)) > LARGEST:
        messages.info(request, _("This document is too large to be edited here: change it with a merge patch."))
        return HttpResponseRedirect(place.url("entity_tab", entity_id=entity_id, tab="workflow"))
    schema = schema_of(place, meta["modelKey"]["name"], meta["modelKey"]["version"])
    draft = sent(schema, request.POST) if request.POST else Draft(schema, data_of(now.body), _wants_form(request))
    seen = request.POST.get("seen") or meta["transactionId"]
    transition = request.POST.get("transition", request.GET.get("transition", ""))
    asked_again = {"add", "remove", "to"} & request.POST.keys()
    if "save" in request.POST and not draft.is_faulty:
        if _saved(request, place, entity_id, draft, seen, transition):
            messages.success(request, _told(meta["state"], place.api.get("entity", entity_id)["meta"]["state"]))
            return HttpResponseRedirect(place.url("entity", entity_id=entity_id))
        now = place.api.answer("entity", entity_id)
    context: dict[str, Any] = {"meta": now.json["meta"], "transition": transition, "wanted": request.GET.get("field")}
    if request.POST and not asked_again and not _is_broken(draft):
        seen = _judge(request, place, entity_id, draft, now, seen, context)
    manual = [way for way in ways(place.api.get("entity", entity_id, "why")) if way.is_manual]
    return show(
        request, place, "console/entity_edit.html",
        **context, draft=draft.prepared(), seen=seen, transitions=manual, is_guarded=is_guarded(place),
    )  # fmt: skip


def _judge(
    request: HttpRequest, place: Place, entity_id: UUID, draft: Draft, now: Answer, seen: str, context: dict[str, Any]
) -> str:
    """What the draft would change, or how it meets what others have changed; returns the version that is seen then."""
    theirs, newest = now.json["data"], now.json["meta"]["transactionId"]
    if seen != newest:
        draft.fault = ""
        base = place.api.get("entity", entity_id, transactionId=seen)["data"]
        if "merge" not in request.POST:
            context |= {"meetings": meetings(base, theirs, draft.value), "wanted": None}
            return seen
        value = merged(base, theirs, draft.value, prefer_mine=request.POST["merge"] == "mine")
        draft.text = indented(jsonio.dumps(value))
    context |= {"changes": differences(theirs, draft.value), "wanted": None}
    return newest


def _is_broken(draft: Draft) -> bool:
    """Whether there is no document that could be compared."""
    if draft.faulty:
        return True
    try:
        return draft.value is ABSENT
    except jsonio.InvalidJson:
        return True


def _saved(request: HttpRequest, place: Place, entity_id: UUID, draft: Draft, seen: str, transition: str) -> bool:
    """False when it was not: the draft says why, unless others were there first."""
    draft.fault = not_confirmed(place, request.POST.get("confirmation", "")) if transition else ""
    if draft.fault:
        return False
    named = ("entity", "JSON", entity_id, *([transition] if transition else []))
    try:
        place.api.send("PUT", *named, body=draft.text.encode(), seen=seen)
    except Refused as refusal:
        if refusal.code != EntityModified.code:
            draft.refuse(refusal)
        return False
    return True


def _told(before: str, after: str) -> str:
    if before == after:
        return _("The change is saved.")
    return _("The change is saved. It moved from %(before)s to %(after)s.") % {"before": before, "after": after}


@in_environment(Action.WRITE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """One entity, or several as a JSON array; `?like=` names one to begin with."""
    found = one_model(place, model, version)
    schema = schema_of(place, model, version)
    draft = (
        sent(schema, request.POST) if request.POST else Draft(schema, _beginning(request, place), _wants_form(request))
    )
    if "save" in request.POST and not draft.is_faulty:
        try:
            made = place.api.send("POST", "entity", "JSON", model, version, body=draft.text.encode())
        except Refused as refusal:
            draft.refuse(refusal)
        else:
            ids = [entity_id for chunk in made for entity_id in chunk["entityIds"]]
            messages.success(request, _("%(number)s made.") % {"number": len(ids)})
            if len(ids) == 1:
                return HttpResponseRedirect(place.url("entity", entity_id=ids[0]))
            return HttpResponseRedirect(place.url("entities", model=model, version=version))
    return show(request, place, "console/entity_new.html", model=found, draft=draft.prepared())


def _beginning(request: HttpRequest, place: Place) -> str:
    like = request.GET.get("like")
    text = data_of(place.api.answer("entity", like).body) if like else ""
    return text if 0 < len(text) <= LARGEST else "{\n  \n}"


def _wants_form(request: HttpRequest) -> bool:
    return request.GET.get("as", "form") == "form"


def schema_of(place: Place, model: str, version: int) -> Schema:
    """The JSON Schema of a model's documents; empty where they have none that forms could follow."""
    schema = place.api.get("model", "export", "JSON_SCHEMA", model, version)["model"]
    return schema if schema.get("type") == "object" else {}
