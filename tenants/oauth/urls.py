"""The paths that an Auth0-style client uses, at the root of its domain (contract: control plane 4.7)."""

from __future__ import annotations

from django.urls import URLPattern, path, re_path

from tenants.oauth import documents, endpoints, pages

urlpatterns: list[URLPattern] = [
    path(".well-known/cyoda-cloud-cli.json", documents.discovery),
    path(".well-known/openid-configuration", documents.openid_configuration),
    path(".well-known/jwks.json", documents.public_keys, name="oauth_jwks"),
    path("authorize", pages.Authorize.as_view(), name="oauth_authorize"),
    path("activate", pages.activate, name="activate"),
    re_path(r"^activate/(allowed|refused)\Z", pages.answered, name="activated"),
    path("oauth/device/code", endpoints.DeviceCodes.as_view(), name="oauth_device_code"),
    path("oauth/token", endpoints.Tokens.as_view(), name="oauth_token"),
    path("oauth/revoke", endpoints.Revocation.as_view(), name="oauth_revoke"),
    path("userinfo", endpoints.userinfo, name="oauth_userinfo"),
]
