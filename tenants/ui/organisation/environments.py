"""An organisation's environments: the list, and ordering one."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda.permissions import Action
from tenants.models import Backend, Environment
from tenants.models.environment import check_environment_name
from tenants.services.environments import (
    BackendNotEntitled,
    DeployQuotaExceeded,
    OrganisationSuspended,
    Wanted,
    create_environment,
    environments_of,
)
from tenants.services.idempotency import RequestKey
from tenants.services.provisioning import BackendUnavailable, EnvironmentNameTaken
from tenants.services.tiers import limiting_tier
from tenants.tasks import wake
from tenants.ui.console.place import House, in_organisation, show, show_form
from tenants.ui.console.secret import show_secret


class OrderForm(forms.Form):
    """What an environment is called, what it is for, and where it is made. `once` is sent again by a reload."""

    once = forms.CharField(max_length=100, widget=forms.HiddenInput)
    name = forms.CharField(
        label=lazy("Name"),
        max_length=22,
        validators=[check_environment_name],
        help_text=lazy("Up to 22 lower-case letters, digits and single hyphens; it is part of addresses."),
    )
    kind = forms.ChoiceField(
        label=lazy("Kind"),
        choices=Environment.Kind.choices,
        help_text=lazy("Production is marked red, and asks before anything is deleted."),
    )
    backend = forms.ModelChoiceField(
        Backend.objects.filter(is_enabled=True), label=lazy("Back end"), empty_label=None, initial="local"
    )


@in_organisation()
@require_safe
def environment_list(request: HttpRequest, house: House) -> HttpResponse:
    """All that stand, and on request those that have ended."""
    with_ended = request.GET.get("ended") == "yes"
    found = environments_of(house.organisation, with_ended=with_ended)
    return show(request, house, "organisation/environments.html", environments=found, with_ended=with_ended)


@in_organisation(Action.MANAGE_ENVIRONMENTS)
@require_http_methods(["GET", "POST"])
def order(request: HttpRequest, house: House) -> HttpResponse:
    """Order an environment; the page after it shows its first client once, and leads to its making."""
    form = OrderForm(request.POST or None, initial={"once": uuid4().hex})
    if form.is_valid() and (answer := _ordered(request, house, form)) is not None:
        return answer
    return show_form(
        request, house, form, title=_("New environment"), button=_("Make it"), back=house.url("environments")
    )


def _ordered(request: HttpRequest, house: House, form: OrderForm) -> HttpResponse | None:
    """None when it was refused: the form says why."""
    values = form.cleaned_data
    try:
        created = create_environment(
            house.doer(),
            house.organisation,
            Wanted(name=values["name"], kind=values["kind"], backend=values["backend"].pk),
            tier=limiting_tier(house.organisation, timezone.now()),
            request=_key(house, values),
            wake=wake,
        )
    except EnvironmentNameTaken:
        form.add_error("name", _("The organisation has an environment of this name."))
    except OrganisationSuspended:
        form.add_error(None, _("The organisation is suspended: it gets nothing new."))
    except (BackendNotEntitled, BackendUnavailable) as refusal:
        form.add_error("backend", str(refusal))
    except DeployQuotaExceeded as refusal:
        hours = -(-refusal.retry_after_seconds // 3600)
        text = _("The tier's environments of the last 24 hours are used up. Try again in %(hours)s hours.")
        form.add_error(None, text % {"hours": hours})
    else:
        making = {"tenant": house.slug, "name": created.environment.name}
        onward = reverse("console:provisioning", kwargs=making)
        if created.order is None:
            messages.info(request, _("This was ordered already. The first client's secret is shown only once."))
            return HttpResponseRedirect(onward)
        return show_secret(
            request, house, created.order.client_id, created.order.client_secret, environment=created.environment.name,
            title=_("%(name)s is being made") % {"name": created.environment.name}, onward=onward,
        )  # fmt: skip
    return None


def _key(house: House, values: dict[str, Any]) -> RequestKey:
    """The same form sent twice orders once."""
    wanted = f"{values['name']}\n{values['kind']}\n{values['backend'].pk}"
    return RequestKey(house.doer().id, f"page:{values['once']}", hashlib.sha256(wanted.encode()).digest())
