"""Identity providers whose tokens an environment accepts: the list, and what can be done with one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cyoda import jsonio
from cyoda.errors import NotImplementedHere, OidcProviderNotFound
from cyoda.permissions import Action
from tenants.naming import is_uuid
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.provider_form import PATH, ProviderForm, TrialForm, edited, try_out
from tenants.ui.console.provider_sign_in import begin


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

    def register(form: ProviderForm) -> str:
        place.api.send("POST", *PATH, body=jsonio.dumps(form.registration))
        return _("The provider is registered: tokens that it issues from now on are accepted.")

    return _settings(request, place, ProviderForm(request.POST or None), register, place.url("provider_new"))


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def provider(request: HttpRequest, place: Place, provider_id: UUID) -> HttpResponse:
    """Change what is expected of its tokens; one can be tried with the change before it is saved."""

    def change(form: ProviderForm) -> str:
        place.api.send("PATCH", *PATH, provider_id, body=jsonio.dumps(form.settings))
        return _("The change is saved.")

    form = edited(_known(place, provider_id), request.POST or None)
    return _settings(request, place, form, change, place.url("provider", provider_id=provider_id))


def _settings(
    request: HttpRequest, place: Place, form: ProviderForm, save: Callable[[ProviderForm], str], action: str
) -> HttpResponse:
    """The page of a provider's settings: saved, or tried with a token, or tried by signing in."""
    trial = TrialForm(request.POST or None, initial={"scope": "openid profile email"})
    verdict = None
    if "try" in request.POST:
        verdict = try_out(place, form, trial)
    elif "sign-in" in request.POST:
        leading = begin(request, place, form, trial, action)
        if leading is not None:
            return leading
    elif form.is_valid():
        try:
            messages.success(request, save(form))
            return HttpResponseRedirect(place.url("providers"))
        except Refused as refusal:
            form.refuse(refusal)
    return show(request, place, "console/provider.html", form=form, trial=trial, verdict=verdict, action=action)


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
    known, form = _known(place, provider_id), confirmation(request, place, asks_why=True)
    if form.is_valid():
        place.api.send("POST", *PATH, provider_id, "invalidate", reason=form.cleaned_data["reason"])
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
    known, form = _known(place, provider_id), confirmation(request, place, asks_why=True)
    if form.is_valid():
        place.api.send("DELETE", *PATH, provider_id, reason=form.cleaned_data["reason"])
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
