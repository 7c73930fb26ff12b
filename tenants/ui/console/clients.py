"""Technical clients of an environment: made, given a new secret, deleted."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda.permissions import ROLE_DEVELOPER, ROLE_VIEWER, Action, require_grantable
from cyoda.principal import ROLE_M2M
from tenants.models import Client
from tenants.services.clients import Issued, client_of, clients_of, create_client, delete_client, rotate_secret
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.secret import show_secret

OVERLAPS = (
    (0, lazy("ends at once")),
    (1, lazy("works for an hour more")),
    (24, lazy("works for a day more")),
    (7 * 24, lazy("works for a week more")),
)
ROLES = (
    (ROLE_M2M, lazy("Everything with data, models and workflows; it may connect as a compute node (ROLE_M2M)")),
    (ROLE_DEVELOPER, lazy("Everything with data, models and workflows (ROLE_DEVELOPER)")),
    (ROLE_VIEWER, lazy("Look, and change nothing (ROLE_VIEWER)")),
)
"""ROLE_ADMIN reaches beyond the environment: no owner may grant it, as the API says (cyoda/permissions.py)."""


class ClientForm(forms.Form):
    label = forms.CharField(
        label=lazy("What it is for"), max_length=100, widget=forms.TextInput({"autocomplete": "off"})
    )
    role = forms.ChoiceField(label=lazy("It may"), choices=ROLES, initial=ROLE_M2M, widget=forms.RadioSelect)
    last_day = forms.DateField(
        label=lazy("Last day"),
        required=False,
        widget=forms.DateInput({"type": "date"}),
        help_text=lazy("It gets no tokens after this day (UTC). Empty: it has no end."),
    )

    def clean_last_day(self) -> date | None:
        day = self.cleaned_data["last_day"]
        if day is not None and day < timezone.now().date():
            raise forms.ValidationError(_("This day is over."))
        return day

    @property
    def expires_at(self) -> datetime | None:
        day = self.cleaned_data["last_day"]
        return None if day is None else datetime.combine(day + timedelta(days=1), time(), UTC)


class SecretForm(forms.Form):
    overlap = forms.TypedChoiceField(label=lazy("The present secret"), choices=OVERLAPS, coerce=int, initial=0)


@in_environment(Action.MANAGE_CLIENTS)
@require_safe
def client_list(request: HttpRequest, place: Place) -> HttpResponse:
    jwks_url = request.build_absolute_uri(f"{settings.CONF.http.context_path}/.well-known/jwks.json")
    clients, now = clients_of(place.environment), timezone.now()
    return show(request, place, "console/clients.html", clients=clients, now=now, jwks_url=jwks_url)


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_client(request: HttpRequest, place: Place) -> HttpResponse:
    form = ClientForm(request.POST or None)
    if not form.is_valid():
        title, back = _("New API client"), place.url("clients")
        return show_form(request, place, form, title=title, button=_("Make it"), back=back)
    roles = (form.cleaned_data["role"],)
    require_grantable(place.api.principal, roles)
    issued = create_client(
        place.doer(), place.environment, roles=roles, label=form.cleaned_data["label"], expires_at=form.expires_at
    )
    return _shown_once(request, place, issued, _("The client is made"))


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_secret(request: HttpRequest, place: Place, client_id: str) -> HttpResponse:
    """Another secret for a client that the settings do not name."""
    client = client_of(place.environment, client_id)
    if client.is_configured:
        return _of_settings(request, place)
    require_grantable(place.api.principal, client.roles)  # who has the secret has the roles
    form = SecretForm(request.POST or None)
    if not form.is_valid():
        title = _("A new secret for %(client)s") % {"client": _called(client)}
        intro = _("Programs that use the present one need the new one. Tokens that they have live until they expire.")
        back = place.url("clients")
        return show_form(request, place, form, title=title, button=_("Make it"), back=back, intro=intro)
    issued = rotate_secret(place.doer(), client, overlap=timedelta(hours=form.cleaned_data["overlap"]))
    return _shown_once(request, place, issued, _("The client has a new secret"))


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, client_id: str) -> HttpResponse:
    client = client_of(place.environment, client_id)
    if client.is_configured:
        return _of_settings(request, place)
    form = confirmation(request, place, asks_why=True)
    if form.is_valid():
        delete_client(place.doer(form.cleaned_data["reason"]), client)
        messages.success(request, _("%(client)s is deleted.") % {"client": _called(client)})
        return HttpResponseRedirect(place.url("clients"))
    return show_form(
        request, place, form, title=_("Delete %(client)s") % {"client": _called(client)}, button=_("Delete it"),
        back=place.url("clients"), is_dangerous=True,
        intro=_("It gets no tokens any more; those that it has live until they expire. Nothing brings it back."),
    )  # fmt: skip


def _shown_once(request: HttpRequest, place: Place, issued: Issued, title: str) -> HttpResponse:
    return show_secret(
        request, place, issued.client_id, issued.secret,
        environment=place.environment.name, title=title, onward=place.url("clients"),
    )  # fmt: skip


def _called(client: Client) -> str:
    return client.label or client.id


def _of_settings(request: HttpRequest, place: Place) -> HttpResponse:
    messages.error(request, _("The settings of the platform name this client and its secret: change them there."))
    return HttpResponseRedirect(place.url("clients"))
