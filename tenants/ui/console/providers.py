"""Identity providers whose tokens an environment accepts: the list, and what can be done with one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cyoda import jsonio
from cyoda.errors import NotImplementedHere, OidcInvalidTenant, OidcProviderNotFound
from cyoda.permissions import Action
from tenants.naming import is_uuid
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.provider_form import ProviderForm, edited, try_out

PATH = ("oauth", "oidc", "providers")


@in_environment(Action.MANAGE_CLIENTS)
@require_safe
def provider_list(request: HttpRequest, place: Place) -> HttpResponse:
    try:
        found = place.api.get(*PATH)
    except Refused as refusal:
        if refusal.code != NotImplementedHere.code:
            raise
        return show(request, place, "console/providers.html", is_off=True)
    for provider in found:
        provider["documents"] = place.api.get(*PATH, provider["id"], "documents") if provider["active"] else None
    return show(
        request, place, "console/providers.html", providers=found, may_register=is_uuid(place.environment.tenant_id)
    )


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_provider(request: HttpRequest, place: Place) -> HttpResponse:
    """Register one; a token of it can be tried before."""
    form = ProviderForm(request.POST or None)
    if form.is_valid() and "try" not in request.POST:
        try:
            place.api.send("POST", *PATH, body=jsonio.dumps(form.registration))
        except Refused as refusal:
            if refusal.code == OidcInvalidTenant.code:
                raise
            form.refuse(refusal)
        else:
            messages.success(request, _("The provider is registered: tokens that it issues from now on are accepted."))
            return HttpResponseRedirect(place.url("providers"))
    verdict = try_out(place, form) if "try" in request.POST else None
    return show(request, place, "console/provider.html", form=form, verdict=verdict)


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def provider(request: HttpRequest, place: Place, provider_id: UUID) -> HttpResponse:
    """Change what is expected of its tokens; one can be tried with the change before it is saved."""
    known = _known(place, provider_id)
    form = edited(known, request.POST or None)
    if form.is_valid() and "try" not in request.POST:
        try:
            place.api.send("PATCH", *PATH, provider_id, body=jsonio.dumps(form.settings))
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, _("The change is saved."))
            return HttpResponseRedirect(place.url("providers"))
    verdict = try_out(place, form) if "try" in request.POST else None
    return show(request, place, "console/provider.html", form=form, verdict=verdict, provider=known)


@in_environment(Action.MANAGE_CLIENTS)
@require_POST
def reload(request: HttpRequest, place: Place) -> HttpResponse:
    place.api.send("POST", *PATH, "reload")
    messages.success(request, _("The documents of the active providers are fetched anew."))
    return HttpResponseRedirect(place.url("providers"))


@in_environment(Action.MANAGE_CLIENTS)
@require_POST
def reactivate(request: HttpRequest, place: Place, provider_id: UUID) -> HttpResponse:
    place.api.send("POST", *PATH, provider_id, "reactivate")
    messages.success(request, _("The provider's tokens are accepted again."))
    return HttpResponseRedirect(place.url("providers"))


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def invalidate(request: HttpRequest, place: Place, provider_id: UUID) -> HttpResponse:
    known, form = _known(place, provider_id), confirmation(request, place)
    if form.is_valid():
        place.api.send("POST", *PATH, provider_id, "invalidate")
        messages.success(request, _("The provider's tokens are refused."))
        return HttpResponseRedirect(place.url("providers"))
    intro = _("Tokens of %(uri)s are refused on every node within a second. It can be taken back into use.")
    return show_form(
        request, place, form, title=_("Refuse this provider's tokens"), button=_("Refuse them"),
        back=place.url("providers"), intro=intro % {"uri": known["wellKnownConfigUri"]}, is_dangerous=True,
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, provider_id: UUID) -> HttpResponse:
    known, form = _known(place, provider_id), confirmation(request, place)
    if form.is_valid():
        place.api.send("DELETE", *PATH, provider_id)
        messages.success(request, _("The provider is deleted."))
        return HttpResponseRedirect(place.url("providers"))
    intro = _(
        "%(uri)s is forgotten with its settings: its tokens are refused on every node within a second. People of it "
        "who come back after it was registered anew have other user ids."
    )
    return show_form(
        request, place, form, title=_("Delete this provider"), button=_("Delete it"),
        back=place.url("providers"), intro=intro % {"uri": known["wellKnownConfigUri"]}, is_dangerous=True,
    )  # fmt: skip


def _known(place: Place, provider_id: UUID) -> dict[str, Any]:
    """Raises OidcProviderNotFound, Refused."""
    for one in place.api.get(*PATH):
        if one["id"] == str(provider_id):
            return one
    raise OidcProviderNotFound
