"""A sign-in at an identity provider that shows what its token says; nobody is signed in here by it.

What is asked meanwhile is kept in the person's session, in one place: the last trial counts.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.provider_form import PATH, ProviderForm, TrialForm, shown

KEPT = "provider trial"


class ReturnForm(forms.Form):
    """`secret` proves a client that has one; it is sent to the provider and not kept."""

    code = forms.CharField(widget=forms.HiddenInput)
    state = forms.CharField(widget=forms.HiddenInput)
    secret = forms.CharField(
        label=lazy("The client's secret at the provider"),
        required=False,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text=lazy("Empty for a public client. It is sent to the provider and not kept."),
    )


def begin(
    request: HttpRequest, place: Place, form: ProviderForm, trial: TrialForm, back: str
) -> HttpResponseRedirect | None:
    """Ask where to sign in, and lead there; None when a form says why not. `back` is the page of the forms."""
    if not (form.is_valid() and trial.is_valid()):
        return None
    if not trial.cleaned_data["client_id"]:
        trial.add_error("client_id", lazy("Name a client that is registered at the provider."))
        return None
    state, verifier = secrets.token_urlsafe(), secrets.token_urlsafe(48)
    client = {
        "provider": form.registration,
        "clientId": trial.cleaned_data["client_id"],
        "redirectUri": request.build_absolute_uri(place.url("provider_signed_in")),
    }
    asked = {"scope": trial.cleaned_data["scope"] or "openid", "state": state, "codeChallenge": _challenge(verifier)}
    try:
        found = place.api.send("POST", *PATH, "test", "sign-in", body=jsonio.dumps(client | asked))
    except Refused as refusal:
        form.refuse(refusal)
        return None
    if "uri" not in found:
        form.add_error("uri", found["failure"])
        return None
    typed = {**form.cleaned_data, **trial.cleaned_data, "token": ""}
    request.session[KEPT] = {
        "state": state, "verifier": verifier, "client": client, "uri": found["uri"], "typed": typed, "back": back,
        "environment": str(place.environment.pk),
    }  # fmt: skip
    return HttpResponseRedirect(place.url("provider_sign_in"))


@in_environment(Action.MANAGE_CLIENTS)
@require_safe
def sign_in(request: HttpRequest, place: Place) -> HttpResponse:
    """The way to the provider: a link, for the policy of these pages lets no form lead elsewhere."""
    kept = _kept(request, place)
    if kept is None:
        return _nothing(request, place)
    uri, client = kept["uri"], kept["client"]
    return show(
        request, place, "console/provider_sign_in.html", uri=uri, host=urlsplit(uri).netloc, back=kept["back"],
        client_id=client["clientId"], redirect_uri=client["redirectUri"],
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS)
@sensitive_post_parameters("secret", "code")
@require_http_methods(["GET", "POST"])
def signed_in(request: HttpRequest, place: Place) -> HttpResponse:
    """Where the provider sends people back to; the code is exchanged when they say so."""
    kept, given = _kept(request, place), request.GET if request.method == "GET" else request.POST
    if kept is None or not secrets.compare_digest(given.get("state", "").encode(), kept["state"].encode()):
        return _nothing(request, place)
    if "error" in given:
        said = ": ".join(given[name] for name in ("error", "error_description") if given.get(name))
        messages.error(request, _("The provider has refused: %(reason)s") % {"reason": said[:500]})
        return HttpResponseRedirect(place.url("provider_sign_in"))
    form = ReturnForm(request.POST) if request.method == "POST" else ReturnForm(initial=given.dict())
    if not form.is_valid():
        return show(request, place, "console/provider_signed_in.html", form=form, back=kept["back"])
    del request.session[KEPT]
    values = form.cleaned_data
    body = {
        **kept["client"],
        "code": values["code"],
        "codeVerifier": kept["verifier"],
        "clientSecret": values["secret"],
    }
    verdict = shown(place.api.send("POST", *PATH, "test", "signed-in", body=jsonio.dumps(body)))
    return show(
        request, place, "console/provider.html", form=ProviderForm(initial=kept["typed"]),
        trial=TrialForm(initial=kept["typed"]), verdict=verdict, action=kept["back"],
    )  # fmt: skip


def _kept(request: HttpRequest, place: Place) -> dict[str, Any] | None:
    """None when nothing was begun in this environment."""
    kept = request.session.get(KEPT)
    return kept if kept is not None and kept["environment"] == str(place.environment.pk) else None


def _nothing(request: HttpRequest, place: Place) -> HttpResponse:
    messages.error(request, _("No sign-in was begun here, or another one since: begin again."))
    return HttpResponseRedirect(place.url("providers"))


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
