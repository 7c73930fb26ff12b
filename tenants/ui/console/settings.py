"""The settings of an environment, and what cannot be undone."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda.permissions import Action
from tenants.models import Environment
from tenants.services.environments import change_kind
from tenants.services.tiers import limiting_tier
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.shell.bars import bars
from tenants.usage.figures import figures_of


class KindForm(forms.Form):
    kind = forms.ChoiceField(
        label=lazy("Kind"),
        choices=Environment.Kind.choices,
        help_text=lazy("Production is marked red, and asks before anything is deleted."),
    )


@in_environment(Action.MANAGE_ENVIRONMENTS, open_only=False)
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, place: Place) -> HttpResponse:
    form = KindForm(request.POST or None, initial={"kind": place.environment.kind})
    if form.is_valid():
        change_kind(place.doer(), place.environment, form.cleaned_data["kind"])
        messages.success(request, _("The settings are saved."))
        return HttpResponseRedirect(place.url("settings"))
    now = timezone.now()
    return show(
        request, place, "console/settings.html",
        form=form,
        tier=limiting_tier(place.organisation, now),
        bars=bars(figures_of(place.environment, now)),
    )  # fmt: skip
