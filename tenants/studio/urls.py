"""Addresses of AI Studio's API, at the root of the host (contract: control plane 6)."""

from __future__ import annotations

from django.urls import URLPattern, path

from tenants.cloud.endpoint import Methods
from tenants.cloud.urls import routed
from tenants.studio import deploy, namespaces

PATHS: dict[str, Methods] = {
    "/deploy/cyoda-env": deploy.ENVIRONMENT,
    "/deploy/user-app": deploy.APPLICATION,
    "/deploy/cyoda-env/status": deploy.STATUS,
    **namespaces.PATHS,
}

urlpatterns: list[URLPattern] = [path("build/logs", deploy.build_logs), *routed(PATHS)]
