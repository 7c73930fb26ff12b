"""Addresses of AI Studio's API, at the root of the host (contract: control plane 6)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from tenants.cloud.endpoint import Methods, respond
from tenants.cloud.urls import routed
from tenants.studio import deploy, namespaces

PATHS: dict[str, Methods] = {
    "/deploy/cyoda-env": deploy.ENVIRONMENT,
    "/deploy/user-app": deploy.APPLICATION,
    "/deploy/cyoda-env/status": deploy.STATUS,
    **namespaces.PATHS,
}


@csrf_exempt
def unknown(request: HttpRequest) -> HttpResponse:
    """Not a page that says so: its text would reach AI Studio's user."""
    return respond({}, "unknown", request, {})


urlpatterns: list[URLPattern] = [
    path("build/logs", deploy.build_logs),
    *routed(PATHS),
    re_path("^(?:deploy|k8s)/", unknown),
]
