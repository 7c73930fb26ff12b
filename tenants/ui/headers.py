"""What every page's answer carries: its content policy, what the browser may use, its request's id; how it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from cyoda.telemetry import request_ids

_UNUSED_FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "serial", "usb")
_PERMISSIONS = ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES)

BACK_OFFICE = {
    "script-src": [SELF, UNSAFE_EVAL],  # Alpine makes functions of its attributes' texts
    "style-src": [SELF, UNSAFE_INLINE],  # django-unfold writes its colours, and htmx its indicator, into the page
}
"""Instead of these directives of the other pages. No inline script runs here either."""


class ContentPolicy(CSPMiddleware):
    """The strict policy; pages of the back office get what its library cannot do without, and no other page does."""

    def get_policy_parts(self, request: HttpRequest, response: Any, report_only: bool = False) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        match = request.resolver_match
        if match is not None and match.app_names[:1] == ["admin"] and not report_only:
            parts.replace = BACK_OFFICE
        return parts


class Compression(GZipMiddleware):
    """Of whole pages. Streams are passed on as they come, and static files lie compressed on the disk."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = isinstance(response, HttpResponse) and response.headers.get("Content-Type", "").startswith(
            "text/html"
        )
        return super().process_response(request, response) if is_page else response


class PageHeaders:
    """Permissions-Policy, X-Request-Id, and that no answer is kept which does not say how long it may be."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_ids.begin(request.headers.get("X-Request-Id"))
        response = self._get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response["Permissions-Policy"] = _PERMISSIONS
        response["X-Request-Id"] = request_ids.current()
        return response
