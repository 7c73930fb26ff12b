"""The parts of a draft with their forms: a state, a transition, a processor, the workflow itself, a criterion."""

from __future__ import annotations

import re
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from tenants.ui.console.counts import one_model
from tenants.ui.console.fields import Fields, fields_of
from tenants.ui.console.workflows import criteria, criterion_form, edits
from tenants.ui.console.workflows.bench import Bench, on_draft, show_bench
from tenants.ui.console.workflows.edits import EditRefused
from tenants.ui.console.workflows.forms import NewForm, PartForm, ProcessorForm, SettingsForm, StateForm, TransitionForm
from tenants.ui.console.workflows.graph import rows_of
from tenants.ui.console.workflows.pointers import found, pointed, segments

_TRANSITION = re.compile(r"/states/[^/]*/transitions/\d+")


@on_draft
@require_http_methods(["GET", "POST"])
def part(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The form of the part that `at` points to."""
    at = request.GET.get("at", "")
    views = {0: _settings, 2: _state, 4: _transition, 6: _processor}
    steps = segments(at)
    view = views.get(len(steps))
    try:
        if view is None or [*steps[::2]] != ["states", "transitions", "processors"][: len(steps) // 2]:
            raise KeyError(at)
        found(bench.document, at)
    except KeyError:
        raise Http404 from None
    return view(request, bench, at)


def _sent(request: HttpRequest, name: str = "save") -> Any:
    return request.POST if request.method == "POST" and name in request.POST else None


def _settings(request: HttpRequest, bench: Bench, at: str) -> HttpResponse:
    document = bench.document
    form = SettingsForm(
        _sent(request), initial=SettingsForm.begun(document), states=list(document["states"]), focus=_focus(request)
    )
    if form.is_valid() and _made(
        request, bench, form, lambda d: edits.change_workflow(d, form.values), _("the workflow itself changed")
    ):
        return HttpResponseRedirect(bench.url())
    return show_bench(
        request, bench, "console/workflow_draft_settings.html", tab="settings", form=form, at=at,
        condition=criteria.sentence(document.get("criterion")),
    )  # fmt: skip


def _state(request: HttpRequest, bench: Bench, at: str) -> HttpResponse:
    document, name = bench.document, segments(at)[1]
    form = StateForm(_sent(request), initial={"name": name}, focus=_focus(request))
    adding = NewTransition.of(_sent(request, "add"), document, name)
    if form.is_valid():
        new = form.cleaned_data["name"]
        summary = _("state %(old)s renamed to %(new)s") % {"old": name, "new": new}
        if _made(request, bench, form, lambda d: edits.rename_state(d, name, new), summary):
            return HttpResponseRedirect(bench.url("draft_part", at=pointed("states", new)))
    elif adding.is_valid():
        given = adding.cleaned_data
        summary = _("transition %(name)s added") % {"name": given["name"]}
        if _made(
            request, bench, adding, lambda d: edits.add_transition(d, name, given["name"], given["next"]), summary
        ):
            index = len(edits.transitions_of(document["states"][name]))
            return HttpResponseRedirect(bench.url("draft_part", at=pointed("states", name, "transitions", index)))
    counts = dict(one_model(bench.place, *bench.model).by_state)
    leading = [(source, transition["name"]) for source, transition in edits.leading_to(document, name)]
    row = next(row for row in rows_of(document, counts) if row.name == name)
    return show_bench(
        request, bench, "console/workflow_draft_state.html", tab="states", form=form, adding=adding, at=at, row=row,
        leading=[each for each in leading if each[0] != name],
    )  # fmt: skip


class NewTransition(TransitionForm):
    """Name and target only; the rest is chosen in its own form."""

    @classmethod
    def of(cls, data: Any, document: edits.Document, source: str) -> NewTransition:
        form = cls(data, states=list(document["states"]), prefix="new")
        form.fields = {name: form.fields[name] for name in ("name", "next")}
        return form


def _transition(request: HttpRequest, bench: Bench, at: str) -> HttpResponse:
    document = bench.document
    source, index = segments(at)[1], int(segments(at)[3])
    transition = found(document, at)
    form = TransitionForm(
        _sent(request), initial=TransitionForm.begun(transition, source), states=list(document["states"]),
        focus=_focus(request),
    )  # fmt: skip
    adding = NewForm(_sent(request, "add"), prefix="new")
    if form.is_valid():
        into = form.cleaned_data["source"]
        summary = _("transition %(name)s changed") % {"name": form.cleaned_data["name"]}
        if _made(request, bench, form, lambda d: edits.change_transition(d, source, index, form.values, into), summary):
            return HttpResponseRedirect(bench.url("draft_part", at=pointed("states", into)))
    elif adding.is_valid():
        name = adding.cleaned_data["name"]
        summary = _("processor %(name)s added") % {"name": name}
        if _made(request, bench, adding, lambda d: edits.add_processor(d, at, name), summary):
            index = len(transition.get("processors") or [])
            return HttpResponseRedirect(bench.url("draft_part", at=f"{at}{pointed('processors', index)}"))
    return show_bench(
        request, bench, "console/workflow_draft_transition.html", tab="states", form=form, adding=adding, at=at,
        source=source, transition=transition, condition=criteria.sentence(transition.get("criterion")),
        processors=_with_pointers(at, transition), up=bench.url("draft_part", at=pointed("states", source)),
    )  # fmt: skip


def _with_pointers(at: str, transition: edits.Part) -> list[tuple[str, edits.Part]]:
    processors = transition.get("processors") or []
    return [(at + pointed("processors", index), each) for index, each in enumerate(processors)]


def _processor(request: HttpRequest, bench: Bench, at: str) -> HttpResponse:
    processor, owner = found(bench.document, at), at.rpartition("/processors/")[0]
    form = ProcessorForm(_sent(request), initial=ProcessorForm.begun(processor), focus=_focus(request))
    summary = _("processor %(name)s changed") % {"name": processor.get("name")}
    if form.is_valid() and _made(
        request, bench, form, lambda d: edits.change_processor(d, at, form.values, form.config), summary
    ):
        return HttpResponseRedirect(bench.url("draft_part", at=owner))
    return show_bench(
        request, bench, "console/workflow_draft_processor.html", tab="states", form=form, at=at, owner=owner,
        source=segments(at)[1], transition=found(bench.document, owner), processor=processor,
        back=bench.url("draft_part", at=owner), up=bench.url("draft_part", at=pointed("states", segments(at)[1])),
    )  # fmt: skip


def _focus(request: HttpRequest) -> str:
    return request.GET.get("focus", "")


def _made(request: HttpRequest, bench: Bench, form: PartForm, change: Any, summary: str) -> bool:
    """False when it cannot be: the form says why."""
    try:
        bench.change(request, change, summary)
    except EditRefused as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else None, refusal.text)
        return False
    return True


@on_draft
@require_http_methods(["GET", "POST"])
def criterion(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The criterion of the transition that `at` points to, or the workflow's own; each button keeps all fields."""
    at = request.GET.get("at", "")
    try:
        if at and not _TRANSITION.fullmatch(at):
            raise KeyError(at)
        owner = found(bench.document, at)
    except KeyError:
        raise Http404 from None
    error = ""
    fields = fields_of(bench.place, *bench.model)
    present = owner.get("criterion")
    if request.method == "POST":
        try:
            present = _built(request, fields)
            summary = _("criterion of %(name)s changed") % {"name": owner.get("name", "")}
            bench.change(request, lambda d: edits.set_criterion(d, at, present), summary)
        except (criterion_form.WrongValue, EditRefused) as refusal:
            error = str(refusal)
        except criteria.NotStructured:
            raise Http404 from None
        else:
            done = "save" in request.POST
            back = bench.url("draft_part", at=at) if at else bench.url("draft_part")
            return HttpResponseRedirect(back if done else bench.url("draft_criterion", at=at))
    return show_bench(
        request, bench, "console/workflow_draft_criterion.html", tab="states" if at else "settings", at=at,
        owner=owner, error=error, focus=request.GET.get("focus", ""), **_tree(request, present, is_wrong=bool(error)),
        fields=[field for field in fields.values() if field.path.startswith("$")],
        operators=criteria.OPERATORS, lifecycle=criteria.LIFECYCLE,
        kinds=_kinds(), back=bench.url("draft_part", at=at),
    )  # fmt: skip


def _built(request: HttpRequest, fields: Fields) -> Any:
    sent = _fields_of(request)
    kinds = {path: field.kind for path, field in fields.items()}
    present = criterion_form.criterion_of(sent, kinds) if f"{criteria.ROOT}.kind" in sent else None
    return criterion_form.with_act(present, sent["do"]) if sent.get("do") else present


def _tree(request: HttpRequest, present: Any, *, is_wrong: bool) -> dict[str, Any]:
    """The node to show; with a wrong value the fields as they were sent."""
    if present is None and not is_wrong:
        return {"node": None, "is_structured": True}
    try:
        node = criterion_form.node_as_sent(_fields_of(request)) if is_wrong else criteria.node_of(present)
    except criteria.NotStructured:
        return {"node": None, "is_structured": False}
    return {"node": node, "is_structured": True}


def _fields_of(request: HttpRequest) -> dict[str, str]:
    return {name: str(request.POST[name]) for name in request.POST}


def _kinds() -> list[tuple[str, str]]:
    return [
        ("simple", _("A field of the document")),
        ("lifecycle", _("State, dates or ids of the entity")),
        ("array", _("The items of an array")),
        ("group", _("A group")),
        ("function", _("A question to a compute node")),
    ]
