"""What runs or ran in the background of an environment: exports, searches, and the making of the environment itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tenants.models import Provisioning
from tenants.services.exports import exports_of
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.searches import Search, searches
from tenants.ui.moments import parsed

LISTED = 100
RUNS = 20
_ENDED = (Provisioning.State.SUCCEEDED, Provisioning.State.FAILED, Provisioning.State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Job:
    """A line of the list; `export_url` is where the file of a search is."""

    kind: str
    what: str
    url: str
    state: str
    is_running: bool
    by: str
    began_at: datetime | None
    ended_at: datetime | None


@in_environment()
@require_safe
def job_list(request: HttpRequest, place: Place) -> HttpResponse:
    found = searches(place, place.api.get("search", "async", limit=LISTED)["jobs"])
    exported = {export.job_id: export for export in exports_of(place.environment)[:LISTED]}
    jobs = [_of_search(place, search, str(exported[search.id].pk) if search.id in exported else "") for search in found]
    jobs += [_of_run(place, run) for run in place.environment.runs.order_by("-created_at")[:RUNS]]  # type: ignore[attr-defined] - the reverse of `environment`
    jobs.sort(key=lambda job: job.began_at.timestamp() if job.began_at else 0, reverse=True)
    return show(
        request, place, "console/jobs.html", jobs=jobs, is_under_way=any(job.is_running for job in jobs)
    )  # fmt: skip


def _of_search(place: Place, search: Search, export_id: str) -> Job:
    kind, url = _("Search"), place.url("search", job_id=search.id)
    if export_id:
        kind, url = _("Export"), place.url("export", export_id=export_id)
    what = _("%(model)s %(version)s: %(asked)s") % {
        "model": search.model, "version": search.version, "asked": search.asked,
    }  # fmt: skip
    details = search.details
    return Job(
        kind, what, url, search.status, search.is_running, search.by, parsed(details["createTime"]),
        parsed(details.get("finishTime")),
    )  # fmt: skip


def _of_run(place: Place, run: Provisioning) -> Job:
    what = _("making it") if run.kind == Provisioning.Kind.CREATE else _("removing it")
    return Job(
        _("Provisioning"), what, place.url("provisioning"), run.state.upper(), run.state not in _ENDED, "",
        run.created_at, run.finished_at,
    )  # fmt: skip
