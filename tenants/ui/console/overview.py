"""An environment at a glance: what is in it, what computes for it, how to connect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.services.data_plane import ConnectedMember, configured_data_plane
from tenants.ui.console.place import Place, in_environment, show


@dataclass(slots=True)
class Counted:
    """A model with its live entities, in all and by state, the fullest state first."""

    name: str
    version: int
    state: str
    updated_at: str
    entities: int = 0
    by_state: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])


@in_environment()
@require_safe
def overview(request: HttpRequest, place: Place) -> HttpResponse:
    models = counted_models(place)
    members = members_of(place)
    total = sum(model.entities for model in models)
    return show(request, place, "console/overview.html", models=models, members=members, entities=total)


def counted_models(place: Place) -> list[Counted]:
    """By name and version. Three calls, whatever their number."""
    found = {
        (model["modelName"], model["modelVersion"]): Counted(
            model["modelName"], model["modelVersion"], model["currentState"], model["modelUpdateDate"]
        )
        for model in place.api.get("model", "")
    }
    for count in place.api.get("entity", "stats"):
        if model := found.get((count["modelName"], count["modelVersion"])):
            model.entities = count["count"]
    for count in place.api.get("entity", "stats", "states"):
        if model := found.get((count["modelName"], count["modelVersion"])):
            model.by_state.append((count["state"], count["count"]))
    for model in found.values():
        model.by_state.sort(key=lambda pair: -pair[1])
    return [found[key] for key in sorted(found)]


def members_of(place: Place) -> Sequence[ConnectedMember]:
    """The compute nodes that are connected to this node, the first that came first."""
    tenant = place.environment.tenant_id
    members = configured_data_plane().vitals().members
    return sorted((m for m in members if m.tenant == tenant), key=lambda member: member.connected_at)
