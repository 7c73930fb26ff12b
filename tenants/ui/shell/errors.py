"""The page of a failure that no view has answered (Django's handler500)."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from cyoda.errors import StorageUnavailable
from cyoda.telemetry import request_ids
from tenants.ui.context import THEME_COOKIE, THEMES

_UNREACHABLE = (InterfaceError, OperationalError, StorageUnavailable)
_RETRY_AFTER_S = "5"


def failed(request: HttpRequest) -> HttpResponse:
    """503 for a database that does not answer, else 500. Asks the database nothing, not even who the reader is."""
    status = 503 if isinstance(sys.exc_info()[1], _UNREACHABLE) else 500
    theme = request.COOKIES.get(THEME_COOKIE)
    context = {
        "request": request,
        "request_id": request_ids.current(),
        "theme": theme if theme in THEMES else THEMES[0],
    }
    answer = HttpResponse(render_to_string(f"{status}.html", context), status=status)
    if status == 503:
        answer["Retry-After"] = _RETRY_AFTER_S
    return answer
