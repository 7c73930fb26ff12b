"""The pages on which people let a client act for them, or not (contract: control plane 4.7)."""

from __future__ import annotations

import re
from typing import Any

from csp.decorators import csp_update
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from oauth2_provider.exceptions import FatalClientError, OAuthToolkitError
from oauth2_provider.http import OAuth2ResponseRedirect
from oauth2_provider.models import DeviceGrant
from oauth2_provider.views.mixins import OAuthLibMixin
from oauthlib.oauth2 import InvalidRequestError
from oauthlib.oauth2.rfc6749.errors import CustomOAuth2Error

from tenants.oauth import devices, limits, scopes
from tenants.oauth.clients import TITLE
from tenants.oauth.forms import ConsentForm
from tenants.oauth.tokens import audience
from tenants.services import consents
from tenants.services.consents import Place, places_of

_ALLOW = "allow"
_CHALLENGE = re.compile("[A-Za-z0-9_-]{43}")
_LONGEST_NONCE = 255
_LOOPBACK = {"form-action": ["http://127.0.0.1:*"]}
"""The answer to the form leads to the command line, and browsers hold form-action against that too."""


@method_decorator([never_cache, csp_update(_LOOPBACK)], name="dispatch")
class Authorize(OAuthLibMixin, View):
    """`/authorize`: a code with PKCE for a command line on this machine. The form posts to the address it came from."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        return self._answer(request)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            names, credentials = self._validated(request)
            _require_ours(request, credentials)
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            return self._asked(request, " ".join(names), credentials)
        except OAuthToolkitError as error:
            return self._refused(request, error)

    def _validated(self, request: HttpRequest) -> tuple[list[str], dict[str, Any]]:
        """Raises OAuthToolkitError."""
        if not limits.can_be_kept(request.GET):
            raise FatalClientError(InvalidRequestError("Parameters are texts, and a scope is not too long."))
        try:
            return self.validate_authorization_request(request)
        except ValueError:  # how the library says that an address is no address
            raise FatalClientError(InvalidRequestError("The query cannot be read.")) from None

    def _asked(self, request: HttpRequest, scope: str, credentials: dict[str, Any]) -> HttpResponse:
        """Raises OAuthToolkitError when the person refuses."""
        places = [place for place in _places(request) if _is_meant(place, request.GET.get("organization"))]
        form = ConsentForm(places, request.POST or None)
        allow = request.POST.get("decision") == _ALLOW
        if request.method == "POST" and (not allow or form.is_valid()):
            if not allow:
                consents.refuse(request.user, credentials["client_id"])  # type: ignore[arg-type] - it is authenticated
            chosen = {"place": form.chosen} if allow else {}
            with transaction.atomic():
                uri, *_ = self.create_authorization_response(request, scope, {**credentials, **chosen}, allow)
            return OAuth2ResponseRedirect(uri, ["http"])
        return _question(request, "oauth/authorize.html", form, places, scope)

    def _refused(self, request: HttpRequest, error: OAuthToolkitError) -> HttpResponse:
        """Back to the client, unless it is not known where that is."""
        if isinstance(error, FatalClientError):
            fault: Any = error.oauthlib_error
            reason = fault.description or fault.error
            return render(request, "oauth/unusable.html", {"reason": reason}, status=400)
        _, answer = self.error_response(error)
        return OAuth2ResponseRedirect(answer["url"], ["http"])


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def activate(request: HttpRequest) -> HttpResponse:
    """`/activate`: the person types the code that a device shows, sees what it asks for, and answers."""
    code = request.GET.get("user_code", "")
    if not code:
        return render(request, "oauth/code.html", {"code": ""})
    if not limits.may_guess(request):
        return render(request, "429.html", status=429)
    grant = devices.waiting(code)
    if grant is None:
        limits.guessed_wrong(request)
        return render(request, "oauth/code.html", {"code": code, "is_wrong": True}, status=404)
    return _device_asked(request, grant)


@require_GET
@login_required
def answered(request: HttpRequest, answer: str) -> HttpResponse:
    return render(request, "oauth/answered.html", {"is_allowed": answer == "allowed"})


def _device_asked(request: HttpRequest, grant: DeviceGrant) -> HttpResponse:
    places = _places(request)
    form = ConsentForm(places, request.POST or None)
    allow = request.POST.get("decision") == _ALLOW
    if request.method == "POST" and (not allow or form.is_valid()):
        user: AbstractUser = request.user  # type: ignore[assignment] - it is authenticated
        if not devices.answer(grant, user, form.chosen if allow else None):
            return render(request, "oauth/code.html", {"code": grant.user_code, "is_wrong": True}, status=409)
        return HttpResponseRedirect(reverse("activated", args=["allowed" if allow else "refused"]))
    return _question(request, "oauth/device.html", form, places, grant.scope, code=grant.user_code)


def _question(
    request: HttpRequest, template: str, form: ConsentForm, places: list[Place], scope: str, **more: str
) -> HttpResponse:
    if not places:
        return render(request, "oauth/nowhere.html", {"client": TITLE}, status=403)
    granted = {name for place in places for name in scopes.allowed(scope.split(), place.membership.role)}
    texts = [text for name, text in scopes.TEXTS.items() if name in granted]
    place = places[0] if len(places) == 1 else None
    return render(request, template, {"form": form, "client": TITLE, "texts": texts, "asked_place": place, **more})


def _require_ours(request: HttpRequest, credentials: dict[str, Any]) -> None:
    """Raises OAuthToolkitError, which leads back to the client."""
    error = None
    if credentials.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(credentials["code_challenge"]):
        error = InvalidRequestError("code_challenge must be of the method S256.", state=credentials.get("state"))
    elif len(request.GET.get("nonce", "")) > _LONGEST_NONCE:
        error = InvalidRequestError("nonce is too long.", state=credentials.get("state"))
    elif request.GET.get("audience", audience()) != audience():
        error = CustomOAuth2Error("invalid_target", "There is no such audience.", state=credentials.get("state"))
    if error is not None:
        raise OAuthToolkitError(error, redirect_uri=credentials["redirect_uri"])


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    is_new = request.GET.get("screen_hint") == "signup"
    return redirect_to_login(request.get_full_path(), resolve_url("account_signup" if is_new else "account_login"))


def _places(request: HttpRequest) -> list[Place]:
    return places_of(request.user)  # type: ignore[arg-type] - it is authenticated


def _is_meant(place: Place, organisation: str | None) -> bool:
    """`organization`, which is Auth0's name for it: an organisation's id, or the tenant of an environment."""
    return organisation is None or organisation in (str(place.membership.organisation.pk), place.tenant)
