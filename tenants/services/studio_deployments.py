"""What runs in a namespace, as AI Studio sees deployments: environments, applications (contract: control plane 6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from tenants.models import Application, Environment, Organisation, StudioNamespace, Tier
from tenants.services import applications, environments
from tenants.services.applications import ApplicationUnknown, Spec, application_called, applications_of
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
    environment = namespace.environment
    running = {each.name: each for each in applications_of(environment)}
    rows = StudioNamespace.objects.filter(environment=environment).exclude(application="")
    known = {row.application: _never_built(row) for row in rows}
    known |= {name: _of_application(application) for name, application in running.items()}
    if namespace.application:
        return [known[namespace.application]] if namespace.application in known else []
    return [_of_environment(environment), *(known[name] for name in sorted(known))]


def deployment_called(namespace: Namespace, name: str) -> Deployment:
    """Raises DeploymentUnknown."""
    found = next((each for each in deployments_in(namespace) if each.name == name), None)
    if found is None:
        raise DeploymentUnknown(name)
    return found


def scale(doer: Doer, namespace: Namespace, name: str, replicas: int, *, tier: Tier | None) -> None:
    """Raises DeploymentUnknown, DeploymentFixed, and what scaling an application raises."""
    applications.scale(doer, _running(namespace, name), replicas, tier=tier)


def restart(doer: Doer, namespace: Namespace, name: str, *, tier: Tier | None) -> None:
    """Raises DeploymentUnknown, DeploymentFixed, and what restarting an application raises."""
    applications.restart(doer, _running(namespace, name), tier=tier)


def update_image(doer: Doer, namespace: Namespace, name: str, image: str, *, tier: Tier | None) -> None:
    """Also of an application that never ran: with an image it does.

    Raises DeploymentUnknown, DeploymentFixed, and what rolling an application out raises.
    """
    application = _application(namespace, name)
    if application is None:
        applications.create(doer, namespace.environment, Spec(name=name, image=image), tier=tier)
    else:
        applications.update_image(doer, application, image, tier=tier)


@transaction.atomic
def delete_namespace(
    doer: Doer, organisation: Organisation, namespace: Namespace, *, wake: Wake = lambda: None
) -> None:
    """Have an environment removed, or turned back while it is made; or an application. Once for all calls."""
    if namespace.application:
        with suppress(ApplicationUnknown):
            applications.remove(doer, application_called(namespace.environment, namespace.application))
        remove_application(doer, namespace)
        return
    with suppress(environments.EnvironmentUnknown):
        environments.delete_called(doer, organisation, namespace.environment.name, wake=wake)


def _running(namespace: Namespace, name: str) -> Application:
    """Raises DeploymentUnknown, DeploymentFixed."""
    application = _application(namespace, name)
    if application is None:
        raise DeploymentFixed(NOT_BUILT)
    return application


def _application(namespace: Namespace, name: str) -> Application | None:
    """None when it is registered only. Raises DeploymentUnknown, DeploymentFixed (the environment's own)."""
    deployment_called(namespace, name)
    if name == CYODA and not namespace.application:
        raise DeploymentFixed("An environment is served by the platform's nodes: it has no replicas of its own.")
    return applications_of(namespace.environment).filter(name=name).first()


def _never_built(row: StudioNamespace) -> Deployment:
    return Deployment(
        name=row.application, status="Failed", replicas=0, ready=0, created_at=row.created_at, message=NOT_BUILT
    )


def _of_application(application: Application) -> Deployment:
    status = applications.status(application)
    return Deployment(
        name=application.name,
        status="Available" if status.state == "running" else status.state.capitalize(),
        replicas=status.replicas,
        ready=status.ready,
        created_at=application.created_at,
        image=application.image,
        message=status.message,
        pods=[(f"{application.name}-{one.replica}", one.state.capitalize()) for one in status.processes],
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
