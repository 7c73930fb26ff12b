"""What runs in a namespace, as AI Studio sees deployments: the environment itself (contract: control plane 6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenants.models import Environment
from tenants.services.audit import Doer
from tenants.services.studio import Namespace

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
    """The environment's own first."""
    return [_of_environment(namespace.environment)]


def deployment_called(namespace: Namespace, name: str) -> Deployment:
    """Raises DeploymentUnknown."""
    found = next((each for each in deployments_in(namespace) if each.name == name), None)
    if found is None:
        raise DeploymentUnknown(name)
    return found


def scale(doer: Doer, namespace: Namespace, name: str, replicas: int) -> None:
    """Raises DeploymentUnknown, DeploymentFixed."""
    raise _fixed(namespace, name)


def restart(doer: Doer, namespace: Namespace, name: str) -> None:
    """Raises DeploymentUnknown, DeploymentFixed."""
    raise _fixed(namespace, name)


def update_image(doer: Doer, namespace: Namespace, name: str, image: str) -> None:
    """Raises DeploymentUnknown, DeploymentFixed."""
    raise _fixed(namespace, name)


def _fixed(namespace: Namespace, name: str) -> DeploymentFixed:
    deployment_called(namespace, name)
    return DeploymentFixed("An environment is served by the platform's nodes: it has no replicas of its own.")


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
