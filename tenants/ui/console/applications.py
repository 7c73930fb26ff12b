"""Applications of an environment: programs that run beside it, as they are, and what they have written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cyoda.permissions import Action
from tenants.models import Application, LogLine, Tier
from tenants.services import applications as services
from tenants.services.tiers import tier_of
from tenants.ui.console.place import Place, in_environment, show

SHOWN_LINES = 300


class ScaleForm(forms.Form):
    replicas = forms.IntegerField(min_value=0, max_value=services.MAX_REPLICAS)


@in_environment()
@require_safe
def application_list(request: HttpRequest, place: Place) -> HttpResponse:
    rows = [(row, services.status(row)) for row in services.applications_of(place.environment)]
    return show(request, place, "console/applications.html", rows=rows)


@in_environment()
@require_safe
def application(request: HttpRequest, place: Place, application: str) -> HttpResponse:
    """With its last lines, the oldest first."""
    row = _called(place, application)
    lines = list(LogLine.objects.filter(application=row).order_by("-pk")[:SHOWN_LINES])[::-1]
    context = {"row": row, "running": services.status(row), "lines": lines, "variables": services.variable_names(row)}
    return show(request, place, "console/application.html", **context)


@in_environment(Action.MANAGE_ENVIRONMENTS)
@require_POST
def act(request: HttpRequest, place: Place, application: str) -> HttpResponse:
    """Scale, restart or stop it."""
    row, tier = _called(place, application), _limits(place)
    try:
        said = _changed(request, place, row, tier)
        if said:
            messages.success(request, said)
    except (services.InvalidApplication, services.TooManyMembers) as refusal:
        messages.error(request, str(refusal))
    except services.ApplicationUnknown:
        raise Http404 from None
    return HttpResponseRedirect(place.url("application", application=application))


def _changed(request: HttpRequest, place: Place, row: Application, tier: Tier | None) -> str:
    acts: dict[str, tuple[Callable[..., Any], str]] = {
        "restart": (services.restart, _("%(name)s starts anew.")),
        "stop": (services.stop, _("%(name)s stops.")),
    }
    for name, (change, said) in acts.items():
        if name in request.POST:
            change(place.doer(), row, **({"tier": tier} if name == "restart" else {}))
            return said % {"name": row.name}
    form = ScaleForm(request.POST)
    if not form.is_valid():
        raise services.InvalidApplication(
            _("The number of replicas must be from 0 to %(most)s.") % {"most": services.MAX_REPLICAS}
        )
    services.scale(place.doer(), row, form.cleaned_data["replicas"], tier=tier)
    return _("%(name)s will have another number of replicas.") % {"name": row.name}


def _limits(place: Place) -> Tier | None:
    return tier_of(place.organisation, timezone.now()) if settings.CONF.quotas.enabled else None


def _called(place: Place, name: str) -> Application:
    try:
        return services.application_called(place.environment, name)
    except services.ApplicationUnknown:
        raise Http404 from None
