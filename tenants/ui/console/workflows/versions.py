"""Versions that imports left: listed, compared with each other, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cyoda import jsonio
from cyoda.errors import WorkflowsModified
from cyoda.permissions import Action
from tenants.services.people import names_of
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.counts import one_model
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.workflows.bench import Bench
from tenants.ui.console.workflows.differences import SAME, changes

PAGE_VERSIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One import, as it is listed."""

    number: int
    at: str
    mode: str
    by: str
    names: list[str]


@in_environment()
@require_safe
def version_list(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """Newest first; `a` and `b` of the query are compared."""
    found = one_model(place, model, version)
    before = request.GET.get("before")
    answer = place.api.get(
        "model", model, version, "workflow", "versions", before=before if before and before.isdecimal() else None,
        limit=PAGE_VERSIONS,
    )  # fmt: skip
    versions = listed(place, answer["versions"])
    pair = _pair(request, versions)
    context: dict[str, Any] = {"model": found, "versions": versions, "before": answer.get("before"), "pair": pair}
    if pair is not None:
        old, new = (workflows_at(place, model, version, number) for number in pair)
        context["changes"] = [each for each in changes(old, new) if each.kind != SAME]
    context["current"] = versions[0].number if versions and not before else None
    return show(request, place, "console/workflow_versions.html", **context)


def _pair(request: HttpRequest, versions: list[Version]) -> tuple[int, int] | None:
    """The older one first; without a choice the last import is shown."""
    chosen = [request.GET.get(name, "") for name in ("a", "b")]
    if all(each.isdecimal() and len(each) < 10 for each in chosen):
        first, second = sorted(int(each) for each in chosen)
        return (first, second) if first != second else None
    return (versions[0].number - 1, versions[0].number) if versions and not any(chosen) else None


def workflows_at(place: Place, model: str, version: int, number: int) -> list[Any]:
    """Of version 0 none. Raises Refused."""
    if number == 0:
        return []
    return place.api.get("model", model, version, "workflow", "versions", number)["workflows"]


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def restore(request: HttpRequest, place: Place, model: str, version: int, number: int) -> HttpResponse:
    """Put a version back, as a new one. Asked about first, unless it only undoes what was just published (`undo`)."""
    one_model(place, model, version)
    newest = place.api.get("model", model, version, "workflow", "versions", limit=1)["versions"]
    kept = workflows_at(place, model, version, number)
    if not newest or not kept:
        raise Http404
    current = newest[0]["version"]
    seen = request.POST.get("seen", str(current))
    form = confirmation(request, place)
    if request.method == "POST" and (form.is_valid() or request.POST.get("undo") == str(current)):
        return _restored(request, place, (model, version), kept, seen)
    present = workflows_at(place, model, version, current)
    return show(
        request, place, "console/workflow_restore.html", model=one_model(place, model, version), number=number,
        current=current, form=form, changes=[each for each in changes(present, kept) if each.kind != SAME],
    )  # fmt: skip


def _restored(
    request: HttpRequest, place: Place, key: tuple[str, int], kept: list[Any], seen: str
) -> HttpResponse:  # fmt: skip
    """As it was imported then, cycles included."""
    body = jsonio.dumps({"importMode": "REPLACE", "allowCycles": True, "workflows": kept})
    try:
        place.api.send("POST", "model", *key, "workflow", "import", body=body, seen=seen)
    except Refused as refusal:
        stale = _("Somebody has imported workflows meanwhile: look at them first.")
        messages.error(request, stale if refusal.code == WorkflowsModified.code else refusal.detail)
    else:
        messages.success(request, _("The workflows are as they were, as a new version."))
    return HttpResponseRedirect(place.url("workflow_versions", model=key[0], version=key[1]))


def listed(place: Place, versions: list[dict[str, Any]]) -> list[Version]:
    """With the names of those who imported them."""
    names = names_of(place.organisation, {each["importedBy"]["id"] for each in versions if "importedBy" in each})
    return [
        Version(
            number=each["version"], at=each["importedAt"], mode=each["importMode"], names=each["workflows"],
            by=_name(names, each),
        )
        for each in versions
    ]  # fmt: skip


def _name(names: dict[str, str], version: dict[str, Any]) -> str:
    by: str = version.get("importedBy", {}).get("id", "")
    return names.get(by, by)


def versions_between(bench: Bench, base: int) -> list[Version]:
    """What was imported since a draft began, newest first."""
    answer = bench.place.api.get("model", *bench.model, "workflow", "versions", limit=PAGE_VERSIONS)
    return [each for each in listed(bench.place, answer["versions"]) if each.number > base]
