"""From an installation with an administrator to one with life in it: checks, an environment, a sample, a compute node.

Nothing is remembered between the steps: each shows what is there, so it can be left and taken up again anywhere.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from cyoda.errors import CyodaError
from tenants.admin.access import may_look
from tenants.models import LOCAL, Environment, Membership, Role
from tenants.models.environment import check_environment_name
from tenants.services import people, visits
from tenants.services.audit import Source
from tenants.services.environments import Wanted, create_environment
from tenants.services.organisations import found_organisation
from tenants.services.provisioning import BackendUnavailable
from tenants.tasks import wake
from tenants.ui.console.api import Refused
from tenants.ui.console.connect import addresses
from tenants.ui.console.counts import connected_members, counted_models
from tenants.ui.console.place import House, Place, place_at, slug_of
from tenants.ui.console.secret import show_secret
from tenants.ui.shell.checks import checks, vitals
from tenants.ui.shell.sample import MODEL

MEMBER_COMMAND = """\
pip install ./clients/python
CYODA_API_URL={found.api} CYODA_GRPC_TARGET={found.grpc} \\
  CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… python examples/orders/member.py"""


class BeginForm(forms.Form):
    organisation = forms.CharField(label=lazy("Organisation"), max_length=200, help_text=lazy("Whose data it is."))
    environment = forms.CharField(
        label=lazy("First environment"), max_length=22, initial="development", validators=[check_environment_name],
        help_text=lazy("Up to 22 lower-case letters, digits and single hyphens; it is part of addresses."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=lazy("Kind"), choices=Environment.Kind.choices)


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def first_steps(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    if not may_look(user):
        raise PermissionDenied
    form = BeginForm(request.POST or None)
    if form.is_valid() and (answer := _begun(request, user, form)) is not None:
        return answer
    place = _begun_before(user)
    context: dict[str, Any] = {
        "form": form,
        "checks": checks(vitals()),
        "begun": place,
        "member_command": MEMBER_COMMAND.format(found=addresses(request)),
    }
    answer = render(request, "shell/first_steps.html", context | _life(place))
    if place is not None and place.environment.state == Environment.State.PROVISIONING:
        answer["Refresh"] = "2"
    return answer


def _begun(request: HttpRequest, user: Any, form: BeginForm) -> HttpResponse | None:
    """The page with the first client's secret; None when it was refused: the form says why."""
    doer = people.as_doer(user, Source.PAGES)
    values = form.cleaned_data
    try:
        with transaction.atomic():
            membership: Membership = found_organisation(doer, values["organisation"], user)
            wanted = Wanted(name=values["environment"], kind=values["kind"], backend=LOCAL)
            created = create_environment(doer, membership.organisation, wanted, tier=None, wake=wake)
    except BackendUnavailable as refusal:
        form.add_error(None, str(refusal))
        return None
    assert created.order is not None
    return show_secret(
        request, House(membership=membership), created.order.client_id, created.order.client_secret,
        environment=created.environment.name, title=_("%(name)s is being made") % {"name": created.environment.name},
        onward=reverse("first_steps"),
    )  # fmt: skip


def _begun_before(user: Any) -> Place | None:
    """The environment that was seen last of those whose owner the reader is, else the first one."""
    owned = Membership.objects.filter(user=user, role=Role.OWNER)
    rows = visits.within_reach(user).filter(organisation__in=owned.values("organisation"))
    found = rows.order_by(F("seen_at").desc(nulls_last=True), "created_at").first()
    return None if found is None else place_at(user, slug_of(found.organisation), found.name)


def _life(place: Place | None) -> dict[str, Any]:
    """Whether the sample is there and somebody computes; neither while the environment is not open."""
    if place is None or not place.is_open:
        return {}
    try:
        models = counted_models(place)
        has_sample = any((each.name, each.version) == MODEL and each.entities for each in models)
        return {"has_sample": has_sample, "members": connected_members(place)}
    except (Refused, CyodaError):
        return {}
