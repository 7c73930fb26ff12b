"""The start page: what needs attention, where one was last, the first steps, and one's organisations."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.db.models import OuterRef, Prefetch, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from cyoda.errors import CyodaError
from tenants.models import Environment, Membership
from tenants.services import visits
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import connected_members, counted_models
from tenants.ui.console.place import Place, place_at, slug_of
from tenants.ui.shell import attention
from tenants.ui.shell.checklist import Step, checklist

ORGANISATIONS = 10
ENVIRONMENTS = 8
RECENT = 6
"""How many are shown; all of them are on the page of organisations."""


@require_GET
@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    memberships = _memberships(user)
    first = _first_place(user)
    context = {
        "items": attention.of_person(user, timezone.now()),
        "recent": visits.seen_last(user, RECENT),
        "favourites": visits.favourites(user)[:RECENT],
        "memberships": memberships[:ORGANISATIONS],
        "has_more": len(memberships) > ORGANISATIONS,
        "first": first,
        "steps": [] if first is None else _steps(first),
    }
    return render(request, "home.html", context)


def _memberships(user: AbstractUser) -> list[Membership]:
    """One more than is shown, each with the first of its organisation's environments that stand."""
    standing = Environment.objects.exclude(state__in=Environment.ENDED).order_by("name")
    first = standing.filter(organisation=OuterRef("organisation")).values("pk")[: ENVIRONMENTS + 1]
    rows = Membership.objects.filter(user=user).select_related("organisation").order_by("organisation__name")
    shown = Prefetch("organisation__environments", queryset=standing.filter(pk__in=Subquery(first)))
    return list(rows.prefetch_related(shown)[: ORGANISATIONS + 1])


def _first_place(user: AbstractUser) -> Place | None:
    """The environment whose first steps are shown: the one that was seen last, else the first one."""
    found = visits.seen_last(user, 1).first() or visits.within_reach(user).first()
    place = None if found is None else place_at(user, slug_of(found.organisation), found.name)
    return place if place is not None and place.is_open else None


def _steps(place: Place) -> list[Step]:
    """Empty while the data plane does not answer: the page has more to say."""
    try:
        members = connected_members(place)
        return checklist(place, counted_models(place), is_joined=bool(members))
    except (Refused, CyodaError):
        return []
