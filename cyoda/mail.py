"""Django's view of CYODA_MAIL_URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TIMEOUT_SECONDS = 10
_BACKENDS = "django.core.mail.backends"


def django_mail(url: str | None) -> dict[str, Any]:
    """The EMAIL_* settings of `smtp://user:password@host:port?tls=1`, `smtps://…`, or `console` (also None)."""
    if url is None or url == "console":
        return {"EMAIL_BACKEND": f"{_BACKENDS}.console.EmailBackend"}
    parts = urlsplit(url)
    over_tls = parts.scheme == "smtps"
    return {
        "EMAIL_BACKEND": f"{_BACKENDS}.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (465 if over_tls else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": over_tls,
        "EMAIL_USE_TLS": not over_tls and parse_qs(parts.query).get("tls") == ["1"],
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
    }
