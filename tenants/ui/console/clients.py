"""Technical clients of an environment: made, given a new secret, deleted."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cyoda.permissions import Action
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.services.clients import client_of, clients_of, create_client, delete_client, rotate_secret
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.secret import show_secret

OVERLAPS = ((0, lazy("ends at once")), (1, lazy("works for an hour more")), (24, lazy("works for a day more")))


class ClientForm(forms.Form):
    label = forms.CharField(
        label=lazy("What it is for"), max_length=100, widget=forms.TextInput({"autocomplete": "off"})
    )
    is_admin = forms.BooleanField(
        label=lazy("It may manage the environment's clients and keys"), required=False, help_text=lazy("ROLE_ADMIN")
    )


class SecretForm(forms.Form):
    overlap = forms.TypedChoiceField(label=lazy("The present secret"), choices=OVERLAPS, coerce=int, initial=0)


@in_environment(Action.MANAGE_CLIENTS)
@require_safe
def client_list(request: HttpRequest, place: Place) -> HttpResponse:
    return show(request, place, "console/clients.html", clients=clients_of(place.environment))


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_client(request: HttpRequest, place: Place) -> HttpResponse:
    form = ClientForm(request.POST or None)
    if not form.is_valid():
        return show_form(
            request, place, form, title=_("New API client"), button=_("Make it"), back=place.url("clients")
        )
    roles = (ROLE_ADMIN, ROLE_M2M) if form.cleaned_data["is_admin"] else (ROLE_M2M,)
    issued = create_client(place.doer(), place.environment, roles=roles, label=form.cleaned_data["label"])
    return show_secret(
        request, place, issued.client_id, issued.secret, title=_("The client is made"), onward=place.url("clients")
    )


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_secret(request: HttpRequest, place: Place, client_id: str) -> HttpResponse:
    """Another secret for a client that the settings do not name."""
    client = client_of(place.environment, client_id)
    if client.is_configured:
        return _of_settings(request, place)
    form = SecretForm(request.POST or None)
    if not form.is_valid():
        title = _("A new secret for %(client)s") % {"client": client.label or client.id}
        return show_form(request, place, form, title=title, button=_("Make it"), back=place.url("clients"))
    issued = rotate_secret(place.doer(), client, overlap=timedelta(hours=form.cleaned_data["overlap"]))
    return show_secret(
        request, place, issued.client_id, issued.secret,
        title=_("The client has a new secret"), onward=place.url("clients"),
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS)
@require_POST
def delete(request: HttpRequest, place: Place, client_id: str) -> HttpResponse:
    client = client_of(place.environment, client_id)
    if client.is_configured:
        return _of_settings(request, place)
    delete_client(place.doer(), client)
    messages.success(request, _("%(client)s is deleted.") % {"client": client.label or client.id})
    return HttpResponseRedirect(place.url("clients"))


def _of_settings(request: HttpRequest, place: Place) -> HttpResponse:
    messages.error(request, _("The settings of the platform name this client and its secret: change them there."))
    return HttpResponseRedirect(place.url("clients"))
