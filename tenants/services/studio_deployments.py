"""What runs in a namespace, as AI Studio sees deployments: environments, applications (contract: control plane 6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from tenants.models import Environment, Organisation, StudioNamespace
from tenants.services import environments
from tenants.services.audit import Doer
from tenants.services.provisioning import Wake
from tenants.services.studio import Namespace
from tenants.services.studio_applications import NOT_BUILT, remove_application

CYODA = "cyoda"
"""The environment's own deployment: the platform's nodes, which serve it together with others."""


class DeploymentUnknown(LookupError):
    """The namespace has no deployment of this name."""


class DeploymentFixed(Exception):
    """It cannot be changed by the environment's owner; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """`ready` of the wanted `replicas` run; `pods` are the names and states of each."""

    name: str
    status: str
    replicas: int
    ready: int
    created_at: datetime
    image: str = ""
    message: str = ""
    pods: Sequence[tuple[str, str]] = ()


def deployments_in(namespace: Namespace) -> Sequence[Deployment]:
    """Of an environment its own first, then its applications; of an application that one alone."""
    rows = StudioNamespace.objects.filter(environment=namespace.environment).exclude(application="")
    if namespace.application:
        return [_of_application(row) for row in rows.filter(application=namespace.application)]
    return [_of_environment(namespace.environment), *map(_of_application, rows.order_by("application"))]


def deployment_called(namespace: Namespace, name: str) -> Deployment:
    """Raises DeploymentUnknown."""
    found = next((each for each in deployments_in(namespace) if each.name == name), None)
    if found is None:
        raise DeploymentUnknown(name)
    return found


def refuse_change(namespace: Namespace, name: str) -> NoReturn:
    """Neither environments nor applications that were never built can be scaled, restarted or given an image.

    Raises DeploymentUnknown, DeploymentFixed.
    """
    found = deployment_called(namespace, name)
    if namespace.application or found.name != CYODA:
        raise DeploymentFixed(NOT_BUILT)
    raise DeploymentFixed("An environment is served by the platform's nodes: it has no replicas of its own.")


def delete_namespace(
    doer: Doer, organisation: Organisation, namespace: Namespace, *, wake: Wake = lambda: None
) -> None:
    """Have an environment removed, or turned back while it is made; or an application. Once for all calls."""
    if namespace.application:
        remove_application(doer, namespace)
        return
    with suppress(environments.EnvironmentUnknown):
        environments.delete_called(doer, organisation, namespace.environment.name, wake=wake)


def _of_application(row: StudioNamespace) -> Deployment:
    return Deployment(
        name=row.application, status="Failed", replicas=0, ready=0, created_at=row.created_at, message=NOT_BUILT
    )


def _of_environment(environment: Environment) -> Deployment:
    is_ready = environment.state == Environment.State.READY
    return Deployment(
        name=CYODA,
        status="Available" if is_ready else "Progressing",
        replicas=1,
        ready=int(is_ready),
        created_at=environment.created_at,
        pods=((f"{CYODA}-0", "Running" if is_ready else "Pending"),),
    )
