"""An environment at a glance: what is in it, what computes for it, how to connect."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.services.data_plane import ConnectedMember, configured_data_plane
from tenants.services.visits import note_visit
from tenants.ui.console.counts import counted_models
from tenants.ui.console.place import Place, in_environment, show


@in_environment()
@require_safe
def overview(request: HttpRequest, place: Place) -> HttpResponse:
    note_visit(place.membership.user.person, place.environment)  # type: ignore[attr-defined] - the reverse of `user`
    models = counted_models(place)
    members = members_of(place)
    total = sum(model.entities for model in models)
    return show(request, place, "console/overview.html", models=models, members=members, entities=total)


def members_of(place: Place) -> Sequence[ConnectedMember]:
    """The compute nodes that are connected to this node, the first that came first."""
    tenant = place.environment.tenant_id
    members = configured_data_plane().vitals().members
    return sorted((m for m in members if m.tenant == tenant), key=lambda member: member.connected_at)
