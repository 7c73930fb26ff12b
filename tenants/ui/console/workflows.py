"""Workflows: all of an environment, and one as a graph, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from cyoda import jsonio
from cyoda.errors import WorkflowNotFound
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import Counted, counted_models, one_model
from tenants.ui.console.documents import indented
from tenants.ui.console.place import Place, in_environment, show

TABS = ("graph", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One workflow of a model, with the document that the API exports."""

    model: Counted
    document: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.document["name"]

    @property
    def is_active(self) -> bool:
        return self.document.get("active", True)

    @property
    def states(self) -> int:
        return len(self.document["states"])

    @property
    def transitions(self) -> list[Transition]:
        return list(_transitions(self.document))


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """`kind` is manual, scheduled or automatic."""

    source: str
    target: str
    name: str
    kind: str
    is_disabled: bool
    criterion: Any
    processors: list[Any]


@in_environment()
@require_safe
def workflow_list(request: HttpRequest, place: Place) -> HttpResponse:
    found = [workflow for model in counted_models(place) for workflow in workflows_of(place, model)]
    return show(request, place, "console/workflows.html", workflows=found)


@in_environment()
@require_safe
def workflow(
    request: HttpRequest, place: Place, model: str, version: int, workflow: str, tab: str = TABS[0]
) -> HttpResponse:
    workflows = [each for each in workflows_of(place, one_model(place, model, version)) if each.name == workflow]
    if not workflows or tab not in TABS:
        raise Http404
    found = workflows[0]
    context: dict[str, Any] = {"workflow": found, "tab": tab, "tabs": TABS}
    if tab == "json":
        context["json"] = indented(jsonio.dumps(found.document))
    else:
        context["graph"], context["states"] = _graph(found), _by_state(found)
    return show(request, place, f"console/workflow_{tab}.html", **context)


def workflows_of(place: Place, model: Counted) -> list[Workflow]:
    """Those of its own: none is no refusal here."""
    try:
        exported = place.api.get("model", model.name, model.version, "workflow", "export")
    except Refused as refusal:
        if refusal.code != WorkflowNotFound.code:
            raise
        return []
    return [Workflow(model=model, document=document) for document in exported["workflows"]]


def _transitions(document: Mapping[str, Any]) -> Iterator[Transition]:
    for source, state in document["states"].items():
        for transition in state.get("transitions", ()):
            yield Transition(
                source=source,
                target=transition["next"],
                name=transition["name"],
                kind=_kind(transition),
                is_disabled=transition.get("disabled", False),
                criterion=transition.get("criterion"),
                processors=transition.get("processors", []),
            )


def _kind(transition: Mapping[str, Any]) -> str:
    if transition.get("manual"):
        return "manual"
    return "scheduled" if transition.get("schedule") else "automatic"


def _role(document: Mapping[str, Any], name: str) -> str:
    if name == document["initialState"]:
        return "initial"
    return "ordinary" if document["states"][name].get("transitions") else "terminal"


def _graph(found: Workflow) -> dict[str, Any]:
    """What the graph is drawn of. Entities are counted by state, whichever workflow they follow."""
    counts = dict(found.model.by_state)
    states = found.document["states"]
    return {
        "states": [
            {"name": name, "role": _role(found.document, name), "count": counts.get(name, 0)} for name in states
        ],
        "transitions": [
            {
                "from": each.source,
                "to": each.target,
                "name": each.name,
                "kind": each.kind,
                "disabled": each.is_disabled,
                "conditional": each.criterion is not None,
            }
            for each in found.transitions
            if each.target in states
        ],
    }


def _by_state(found: Workflow) -> list[tuple[str, str, int, list[Transition]]]:
    """Name, role, entities and transitions of each state, in the document's order."""
    counts = dict(found.model.by_state)
    return [
        (name, _role(found.document, name), counts.get(name, 0), [t for t in found.transitions if t.source == name])
        for name in found.document["states"]
    ]
