"""The first steps in an environment, each ticked by what is there, not by a click."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from cyoda.permissions import Action
from tenants.models import UsagePeriod
from tenants.services.clients import clients_of
from tenants.ui.console.counts import Counted
from tenants.ui.console.place import Place


@dataclass(frozen=True, slots=True)
class Step:
    """`url` is where it is done; empty for a reader who may not."""

    text: str
    is_done: bool
    url: str = ""


def checklist(place: Place, models: Sequence[Counted], *, is_joined: bool) -> list[Step]:
    """Empty when all steps are done; `is_joined`: a member is connected. One call of the API."""
    steps = list(_steps(place, models, is_joined))
    return [] if all(step.is_done for step in steps) else steps


def _steps(place: Place, models: Sequence[Counted], is_joined: bool) -> Iterator[Step]:
    def at(page: str, action: Action) -> str:
        return place.url(page) if place.may(action) else ""

    workflows = place.api.get("platform-api", "statemachine", "workflows") if models else []
    computed = UsagePeriod.objects.filter(environment=place.environment, members_peak__gt=0)
    is_locked = any(model.state == "LOCKED" for model in models)
    is_joined = is_joined or computed.exists()
    yield Step(_("Discover a model from a sample of your data"), bool(models), at("model_new", Action.CONFIGURE))
    yield Step(_("Lock it, so that entities can be stored"), is_locked, at("models", Action.CONFIGURE))
    yield Step(_("Store an entity"), any(model.entities for model in models), at("models", Action.WRITE))
    yield Step(_("Import a workflow"), bool(workflows), at("models", Action.CONFIGURE))
    yield Step(_("Connect a member, which computes for workflows"), is_joined, at("members", Action.READ))
    has_client = bool(clients_of(place.environment))
    yield Step(_("Make an API client for your program"), has_client, at("clients", Action.MANAGE_CLIENTS))
