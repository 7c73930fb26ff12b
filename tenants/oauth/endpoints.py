"""What a client calls: codes for devices, tokens, signing out, who signed in (contract: control plane 4.7)."""

from __future__ import annotations

import json
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.views.mixins import OAuthLibMixin

from cyoda.errors import StorageUnavailable, Unauthorized
from tenants.cloud.access import claims_of, configured_bearers
from tenants.identity.issue import NoSigningKey
from tenants.oauth import devices, limits, scopes
from tenants.oauth.tokens import audience, facts_of
from tenants.oauth.validator import GRANTS
from tenants.services.grants import person_of


@method_decorator(csrf_exempt, name="dispatch")
class Endpoint(OAuthLibMixin, View):
    """Answers in OAuth's own JSON; a request is one transaction, which refusals that end a sign-in need too."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.GET or not limits.can_be_kept(request.POST):
            return refusal("invalid_request", "Parameters are texts in the body, and a scope is not too long.")
        if request.POST.get("audience", audience()) != audience():
            return refusal("invalid_target", "There is no such audience.")
        try:
            with transaction.atomic():
                return self.answer(request)
        except (StorageUnavailable, OperationalError, InterfaceError):
            return refusal("temporarily_unavailable", "The service is not available now.", 503)
        except NoSigningKey:
            return refusal("server_error", "No key pair can sign a token.", 500)

    def answer(self, request: HttpRequest) -> HttpResponse:
        raise NotImplementedError


class Tokens(Endpoint):
    """`POST /oauth/token`. The library would look at a password before it refuses the grant, so it is not asked."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        if request.POST.get("grant_type") not in GRANTS:
            return refusal("unsupported_grant_type", f"grant_type must be one of {', '.join(GRANTS)}.")
        _, headers, body, status = self.create_token_response(request)
        return HttpResponse(body, status=status, headers=headers)


class Revocation(Endpoint):
    """`POST /oauth/revoke`."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        _, headers, body, status = self.create_revocation_response(request)
        return HttpResponse(body or "", status=status, headers=headers)


class DeviceCodes(Endpoint):
    """`POST /oauth/device/code`."""

    server_class = devices.DeviceServer

    def answer(self, request: HttpRequest) -> HttpResponse:
        if not limits.may_start(request):
            return refusal("slow_down", "Too many sign-ins were started.", 429)
        headers, body, status = self.create_device_authorization_response(request)
        answer: dict[str, Any] = body if isinstance(body, dict) else json.loads(body)
        if status == 200:
            devices.begin(answer, request.POST["client_id"], answer.pop("scope", ""))
        return JsonResponse(answer, status=status, headers=headers)


def userinfo(request: HttpRequest) -> HttpResponse:
    """`GET /userinfo`: what the token's scopes let its holder know of the person."""
    authorization = request.headers.get("Authorization")
    try:
        principal = configured_bearers().verify(authorization)
    except Unauthorized:
        return refusal("invalid_token", "A valid bearer token is needed.", 401)
    granted = str(claims_of(authorization).get("scope", "")).split()
    person = person_of(principal)
    if person is None or not person.user.is_active:
        return refusal("invalid_token", "The token is nobody's.", 401)
    if scopes.OPENID not in granted:
        return refusal("insufficient_scope", "The token lacks the scope openid.", 403)
    return JsonResponse(facts_of(person.user, granted))


def refusal(error: str, description: str, status: int = 400) -> HttpResponse:
    answer = JsonResponse({"error": error, "error_description": description}, status=status)
    if status in (401, 403):
        answer["WWW-Authenticate"] = f'Bearer error="{error}"'
    return answer
