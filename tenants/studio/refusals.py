"""What the services refuse, as problem documents of AI Studio's API; their text reaches its user."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.core.exceptions import ValidationError

from tenants.cloud import problems
from tenants.cloud.problems import Problem, too_many
from tenants.services import (
    applications,
    environments,
    provisioning,
    studio,
    studio_applications,
    studio_deployments,
    studio_names,
)

FULL_SECONDS = 60


def _said(type: problems.Type, text: str = "{}") -> Callable[[Any], Problem]:
    """A problem whose text has what the refusal says."""
    return lambda refusal: Problem(type, text.format(refusal))


_OF: Final[Mapping[type[Exception], Callable[[Any], Problem]]] = {
    studio.NamespaceUnknown: _said(problems.NOT_FOUND, "There is no namespace called {}."),
    studio.BuildUnknown: _said(problems.NOT_FOUND, "There is no build {}."),
    studio_names.UnusableNamespace: _said(problems.VALIDATION_ERROR),
    studio_applications.UnusableRepository: _said(problems.VALIDATION_ERROR),
    studio.NamespaceEnding: _said(problems.ENV_ALREADY_EXISTS, "What stood in {} is being removed: try again later."),
    studio_deployments.DeploymentUnknown: _said(problems.NOT_FOUND, "There is no deployment called {}."),
    studio_deployments.DeploymentFixed: _said(problems.NOT_CHANGEABLE),
    applications.InvalidApplication: _said(problems.VALIDATION_ERROR),
    applications.NotOffered: _said(problems.NOT_CHANGEABLE),
    applications.TooManyMembers: _said(problems.TIER_NOT_ENTITLED),
    applications.ApplicationUnknown: _said(problems.NOT_FOUND, "There is no application called {}."),
    environments.OrganisationSuspended: _said(problems.FORBIDDEN, "The organisation is suspended."),
    environments.BackendNotEntitled: _said(problems.TIER_NOT_ENTITLED),
    environments.DeployQuotaExceeded: lambda refusal: too_many(f"{refusal}.", refusal.retry_after_seconds),
    provisioning.EnvironmentNameTaken: _said(problems.ENV_ALREADY_EXISTS, "Another environment is called {}."),
    provisioning.BackendUnavailable: lambda refusal: Problem(
        problems.UPSTREAM_FAILURE, str(refusal), headers={"Retry-After": str(FULL_SECONDS)}
    ),
    ValidationError: lambda fault: Problem(problems.VALIDATION_ERROR, " ".join(fault.messages)),
}


@contextmanager
def refusals() -> Generator[None]:
    """Raises Problem for each refusal of the services that AI Studio's calls reach."""
    try:
        yield
    except tuple(_OF) as refusal:
        raise _OF[type(refusal)](refusal) from None
