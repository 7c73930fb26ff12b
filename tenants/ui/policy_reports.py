"""What browsers report when the content policy has stopped something on a page: a line in the log, now and then.

Anyone can send anything here: little is read, less is written, and no address of a page, which may let somebody in.
"""

from __future__ import annotations

from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from cyoda import jsonio

LIMIT_BYTES = 16 * 1024
QUIET_SECONDS = 6.0
"""After a line there is none for so long."""
_SHOWN_CHARACTERS = 100

log = structlog.get_logger(__name__)

_written_at = [float("-inf")]


@csrf_exempt
@require_POST
def policy_report(request: HttpRequest) -> HttpResponse:
    """Accepts everything; only a report is written down."""
    found = _report(request.read(LIMIT_BYTES + 1))
    if found is not None and monotonic() - _written_at[0] >= QUIET_SECONDS:
        _written_at[0] = monotonic()
        log.warning(
            "the content policy has stopped something on a page",
            page=_route(found.get("document-uri")),
            directive=_short(found.get("effective-directive") or found.get("violated-directive")),
            blocked=_short(_origin(found.get("blocked-uri"))),
        )
    return HttpResponse(status=204)


def _report(body: bytes) -> dict[str, Any] | None:
    if len(body) > LIMIT_BYTES:
        return None
    try:
        parsed = jsonio.parse(body)
    except jsonio.InvalidJson:
        return None
    report = parsed.get("csp-report") if isinstance(parsed, dict) else None
    return report if isinstance(report, dict) else None


def _route(address: object) -> str:
    """The pattern of a page's address, without what is in it."""
    try:
        return f"/{resolve(urlsplit(str(address)).path).route}"[:_SHOWN_CHARACTERS]
    except (Resolver404, ValueError):
        return ""


def _origin(address: object) -> str:
    """`inline` and the like as they are; of an address its origin."""
    try:
        parts = urlsplit(str(address))
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else str(address)


def _short(text: object) -> str:
    return str(text)[:_SHOWN_CHARACTERS]
