"""What every page's template knows beside its own."""

from __future__ import annotations

from django.http import HttpRequest

THEMES = ("system", "light", "dark")
THEME_COOKIE = "theme"


def page(request: HttpRequest) -> dict[str, object]:
    """The theme: the browser's own unless the person has chosen one."""
    theme = request.COOKIES.get(THEME_COOKIE)
    return {"theme": theme if theme in THEMES else THEMES[0], "themes": THEMES}
