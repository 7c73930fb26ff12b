"""What every page's template knows beside its own."""

from __future__ import annotations

from django.http import HttpRequest

from cyoda import __version__
from cyoda.telemetry import request_ids
from tenants.ui.shell.preferences import person_of

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


def page(request: HttpRequest) -> dict[str, object]:
    """The theme is the browser's own unless one was chosen in it; `person` None is a stranger."""
    theme = request.COOKIES.get(THEME_COOKIE)
    return {
        "theme": theme if theme in THEMES else THEMES[0],
        "themes": THEMES,
        "person": person_of(request),
        "request_id": request_ids.current(),
        "version": __version__,
        "api_docs": "/docs",  # served in front of the pages (cyoda/http/documentation.py)
    }
