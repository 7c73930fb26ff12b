"""Applications that AI Studio deploys from a repository, into namespaces of their own (contract: control plane 6.1).

They are registered, and their builds fail in words: nothing is built from source here. The credentials that come with
a request are not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction

from tenants.models import Environment, Organisation, StudioBuild, StudioNamespace
from tenants.services.audit import Doer, record
from tenants.services.studio import Namespace, NamespaceEnding, NamespaceUnknown, namespace_called
from tenants.services.studio_names import APPLICATION, ENVIRONMENT, UnusableNamespace, application_namespace, sanitised

NOT_BUILT = (
    "Applications are not built from source here. Build an image, and roll it out: "
    'PATCH /k8s/namespaces/{namespace}/deployments/{deployment}/rollout/update with {"image": "…"}.'
)
"""What the user of AI Studio is told of a build."""
_REPOSITORY = re.compile(r"(?:https?|ssh|git)://[^\s\0]+|[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s\0]+")


class UnusableRepository(ValueError):
    """The text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be deployed, into which namespace beside the environment's."""

    user: str
    namespace: str
    environment_namespace: str
    repository: str
    branch: str
    chat_id: str = ""


@transaction.atomic
def deploy_application(doer: Doer, organisation: Organisation, wanted: Wanted) -> StudioBuild:
    """Register an application, or a newer build of it; the build comes with its namespace.

    Raises NamespaceUnknown (of the environment), NamespaceEnding, UnusableNamespace, UnusableRepository.
    """
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    place = namespace_called(organisation, wanted.environment_namespace)
    if place.application:
        raise NamespaceUnknown(wanted.environment_namespace)
    if place.environment.state == Environment.State.DELETING:
        raise NamespaceEnding(place.name)
    repository = _public(wanted.repository)
    name = application_namespace(wanted.user, wanted.environment_namespace, wanted.namespace)
    prefix = f"{APPLICATION}{place.name.removeprefix(ENVIRONMENT)}-"
    if not name.startswith(prefix):
        raise UnusableNamespace(f"app_namespace must be {prefix}<app>.")
    application = name.removeprefix(prefix)
    row, _ = StudioNamespace.objects.get_or_create(
        environment=place.environment, application=application, defaults={"name": name, "user": sanitised(wanted.user)}
    )
    build = StudioBuild.objects.create(
        namespace=row, repository=repository, branch=wanted.branch, chat_id=wanted.chat_id
    )
    known = {"application": application, "repository": repository, "branch": wanted.branch}
    _record(doer, "application registered", place.environment, known)
    return build


@transaction.atomic
def remove_application(doer: Doer, namespace: Namespace) -> None:
    """Forget an application with its builds; one that is gone already is no fault."""
    rows = StudioNamespace.objects.filter(environment=namespace.environment, application=namespace.application)
    if rows.delete()[0]:
        _record(doer, "application removed", namespace.environment, {"application": namespace.application})


def _public(repository: str) -> str:
    """The address without what may be a secret in it."""
    if not _REPOSITORY.fullmatch(repository):
        raise UnusableRepository("repository_url must be the address of a Git repository.")
    try:
        parts = urlsplit(repository)
    except ValueError:
        raise UnusableRepository("repository_url must be the address of a Git repository.") from None
    if not parts.scheme:
        return repository
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _record(doer: Doer, action: str, environment: Environment, after: dict[str, str]) -> None:
    record(doer, action, ("environment", str(environment.pk)), owner=environment, after=after)
