"""A draft: begun, looked at as a whole, changed in small acts and as JSON, undone, redone, given up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda import jsonio
from cyoda.errors import WorkflowNotFound
from cyoda.permissions import Action
from tenants.models import DraftRevision, WorkflowDraft
from tenants.services.drafts import begin_draft, end_draft, step_draft
from tenants.services.people import names_of
from tenants.ui.console.counts import Counted, counted_models, one_model
from tenants.ui.console.documents import indented
from tenants.ui.console.editing import CODE, json_text
from tenants.ui.console.place import Place, in_environment, show_form
from tenants.ui.console.workflows import edits
from tenants.ui.console.workflows.bench import (
    ROOT,
    Bench,
    check,
    on_draft,
    seen_by,
    show_bench,
    shown_issue,
    what_changed,
)
from tenants.ui.console.workflows.edits import Document, EditRefused
from tenants.ui.console.workflows.graph import graph_of, rows_of
from tenants.ui.console.workflows.pointers import lines_of, pointed, segments

LISTED_STEPS, SHOWN_FAULTS = 50, 5
UNSHOWN = ("TYPE", "UNKNOWN_FIELD")
"""Codes of issues that a document has whose shape is not that of a workflow."""
MEMBERS = (
    "version", "name", "desc", "initialState", "active", "criterion", "states", "transitions", "next", "manual",
    "disabled", "processors", "schedule", "delayMs", "timeoutMs", "function", "resultKind", "calculationNodesTags",
    "attachEntity", "responseTimeoutMs", "retryPolicy", "context", "startNewTxOnDispatch", "executionMode", "SYNC",
    "ASYNC_SAME_TX", "ASYNC_NEW_TX", "COMMIT_BEFORE_DISPATCH", "config", "type", "simple", "lifecycle", "group",
    "array", "jsonPath", "field", "operatorType", "operator", "conditions", "value", "values", "annotations",
    "criterionAnnotations",
)  # fmt: skip
"""What the editor completes in a workflow's text."""
Change = Callable[[Document], None]


class NewWorkflowForm(forms.Form):
    model = forms.ChoiceField(label=lazy("Model"))
    name = forms.CharField(label=lazy("Name"), max_length=200, widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, data: Any, *, models: list[Counted], chosen: str) -> None:
        super().__init__(data, initial={"model": chosen})
        keys = [(f"{model.name} {model.version}") for model in models]
        self.fields["model"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined] - a choice field


class DocumentForm(forms.Form):
    document = forms.CharField(label=lazy("Workflow"), strip=False, widget=forms.Textarea(CODE | {"rows": 30}))

    clean_document = json_text("document")


@in_environment(Action.CONFIGURE)
@require_POST
def begin(request: HttpRequest, place: Place, model: str, version: int, workflow: str) -> HttpResponse:
    """The draft of a workflow that is in force, or the one that somebody has begun already."""
    base, documents = newest(place, model, version)
    document = next((each for each in documents if each["name"] == workflow), None)
    if document is None:
        raise WorkflowNotFound(f"there is no workflow {workflow}")
    text = jsonio.dumps(document).decode()
    draft = begin_draft(place.doer(), place.environment, (model, version), workflow, text, base=base)
    return HttpResponseRedirect(place.url("draft", draft=draft.pk))


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, place: Place) -> HttpResponse:
    """A draft of a workflow that is not there yet."""
    models = counted_models(place)
    form = NewWorkflowForm(request.POST or None, models=models, chosen=request.GET.get("model", ""))
    if form.is_valid():
        model, _space, version = form.cleaned_data["model"].rpartition(" ")
        base, documents = newest(place, model, int(version))
        name = form.cleaned_data["name"]
        document = next((each for each in documents if each["name"] == name), {**edits.STARTER, "name": name})
        text = jsonio.dumps(document).decode()
        draft = begin_draft(place.doer(), place.environment, (model, int(version)), name, text, base=base)
        return HttpResponseRedirect(place.url("draft", draft=draft.pk))
    intro = "" if models else _("There is no model yet: discover one first.")
    return show_form(
        request, place, form, title=_("New workflow"), button=_("Begin"), back=place.url("workflows"), intro=intro
    )  # fmt: skip


def newest(place: Place, model: str, version: int) -> tuple[int, list[Document]]:
    """The model's workflows now, with the number of their version: 0 and none before the first import."""
    versions = place.api.get("model", model, version, "workflow", "versions", limit=1)["versions"]
    if not versions:
        return 0, []
    number = versions[0]["version"]
    return number, place.api.get("model", model, version, "workflow", "versions", number)["workflows"]


@on_draft
@require_http_methods(["GET"])
def draft(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The states with their transitions, as a graph and as a table."""
    document = bench.document
    counts = dict(_counted(bench).by_state)
    context = {
        "tab": "states",
        "graph": graph_of(document, counts, href=lambda name: bench.url("draft_part", at=pointed("states", name))),
        "rows": rows_of(document, counts),
    }
    return show_bench(request, bench, "console/workflow_draft_states.html", **context)


def _counted(bench: Bench) -> Counted:
    return one_model(bench.place, *bench.model)


@on_draft
@require_POST
def act(request: HttpRequest, bench: Bench) -> HttpResponse:
    """One button of the draft's pages: `do` says which, `at` on what, `onward` where to go then."""
    verb = request.POST.get("do", "")
    if verb == "discard":
        end_draft(bench.place.doer(), bench.draft)
        messages.success(request, _("The draft is discarded; what is in force stays as it is."))
        return HttpResponseRedirect(bench.place.url("workflows"))
    if verb in ("undo", "redo"):
        step_draft(bench.draft, seen_by(request), -1 if verb == "undo" else 1)
        return HttpResponseRedirect(_onward(request, bench))
    try:
        change, summary = _acts(verb, request.POST.get("at", ""), request.POST.get("name", ""))
        bench.change(request, change, summary)
    except EditRefused as refusal:
        messages.error(request, refusal.text)
    return HttpResponseRedirect(_onward(request, bench))


def _onward(request: HttpRequest, bench: Bench) -> str:
    """A page of this draft only."""
    onward = request.POST.get("onward", "")
    return onward if onward.startswith(bench.url()) else bench.url()


def _acts(verb: str, at: str, name: str) -> tuple[Change, str]:
    """Raises EditRefused for a button that no page has."""
    steps = segments(at)
    index = int(steps[-1]) if steps and steps[-1].isdecimal() else 0
    listed = pointed(*steps[:-1])
    match verb:
        case "add-state":
            return lambda d: edits.add_state(d, name), _("state %(name)s added") % {"name": name}
        case "delete-state":
            gone = steps[-1]
            return lambda d: edits.delete_state(d, gone), _("state %(name)s deleted") % {"name": gone}
        case "initial":
            return lambda d: edits.set_initial(d, steps[-1]), _("%(name)s is initial") % {"name": steps[-1]}
        case "up" | "down":
            by = -1 if verb == "up" else 1
            return lambda d: edits.move_item(d, listed, index, by), _("%(at)s moved") % {"at": at}
        case "delete":
            return lambda d: edits.delete_item(d, listed, index), _("%(at)s deleted") % {"at": at}
    raise EditRefused(_("There is no such button."))


@on_draft
@require_http_methods(["GET", "POST"])
def as_json(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The whole document as text; `at` is the pointer of the part to go to."""
    text = indented(bench.revision.document.encode())
    form = DocumentForm(request.POST or None, initial={"document": text})
    if form.is_valid():
        document = jsonio.parse(form.cleaned_data["document"].encode())
        faults = _shape_faults(bench, document)
        if not faults:
            bench.replace(request, document, _("changed as JSON"))
            messages.success(request, _("Kept in the draft."))
            return HttpResponseRedirect(bench.url("draft_json"))
        for fault in faults[:SHOWN_FAULTS]:
            form.add_error("document", fault)
    at = request.GET.get("at", "")
    lines = lines_of(bench.document)
    return show_bench(
        request, bench, "console/workflow_draft_json.html", tab="json", form=form, at=at,
        line=lines.get(at) or lines.get(at.rpartition("/")[0]), words=" ".join(MEMBERS),
    )  # fmt: skip


def _shape_faults(bench: Bench, document: Any) -> list[str]:
    """Why the forms could not show it."""
    if not isinstance(document, dict) or not isinstance(document.get("states"), dict):
        return [_("A workflow is an object with a member “states”, which is an object too.")]
    issues = check(bench, document)["issues"]
    return [f"{each['pointer'].removeprefix(ROOT)}: {each['message']}" for each in issues if each["code"] in UNSHOWN]


@on_draft
@require_POST
def check_text(request: HttpRequest, bench: Bench) -> JsonResponse:
    """The issues of a text that is being typed, with their lines; nothing is kept."""
    text = request.POST.get("document", "")
    try:
        document = jsonio.parse(text.encode())
        indented_text = indented(text.encode())
    except jsonio.InvalidJson as error:
        return JsonResponse({"issues": [_broken(text, error)]})
    body = check(bench, document)
    lines = lines_of(document) if indented_text == text.strip() else {}
    issues = [shown_issue(bench, issue) for issue in body["issues"]]
    return JsonResponse({
        "issues": [
            {"severity": each.severity, "text": each.text, "pointer": each.pointer, "line": lines.get(each.pointer)}
            for each in issues
        ]
    })  # fmt: skip


def _broken(text: str, error: Exception) -> dict[str, Any]:
    line = None
    try:
        json.loads(text)
    except json.JSONDecodeError as found:
        line = found.lineno
    except RecursionError:
        pass
    return {"severity": "ERROR", "text": _("This is no JSON: %(reason)s") % {"reason": error}, "line": line}


@on_draft
@require_http_methods(["GET"])
def steps(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The kept steps of the draft, newest first, and what one of them changed."""
    rows = list(DraftRevision.objects.filter(draft=bench.draft).order_by("-number").defer("document")[:LISTED_STEPS])
    names = names_of(bench.place.organisation, {row.author for row in rows})
    asked = request.GET.get("step", "")
    shown = int(asked) if asked.isdecimal() and any(str(row.number) == asked for row in rows) else None
    return show_bench(
        request, bench, "console/workflow_draft_steps.html", tab="steps",
        steps=[(row, names.get(row.author, "")) for row in rows],
        shown=shown, change=None if shown is None else what_changed(bench, shown),
    )  # fmt: skip


def drafts_of(place: Place, model: str | None = None) -> list[WorkflowDraft]:
    """Those that people of the environment are at, the last changed first."""
    found = WorkflowDraft.objects.filter(environment=place.environment)
    return list(found if model is None else found.filter(model_name=model))
