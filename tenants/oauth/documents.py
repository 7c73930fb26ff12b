"""Where a client finds everything: the command line's discovery document, OpenID Connect's, the public keys."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from cyoda.errors import StorageUnavailable
from tenants.oauth import scopes
from tenants.oauth.clients import CLIENT_ID
from tenants.oauth.tokens import audience, issuer, openid_issuer
from tenants.oauth.validator import GRANTS


@require_safe
def discovery(_: HttpRequest) -> HttpResponse:
    """`GET /.well-known/cyoda-cloud-cli.json` (contract: control plane 4.7)."""
    return JsonResponse(
        {
            "api_url": settings.PUBLIC_URL,
            "auth0_domain": urlsplit(settings.PUBLIC_URL).netloc,
            "auth0_client_id": CLIENT_ID,
            "auth0_audience": audience(),
        }
    )


@require_safe
def openid_configuration(_: HttpRequest) -> HttpResponse:
    """`GET /.well-known/openid-configuration`."""
    return JsonResponse(
        {
            "issuer": openid_issuer(),
            "authorization_endpoint": _url("oauth_authorize"),
            "device_authorization_endpoint": _url("oauth_device_code"),
            "token_endpoint": _url("oauth_token"),
            "revocation_endpoint": _url("oauth_revoke"),
            "userinfo_endpoint": _url("oauth_userinfo"),
            "jwks_uri": _url("oauth_jwks"),
            "grant_types_supported": list(GRANTS),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "scopes_supported": list(scopes.TEXTS),
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "name", "preferred_username", "email", "email_verified"],
            "authorization_response_iss_parameter_supported": True,
        }
    )


@require_safe
def public_keys(_: HttpRequest) -> HttpResponse:
    """`GET /.well-known/jwks.json`."""
    try:
        return HttpResponse(issuer().public_keys(), content_type="application/json")
    except StorageUnavailable:
        return JsonResponse({"keys": []}, status=503)


def _url(name: str) -> str:
    return settings.PUBLIC_URL + reverse(name)
