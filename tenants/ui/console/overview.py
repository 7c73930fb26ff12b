"""An environment at a glance: what needs attention, what is in it, what computes for it, what it uses."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from tenants.models import AuditEvent, Person
from tenants.services.data_plane import ConnectedMember, Vitals, configured_data_plane
from tenants.services.visits import note_visit
from tenants.ui.console.connect import addresses
from tenants.ui.console.counts import Counted, counted_models
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.workflows.listing import workflows_of
from tenants.ui.shell.attention import of_place, tags_needed
from tenants.ui.shell.bars import bars
from tenants.ui.shell.checklist import checklist
from tenants.usage.figures import figures_of

EVENTS = 6
MODELS_LOOKED_IN = 20
"""The workflows of so many models are asked for what they need."""


@in_environment()
@require_safe
def overview(request: HttpRequest, place: Place) -> HttpResponse:
    person: Person = place.membership.user.person  # type: ignore[attr-defined] - the reverse of `user`
    note_visit(person, place.environment)
    now, models, vitals = timezone.now(), counted_models(place), configured_data_plane().vitals()
    members, offered = _own(vitals, place), vitals.tags_of(place.environment.tenant_id)
    figures = figures_of(place.environment, now)
    return show(
        request, place, "console/overview.html",
        models=models,
        members=members,
        entities=sum(model.entities for model in models),
        items=of_place(place, figures, offered, _needed(place, models), now),
        steps=checklist(place, models, members),
        bars=bars(figures),
        events=_events(place),
        addresses=addresses(request),
    )  # fmt: skip


def members_of(place: Place) -> Sequence[ConnectedMember]:
    """The compute nodes that are connected to this node, the first that came first."""
    return _own(configured_data_plane().vitals(), place)


def _own(vitals: Vitals, place: Place) -> Sequence[ConnectedMember]:
    own = (member for member in vitals.members if member.tenant == place.environment.tenant_id)
    return sorted(own, key=lambda member: member.connected_at)


def _needed(place: Place, models: Sequence[Counted]) -> set[str]:
    """The tags that the workflows in force ask of compute nodes."""
    looked_in = [workflow for model in models[:MODELS_LOOKED_IN] for workflow in workflows_of(place, model)]
    return set[str]().union(*(tags_needed(each.document) for each in looked_in if each.is_active))


def _events(place: Place) -> Sequence[AuditEvent]:
    """The last changes of the environment itself, for those who may read the audit log."""
    if not place.may_manage_people:
        return ()
    own = AuditEvent.objects.filter(organisation_id=place.organisation.pk, tenant_id=place.environment.tenant_id)
    return list(own.order_by("-id")[:EVENTS])
