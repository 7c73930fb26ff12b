"""Addresses of the cloud API, below `/v2/`; `:cancel` belongs to a path's last part (contract: control plane 4.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from tenants.cloud import builds, environments, events, logs, me, members, openapi, rollouts, usage, webhooks
from tenants.cloud.endpoint import Answer, Methods, respond, shown
from tenants.cloud.shapes import MinVersion

PATHS: dict[str, Methods] = {
    "/me": me.ONE,
    "/envs": environments.COLLECTION,
    "/envs/{name}:cancel": environments.CANCEL,
    "/envs/{name}/usage": usage.ONE,
    "/envs/{name}/members": members.COLLECTION,
    "/envs/{name}/members/tokens": members.TOKENS,
    "/envs/{name}/logs": logs.ONE,
    **rollouts.PATHS,
    "/envs/{name}": environments.ONE,
    "/builds": builds.COLLECTION,
    "/builds/{build_id}:cancel": builds.CANCEL,
    "/webhooks": webhooks.COLLECTION,
    "/webhooks/{webhook_id}": webhooks.ONE,
    events.PATH: events.OF_BUILD,
    "/builds/{build_id}": builds.ONE,
}
"""In the order in which they are tried."""


@require_safe
def openapi_document(_: HttpRequest) -> HttpResponse:
    return shown(Answer(200, _document()))


@require_safe
def cli_min_version(_: HttpRequest) -> HttpResponse:
    return shown(Answer(200, MinVersion(settings.CONF.cloud.cli_min_version)))


@cache
def _document() -> dict[str, Any]:
    return openapi.document(PATHS)


def routed(paths: Mapping[str, Methods]) -> list[URLPattern]:
    """In the order in which they are tried."""
    return [re_path(_pattern(template), _view(template, methods)) for template, methods in paths.items()]


def _pattern(template: str) -> str:
    return "^" + re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template.removeprefix("/")) + r"\Z"


def _view(template: str, methods: Methods) -> Callable[..., HttpResponse]:
    @csrf_exempt
    def view(request: HttpRequest, **values: str) -> HttpResponse:
        return respond(methods, template, request, values)

    return view


urlpatterns: list[URLPattern] = [
    path(".well-known/openapi.json", openapi_document),
    path(".well-known/cli-min-version", cli_min_version),
    *routed(PATHS),
    re_path("", _view("unknown", {})),
]
