"""An environment at a glance: what needs attention, what is in it, what computes for it, what it uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tenants.models import AuditEvent, Person
from tenants.services.visits import note_visit
from tenants.ui.console.connect import addresses
from tenants.ui.console.counts import counted_models, present
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.shell.attention import of_place
from tenants.ui.shell.bars import bars
from tenants.ui.shell.checklist import checklist
from tenants.usage.figures import figures_of

EVENTS = 6
ERRORS_OF = timedelta(hours=1)
ERRORS = 20
"""So many runs with errors are counted."""


@in_environment()
@require_safe
def overview(request: HttpRequest, place: Place) -> HttpResponse:
    person: Person = place.membership.user.person  # type: ignore[attr-defined] - the reverse of `user`
    note_visit(person, place.environment)
    now, models, computing = timezone.now(), counted_models(place), place.api.get("members")
    members = present(computing["members"])
    unserved = [each["tags"] for each in computing["requirements"] if not each["members"]]
    figures = figures_of(place.environment, now)
    return show(
        request, place, "console/overview.html",
        models=models,
        members=members,
        entities=sum(model.entities for model in models),
        items=of_place(place, figures, unserved, _errors(place, now), now),
        steps=checklist(place, models, is_joined=bool(members)),
        bars=bars(figures),
        events=_events(place),
        addresses=addresses(request),
    )  # fmt: skip


def _errors(place: Place, now: datetime) -> int:
    """How many runs of the last hour had errors, counted up to ERRORS."""
    since = f"{now - ERRORS_OF:%Y-%m-%dT%H:%M:%S}Z"
    return len(place.api.get("audit", "transactions", errors="true", fromUtcTime=since, limit=ERRORS)["items"])


def _events(place: Place) -> Sequence[AuditEvent]:
    """The last changes of the environment itself, for those who may read the audit log."""
    if not place.may_manage_people:
        return ()
    own = AuditEvent.objects.filter(organisation_id=place.organisation.pk, tenant_id=place.environment.tenant_id)
    return list(own.order_by("-id")[:EVENTS])
