"""The client that every installation has: the command line."""

from __future__ import annotations

from typing import Any, Final

from oauth2_provider.models import Application

CLIENT_ID: Final = "cyoda-cloud-cli"
TITLE: Final = "Cyoda Cloud CLI"
REDIRECT: Final = "http://127.0.0.1:42777/callback"
"""Any port does, as RFC 8252 (7.3) wants it."""


def ensure_client(**_: Any) -> None:
    """Called after migrating. The library knows one grant type a client; tenants.oauth.validator allows the others."""
    Application.objects.update_or_create(
        client_id=CLIENT_ID,
        defaults={
            "name": TITLE,
            "client_type": Application.CLIENT_PUBLIC,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": REDIRECT,
            "client_secret": "",
        },
    )
