"""Workflows: all of an environment, and one as a graph, as a table and as JSON, with what can be done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cyoda import jsonio
from cyoda.errors import WorkflowNotFound
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.counts import Counted, counted_models, one_model
from tenants.ui.console.documents import indented
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.segments import NameConverter
from tenants.ui.console.workflows.drafting import drafts_of, newest
from tenants.ui.console.workflows.graph import Row, Transition, graph_of, rows_of, transitions_of
from tenants.ui.console.workflows.versions import Version, listed

TABS = ("graph", "json")
NAMES = NameConverter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One workflow of a model, with the document that the API exports; `issues` count by severity."""

    model: Counted
    document: Mapping[str, Any]
    last_import: Version | None = None
    issues: Mapping[str, int] | None = None

    @property
    def name(self) -> str:
        return self.document["name"]

    @property
    def is_active(self) -> bool:
        return self.document.get("active", True)

    @property
    def export_key(self) -> str:
        names = (NAMES.to_url(self.model.name), NAMES.to_url(self.name))
        return "/".join((str(self.model.version), *names))

    @property
    def states(self) -> int:
        return len(self.document["states"])

    @property
    def transitions(self) -> list[Transition]:
        return transitions_of(self.document)

    @property
    def by_state(self) -> list[tuple[str, int]]:
        """Entities of the model that are in its states, the fullest first."""
        return [(state, count) for state, count in self.model.by_state if state in self.document["states"]]

    @property
    def entities(self) -> int:
        return sum(count for _state, count in self.by_state)

    @property
    def rows(self) -> list[Row]:
        return rows_of(self.document, dict(self.model.by_state))


@in_environment()
@require_safe
def workflow_list(request: HttpRequest, place: Place) -> HttpResponse:
    found = [workflow for model in counted_models(place) for workflow in _told(place, model)]
    drafts = drafts_of(place) if place.may_configure else []
    return show(request, place, "console/workflows.html", workflows=found, drafts=drafts)


def _told(place: Place, model: Counted) -> list[Workflow]:
    """With the last import and with what the checks say; models without workflows cost one call."""
    found = workflows_of(place, model)
    if not found:
        return []
    key = (model.name, model.version)
    versions = listed(place, place.api.get("model", *key, "workflow", "versions", limit=1)["versions"])
    body = jsonio.dumps({"allowCycles": True, "workflows": [each.document for each in found]})
    issues = place.api.send("POST", "model", *key, "workflow", "check", body=body)["issues"]
    return [
        Workflow(
            model=model, document=each.document, last_import=versions[0] if versions else None,
            issues={
                severity: sum(
                    issue["severity"] == severity and issue["pointer"].startswith(f"/workflows/{index}/")
                    for issue in issues
                )
                for severity in ("ERROR", "WARNING")
            },
        )
        for index, each in enumerate(found)
    ]  # fmt: skip


@in_environment()
@require_safe
def workflow(
    request: HttpRequest, place: Place, model: str, version: int, workflow: str, tab: str = TABS[0]
) -> HttpResponse:
    if tab not in TABS:
        raise Http404
    found = one_workflow(place, model, version, workflow)
    context: dict[str, Any] = {"workflow": found, "tab": tab, "tabs": TABS, "draft": _draft(place, found)}
    context["published"] = published = _published(request, place, found)
    context["undo_to"] = (published or 1) - 1
    if tab == "json":
        context["json"] = indented(jsonio.dumps(found.document))
    else:
        listing = place.url("entities", model=model, version=version)
        context["graph"] = graph_of(found.document, dict(found.model.by_state), listing=listing)
        context["listing"] = listing
    return show(request, place, f"console/workflow_{tab}.html", **context)


def one_workflow(place: Place, model: str, version: int, name: str) -> Workflow:
    """Raises Http404."""
    for each in workflows_of(place, one_model(place, model, version)):
        if each.name == name:
            return each
    raise Http404


def _draft(place: Place, found: Workflow) -> Any:
    mine = (found.model.version, found.name)
    drafts = drafts_of(place, found.model.name) if place.may_configure else []
    return next((each for each in drafts if (each.model_version, each.workflow) == mine), None)


def _published(request: HttpRequest, place: Place, found: Workflow) -> int | None:
    """The version that was just published, while it is the newest: it can be undone."""
    asked = request.GET.get("published", "")
    if not asked.isdecimal() or len(asked) > 9:
        return None
    answer = place.api.get("model", found.model.name, found.model.version, "workflow", "versions", limit=1)
    numbers = [each["version"] for each in answer["versions"]]
    return int(asked) if numbers == [int(asked)] else None


@in_environment(Action.CONFIGURE)
@require_POST
def switch(request: HttpRequest, place: Place, model: str, version: int, workflow: str) -> HttpResponse:
    """Put a workflow in force, or out of it."""
    number, documents = newest(place, model, version)
    document = next((each for each in documents if each["name"] == workflow), None)
    if document is None:
        raise Http404
    is_active = "on" in request.POST
    body = {"importMode": "MERGE", "allowCycles": True, "workflows": [{**document, "active": is_active}]}
    onward = place.url("workflow", model=model, version=version, workflow=workflow)
    try:
        place.api.send("POST", "model", model, version, "workflow", "import", body=jsonio.dumps(body), seen=str(number))
    except Refused as refusal:
        messages.error(request, refusal.detail)
        return HttpResponseRedirect(onward)
    return HttpResponseRedirect(f"{onward}?published={number + 1}")


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, model: str, version: int, workflow: str) -> HttpResponse:
    """Remove a workflow: the others of the model are imported in place of all. The last one can only be put out of
    force."""
    found = one_workflow(place, model, version, workflow)
    number, documents = newest(place, model, version)
    others = [each for each in documents if each["name"] != workflow]
    form = confirmation(request, place)
    back = place.url("workflow", model=model, version=version, workflow=workflow)
    if not others:
        messages.error(request, _("A model keeps at least one workflow: put this one out of force instead."))
        return HttpResponseRedirect(back)
    if request.method == "POST" and form.is_valid():
        body = jsonio.dumps({"importMode": "REPLACE", "allowCycles": True, "workflows": others})
        place.api.send("POST", "model", model, version, "workflow", "import", body=body, seen=str(number))
        messages.success(request, _("%(name)s is removed. Its versions are kept.") % {"name": workflow})
        return HttpResponseRedirect(place.url("workflow_versions", model=model, version=version))
    intro = _("Entities in its states follow the other workflows that know these states, or stay: %(number)s now.")
    return show_form(
        request, place, form, title=_("Remove %(name)s") % {"name": workflow}, button=_("Remove it"), back=back,
        intro=intro % {"number": found.entities}, is_dangerous=True,
    )  # fmt: skip


def graph_around(place: Place, meta: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The workflow that an entity follows, with the state that it is in; None for the built-in one."""
    key = (meta["modelKey"]["name"], meta["modelKey"]["version"])
    found = next((each for each in workflows_of(place, one_model(place, *key)) if each.name == name), None)
    if found is None:
        return None
    listing = place.url("entities", model=key[0], version=key[1])
    href = place.url("workflow", model=key[0], version=key[1], workflow=name)
    counts = dict(found.model.by_state)
    graph = graph_of(found.document, counts, listing=listing, here=meta["state"], href=lambda _state: href)
    return {"graph": graph, "graph_name": name}


def workflows_of(place: Place, model: Counted) -> list[Workflow]:
    """Those of its own: none is no refusal here."""
    try:
        exported = place.api.get("model", model.name, model.version, "workflow", "export")
    except Refused as refusal:
        if refusal.code != WorkflowNotFound.code:
            raise
        return []
    return [Workflow(model=model, document=document) for document in exported["workflows"]]
