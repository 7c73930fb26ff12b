"""What a workflow would do with a document: the run step by step, with nothing saved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.models import WorkflowDraft
from tenants.services.drafts import DraftUnknown, draft_of, revision_of
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import Counted, one_model
from tenants.ui.console.documents import data_of, indented
from tenants.ui.console.editing import CODE, json_text
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.workflows.drafting import newest
from tenants.ui.console.workflows.graph import Transition, rows_of

MEMBERS = (
    ("given", lazy("as given below; what is not given fails")),
    ("live", lazy("by the compute nodes that are connected, outside of any transaction")),
)


class SimulationForm(forms.Form):
    entity = forms.CharField(label=lazy("Document"), strip=False, widget=forms.Textarea(CODE | {"rows": 12}))
    state = forms.ChoiceField(
        label=lazy("It begins"), required=False, help_text=lazy("Made anew, or being in a state already.")
    )
    transition = forms.ChoiceField(
        label=lazy("Somebody asks for"),
        required=False,
        help_text=lazy("A transition of that state."),
    )
    members = forms.ChoiceField(label=lazy("Processors and functions are answered"), choices=MEMBERS)
    answers = forms.CharField(
        label=lazy("Answers"), strip=False, required=False, widget=forms.Textarea(CODE | {"rows": 6}),
        help_text=lazy("By kind and name; an answer of a processor without data leaves the document as it is."),
    )  # fmt: skip

    clean_entity = json_text("entity")
    _clean_answers = json_text("answers")

    def __init__(self, *args: Any, documents: list[dict[str, Any]], **more: Any) -> None:
        super().__init__(*args, **more)
        states = list(dict.fromkeys(name for each in documents for name in each["states"]))
        names = dict.fromkeys(t["name"] for each in documents for t in _transitions(each))
        self.fields["state"].choices = [("", _("anew")), *((name, name) for name in states)]  # type: ignore[attr-defined] - choice fields
        self.fields["transition"].choices = [("", _("an update only")), *((name, name) for name in names)]  # type: ignore[attr-defined]

    def clean_answers(self) -> str:
        return self._clean_answers() if self.cleaned_data["answers"].strip() else "{}"

    def body(self, documents: list[dict[str, Any]] | None) -> bytes:
        given = self.cleaned_data
        live = given["members"] == "live"
        body: dict[str, Any] = {
            "entity": msgspec.Raw(given["entity"].encode()),
            "state": given["state"],
            "transition": given["transition"],
            "members": "live" if live else msgspec.Raw(given["answers"].encode()),
            "allowCycles": True,
        }
        return jsonio.dumps(body if documents is None else {**body, "workflows": documents})


@in_environment(Action.READ)
@require_http_methods(["GET", "POST"])
def simulate(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """`entity` of the query is an entity to begin with, `draft` a draft to try instead of what is in force."""
    found = one_model(place, model, version)
    draft = _draft(request, place, found)
    _number, documents = newest(place, model, version)
    if draft is not None:
        mine = jsonio.parse(revision_of(draft).document.encode())
        documents = [{**mine, "active": True}]
    form = SimulationForm(
        request.POST or None, documents=documents, initial=_initial(request, place, found, documents)
    )  # fmt: skip
    result: Any = None
    if form.is_valid():
        body = form.body(documents if draft is not None else None)
        try:
            result = place.api.send("POST", "model", model, version, "workflow", "simulate", body=body)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
    return show(
        request, place, "console/workflow_simulate.html", model=found, form=form, draft=draft, result=result,
        steps=[_shown(step) for step in result["steps"]] if result else (),
        onward=_onward(documents, result["state"]) if result else (),
        entity=indented(jsonio.dumps(result["entity"])) if result else "",
    )  # fmt: skip


def _draft(request: HttpRequest, place: Place, model: Counted) -> WorkflowDraft | None:
    """Of this model, for those who may change it."""
    text = request.GET.get("draft", "")
    try:
        draft = draft_of(place.environment, UUID(text)) if text and place.may_configure else None
    except (ValueError, DraftUnknown):
        return None
    is_mine = draft is not None and (draft.model_name, draft.model_version) == (model.name, model.version)
    return draft if is_mine else None


def _initial(
    request: HttpRequest, place: Place, model: Counted, documents: list[dict[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    """An entity that was chosen, or the newest one of the model."""
    entity_id = request.GET.get("entity", "").strip()
    initial: dict[str, Any] = {"answers": indented(jsonio.dumps(_answers(documents)))}
    try:
        if entity_id:
            answer = place.api.answer("entity", UUID(entity_id))
            initial |= {"entity": data_of(answer.body), "state": answer.json["meta"]["state"]}
        elif rows := place.api.get("entity", model.name, model.version, pageSize=1):
            initial["entity"] = indented(jsonio.dumps(rows[0]["data"]))
    except (ValueError, Refused):
        initial["entity"] = "{}"
    return {"entity": "{}", **initial}


def _onward(documents: list[dict[str, Any]], state: str) -> list[Transition]:
    """What leads on from a state, in the first workflow in force that has it."""
    for document in documents:
        if document.get("active", True) and state in document["states"]:
            return next(row.transitions for row in rows_of(document, {}) if row.name == state)
    return []


def _answers(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Friendly ones for everything that the workflows ask."""
    processors: dict[str, Any] = {}
    criteria: dict[str, Any] = {}
    functions: dict[str, Any] = {}
    for document in documents:
        criteria |= dict.fromkeys(_functions(document.get("criterion")), True)
        for transition in _transitions(document):
            criteria |= dict.fromkeys(_functions(transition.get("criterion")), True)
            processors |= {each.get("name", ""): {} for each in transition.get("processors") or ()}
            function = (transition.get("schedule") or {}).get("function")
            if function:
                functions[function.get("name", "")] = {"result": {"fireAfterMs": 60000}}
    return {"processors": processors, "criteria": criteria, "functions": functions}


def _transitions(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for state in document["states"].values():
        yield from (state or {}).get("transitions") or ()


def _functions(criterion: Any) -> Iterable[str]:
    if not isinstance(criterion, dict):
        return
    if criterion.get("type") == "function":
        yield (criterion.get("function") or {}).get("name", "")
    for child in criterion.get("conditions") or ():
        yield from _functions(child)


def _shown(step: dict[str, Any]) -> dict[str, Any]:
    """A step for the list: `kind`, what happened in words, and what it left of the document."""
    callout = step.get("callout") or {}
    data = step.get("data") or {}
    return {
        "kind": step["kind"],
        "event": step.get("eventType", ""),
        "state": step["state"],
        "details": step.get("details", ""),
        "reason": data.get("reason", "") if isinstance(data, dict) else "",
        "callout": callout,
        "entity": indented(jsonio.dumps(step["entity"])) if "entity" in step else "",
    }
