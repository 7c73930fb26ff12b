"""A draft put in force: first what it would change, then the import of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda import jsonio
from cyoda.errors import WorkflowsModified
from tenants.services.drafts import end_draft, rebase_draft
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.workflows.bench import Bench, check, on_draft, seen_by, show_bench, shown_issue
from tenants.ui.console.workflows.differences import SAME, changes
from tenants.ui.console.workflows.drafting import newest
from tenants.ui.console.workflows.versions import versions_between

MODES = (
    ("MERGE", lazy("MERGE: a workflow of the same name is replaced, the others stay as they are")),
    ("REPLACE", lazy("REPLACE: this one alone; all others of the model are removed")),
    ("ACTIVATE", lazy("ACTIVATE: this one is in force; the others stay, out of force")),
)


@on_draft
@require_http_methods(["GET", "POST"])
def publish(request: HttpRequest, bench: Bench) -> HttpResponse:
    """The difference to what is in force, by the chosen mode; with errors nothing is published."""
    given = request.POST if request.method == "POST" else request.GET
    mode = given.get("mode", "MERGE")
    mode = mode if mode in dict(MODES) else "MERGE"
    allow_cycles = bool(given.get("cycles"))
    number, present = newest(bench.place, *bench.model)
    if request.method == "POST" and "onto" in request.POST:
        rebase_draft(bench.draft, seen_by(request), number)
        return HttpResponseRedirect(bench.url("draft_publish", mode=mode))
    checked = check(bench, bench.document, mode, allow_cycles=allow_cycles)
    form = confirmation(request, bench.place) if mode != "MERGE" else None
    issues = [shown_issue(bench, issue) for issue in checked["issues"]]
    warned = any(issue.severity == "WARNING" for issue in issues)
    refused = ""
    if request.method == "POST" and "publish" in request.POST and checked["valid"] and number == bench.draft.base:
        if warned and "warnings" not in request.POST:
            refused = _("Tick that you have seen the warnings.")
        elif form is None or form.is_valid():
            return _published(request, bench, mode, allow_cycles=allow_cycles)
    is_stale = number != bench.draft.base
    return show_bench(
        request, bench, "console/workflow_draft_publish.html", tab="publish", modes=MODES, mode=mode, form=form,
        issues=issues, is_valid=checked["valid"], warned=warned, refused=refused, allow_cycles=allow_cycles,
        has_cycle=allow_cycles or any(issue["code"] == "CYCLE" for issue in checked["issues"]),
        changes=_changed(present, checked), is_stale=is_stale, present=number,
        meanwhile=versions_between(bench, bench.draft.base) if is_stale else (),
        status=409 if is_stale and request.method == "POST" else 200,
    )  # fmt: skip


def _changed(present: list[Any], checked: dict[str, Any]) -> list[Any]:
    """Changes of all workflows of the model; those that stay the same are left out."""
    return [each for each in changes(present, checked.get("workflows", present)) if each.kind != SAME]


def _published(request: HttpRequest, bench: Bench, mode: str, *, allow_cycles: bool) -> HttpResponse:
    document = bench.document
    body = jsonio.dumps({"importMode": mode, "allowCycles": allow_cycles, "workflows": [document]})
    try:
        bench.place.api.send(
            "POST", "model", *bench.model, "workflow", "import", body=body, seen=str(bench.draft.base)
        )  # fmt: skip
    except Refused as refusal:
        if refusal.code != WorkflowsModified.code:
            messages.error(request, refusal.detail)
        return HttpResponseRedirect(bench.url("draft_publish", mode=mode))
    end_draft(bench.place.doer(), bench.draft, action="published")
    model, version = bench.model
    onward = bench.place.url("workflow", model=model, version=version, workflow=document["name"])
    return HttpResponseRedirect(f"{onward}?published={bench.draft.base + 1}")
