"""The settings of an organisation: its name, its tier and what that allows, what its environments use."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods

from cyoda.permissions import Action
from tenants.models import Backend, Environment
from tenants.services.environments import ANY_BACKEND, environments_of
from tenants.services.organisations import rename_organisation
from tenants.services.tiers import limiting_tier
from tenants.ui.console.place import House, in_organisation, show
from tenants.ui.shell.bars import bars
from tenants.usage.figures import figures_of_all

SHOWN_ENVIRONMENTS = 20
"""The use of so many is shown; that of each is on its own page too."""


class NameForm(forms.Form):
    name = forms.CharField(
        label=lazy("Name"), max_length=200, help_text=lazy("Addresses of before lead to the organisation all the same.")
    )


@in_organisation(Action.MANAGE_ENVIRONMENTS)
@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, house: House) -> HttpResponse:
    form = NameForm(request.POST or None, initial={"name": house.organisation.name})
    if form.is_valid():
        rename_organisation(house.doer(), house.organisation, form.cleaned_data["name"])
        messages.success(request, _("The settings are saved."))
        return HttpResponseRedirect(house.url("settings"))
    now = timezone.now()
    tier = limiting_tier(house.organisation, now)
    backends = Backend.objects.filter(is_enabled=True)
    if tier is not None and ANY_BACKEND not in tier.backends:
        backends = backends.filter(pk__in=tier.backends)
    ready = environments_of(house.organisation).filter(state=Environment.State.READY)
    found = list(ready[:SHOWN_ENVIRONMENTS])
    figures = figures_of_all(found, now)
    used = [(each, bars(figures[each.pk])) for each in found]
    return show(
        request, house, "organisation/settings.html", form=form, tier=tier, backends=backends, used=used,
        has_more=ready.count() > SHOWN_ENVIRONMENTS,
    )  # fmt: skip
