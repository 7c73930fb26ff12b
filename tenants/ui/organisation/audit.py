"""What was changed in an organisation, by whom: one page of the audit log after another."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from cyoda.permissions import Action
from tenants.models import AuditEvent
from tenants.ui.console.place import House, in_organisation, show

PAGE_ROWS = 50


@in_organisation(Action.MANAGE_PEOPLE)
@require_safe
def audit(request: HttpRequest, house: House) -> HttpResponse:
    """The newest first; `before` is the id of the last event of the page before."""
    events = AuditEvent.objects.filter(organisation_id=house.organisation.pk).order_by("-id")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        events = events.filter(id__lt=int(before))
    found = list(events[: PAGE_ROWS + 1])
    return show(request, house, "organisation/audit.html", events=found[:PAGE_ROWS], has_more=len(found) > PAGE_ROWS)
