"""Keys of other systems that vouch for an environment's people in token exchange."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe
from jwt.algorithms import RSAAlgorithm

from cyoda import jsonio
from cyoda.errors import FeatureDisabled, NotImplementedHere, TrustedKeyNotFound
from cyoda.permissions import Action
from tenants.models import Audience
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.place import Place, in_environment, show, show_form

PATH = ("oauth", "keys", "trusted")
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
DATE = forms.DateInput({"type": "date"})


class TrustedKeyForm(forms.Form):
    """`key` is an RSA public key: a JWK, or PEM of the key or of a certificate."""

    key_id = forms.CharField(
        label=lazy("Key id"),
        max_length=128,
        widget=forms.TextInput(_PLAIN),
        help_text=lazy("The kid of the tokens that it signs: up to 128 letters, digits and ._-"),
    )
    key = forms.CharField(
        label=lazy("Public key"),
        widget=forms.Textarea({"rows": 8, "class": "code", **_PLAIN}),
        help_text=lazy("RSA, as a JWK or in PEM (a public key or a certificate)."),
    )
    issuers = forms.CharField(
        label=lazy("Issuers"),
        required=False,
        widget=forms.Textarea({"rows": 2, "class": "code", **_PLAIN}),
        help_text=lazy("One a line: the iss of its tokens must be one of them. Empty: any."),
    )
    audience = forms.ChoiceField(
        label=lazy("It vouches for"),
        choices=((Audience.HUMAN, lazy("people")), (Audience.CLIENT, lazy("programs"))),
    )
    valid_to = forms.DateField(
        label=lazy("Trusted until"), required=False, widget=DATE, help_text=lazy("Empty: as the settings say.")
    )

    def clean_key(self) -> bytes:
        """The JWK's text."""
        text = self.cleaned_data["key"].strip()
        if text.startswith("{"):
            try:
                jsonio.parse(text)
            except jsonio.InvalidJson as error:
                raise forms.ValidationError(_("This is no JSON: %(error)s") % {"error": error}) from None
            return text.encode()
        return jsonio.dumps(_jwk_of(text))

    def body(self) -> bytes:
        """As the API takes it."""
        values = self.cleaned_data
        return jsonio.dumps(
            {
                "keyId": values["key_id"],
                "jwk": msgspec.Raw(values["key"]),
                "audience": values["audience"],
                "issuers": values["issuers"].split() or None,
                "validTo": end_of(values["valid_to"]),
            }
        )


class RenewalForm(forms.Form):
    valid_to = forms.DateField(label=lazy("Trusted until"), widget=DATE)


@in_environment(Action.MANAGE_CLIENTS)
@require_safe
def key_list(request: HttpRequest, place: Place) -> HttpResponse:
    try:
        found = place.api.get(*PATH)
    except Refused as refusal:
        if refusal.code not in (FeatureDisabled.code, NotImplementedHere.code):
            raise
        return show(request, place, "console/trusted_keys.html", off=refusal.code)
    now = timezone.now()
    for key in found:
        key["phase"] = phase_of(key, now)
    return show(request, place, "console/trusted_keys.html", keys=found)


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_key(request: HttpRequest, place: Place) -> HttpResponse:
    form = TrustedKeyForm(request.POST or None)
    if form.is_valid():
        try:
            place.api.send("POST", *PATH, body=form.body())
        except Refused as refusal:
            if refusal.status >= 500 or refusal.status in (403, 404):
                raise
            form.add_error("key_id" if "keyId" in refusal.detail or refusal.status == 409 else "key", refusal.detail)
        else:
            messages.success(request, _("The key is trusted."))
            return HttpResponseRedirect(place.url("trusted_keys"))
    intro = _("What this key signs is exchanged for tokens of this environment. A key of the same id is replaced.")
    return show_form(
        request, place, form, title=_("Trust a key"), button=_("Trust it"), back=place.url("trusted_keys"), intro=intro
    )


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def invalidate(request: HttpRequest, place: Place, key_id: str) -> HttpResponse:
    _known(place, key_id)
    form = confirmation(request, place, asks_why=True)
    if form.is_valid():
        place.api.send("POST", *PATH, key_id, "invalidate", reason=form.cleaned_data["reason"])
        messages.success(request, _("The key is trusted no more."))
        return HttpResponseRedirect(place.url("trusted_keys"))
    return show_form(
        request, place, form, title=_("Trust %(key)s no more") % {"key": key_id}, button=_("Trust it no more"),
        back=place.url("trusted_keys"), is_dangerous=True,
        intro=_("What it signs cannot be exchanged from now on; tokens that were exchanged live until they expire."),
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def reactivate(request: HttpRequest, place: Place, key_id: str) -> HttpResponse:
    _known(place, key_id)
    form = RenewalForm(request.POST or None, initial={"valid_to": timezone.now().date() + timedelta(days=365)})
    if form.is_valid():
        try:
            body = jsonio.dumps({"validTo": end_of(form.cleaned_data["valid_to"])})
            place.api.send("POST", *PATH, key_id, "reactivate", body=body)
        except Refused as refusal:
            if refusal.status != 400:
                raise
            form.add_error("valid_to", refusal.detail)
        else:
            messages.success(request, _("The key is trusted again."))
            return HttpResponseRedirect(place.url("trusted_keys"))
    return show_form(
        request, place, form, title=_("Trust %(key)s again") % {"key": key_id}, button=_("Trust it again"),
        back=place.url("trusted_keys"),
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, key_id: str) -> HttpResponse:
    _known(place, key_id)
    form = confirmation(request, place, asks_why=True)
    if form.is_valid():
        place.api.send("DELETE", *PATH, key_id, reason=form.cleaned_data["reason"])
        messages.success(request, _("The key is forgotten."))
        return HttpResponseRedirect(place.url("trusted_keys"))
    return show_form(
        request, place, form, title=_("Forget %(key)s") % {"key": key_id}, button=_("Forget it"),
        back=place.url("trusted_keys"), is_dangerous=True,
        intro=_("What it signs cannot be exchanged from now on, and its id is free for anybody."),
    )  # fmt: skip


def end_of(day: Any) -> str | None:
    """The last moment of a day in UTC, as the API takes it."""
    return None if day is None else f"{day.isoformat()}T23:59:59Z"


def phase_of(key: dict[str, Any], now: datetime) -> str:
    """Where a key of the API is in its life: refused, over, ahead or trusted."""
    if not key["active"]:
        return "refused"
    if "validTo" in key and datetime.fromisoformat(key["validTo"]) <= now:
        return "over"
    return "ahead" if datetime.fromisoformat(key["validFrom"]) > now else "trusted"


def _known(place: Place, key_id: str) -> dict[str, Any]:
    """Raises TrustedKeyNotFound, Refused."""
    for key in place.api.get(*PATH):
        if key["keyId"] == key_id:
            return key
    raise TrustedKeyNotFound


def _jwk_of(pem: str) -> dict[str, Any]:
    """Raises ValidationError."""
    text = pem.encode()
    try:
        is_certificate = b"BEGIN CERTIFICATE" in text
        key = load_pem_x509_certificate(text).public_key() if is_certificate else load_pem_public_key(text)
    except (ValueError, UnsupportedAlgorithm):
        raise forms.ValidationError(_("This is neither a JWK nor a public key or certificate in PEM.")) from None
    if not isinstance(key, RSAPublicKey):
        raise forms.ValidationError(_("Only RSA keys can be trusted."))
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("kty", "n", "e")}
