"""Environments as AI Studio orders, watches and removes them: by namespace and by build (contract: control plane 6).

Whose they are is the organisation of the caller's token: what another one owns is unknown here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Concat

from cyoda.clock import Clock, system_clock
from tenants.models import LOCAL, Backend, Environment, Organisation, StudioNamespace, Tier
from tenants.naming import is_uuid
from tenants.services import environments
from tenants.services.audit import Doer
from tenants.services.environments import ANY_BACKEND
from tenants.services.provisioning import EnvironmentNameTaken, Wake
from tenants.services.studio_names import (
    APPLICATION,
    ENVIRONMENT,
    environment_names,
    environment_namespace,
    is_meant,
    sanitised,
)

State = Environment.State


class NamespaceUnknown(LookupError):
    """The organisation has no namespace of this name."""


class BuildUnknown(LookupError):
    """There is no such build, or not of this namespace."""


class NamespaceEnding(Exception):
    """What stood there is being removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is ordered; `build_id` names an earlier build when it is to be made again."""

    user: str
    namespace: str
    chat_id: str = ""
    build_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """A namespace of an environment, or of one of its applications."""

    name: str
    environment: Environment
    application: str = ""
    created_at: datetime


@transaction.atomic
def deploy_environment(
    doer: Doer,
    organisation: Organisation,
    wanted: Wanted,
    *,
    tier: Tier | None,
    wake: Wake = lambda: None,
    clock: Clock = system_clock,
) -> StudioNamespace:
    """The environment of a namespace: the one that stands there, or one that is ordered now; it comes with its build.

    Raises UnusableNamespace, BuildUnknown, NamespaceEnding, and what ordering an environment raises.
    """
    held = Organisation.objects.select_for_update().get(pk=organisation.pk)
    name = environment_namespace(wanted.user, wanted.namespace)
    if wanted.build_id is not None:
        _require_build(held, wanted.build_id, name)
    standing = _standing(held).filter(name=name, application="").first()
    if standing is None:
        environment = _ordered(doer, held, name, wanted, tier, wake, clock)
        return StudioNamespace.objects.create(environment=environment, name=name, user=sanitised(wanted.user))
    if standing.environment.state == State.DELETING:
        raise NamespaceEnding(name)
    return standing


def namespaces_of(organisation: Organisation) -> Sequence[Namespace]:
    """Of everything that stands, environments before their applications. Two queries."""
    rows = environments.environments_of(organisation).prefetch_related("studio_namespaces")
    return [namespace for environment in rows for namespace in _namespaces(environment)]


def namespace_called(organisation: Organisation, name: str) -> Namespace:
    """Also by a name whose parts are not cut. Raises NamespaceUnknown, also where several may be meant."""
    if "\0" in name:
        raise NamespaceUnknown(name)
    standing = _standing(organisation)
    found = list(standing.filter(name=name))
    if not found:
        found = [row for row in _near(standing, name) if is_meant(name, row.user, row.name)]
    if len(found) == 1:
        return _of_row(found[0])
    own = environments.environments_of(organisation).filter(name=name.split("-", 2)[-1]).first()
    if found or own is None or own.namespace != name:
        raise NamespaceUnknown(name)
    return Namespace(name=name, environment=own, created_at=own.created_at)


def _require_build(organisation: Organisation, build_id: str, name: str) -> None:
    rows = StudioNamespace.objects.filter(environment__organisation=organisation, name=name, application="")
    if not is_uuid(build_id) or not rows.filter(environment__runs=build_id).exists():
        raise BuildUnknown(build_id)


def _ordered(
    doer: Doer, held: Organisation, name: str, wanted: Wanted, tier: Tier | None, wake: Wake, clock: Clock
) -> Environment:
    """Under the plainest name that is free. Raises EnvironmentNameTaken when none is."""
    *plain, told_apart = environment_names(name)
    backend = _backend(tier)

    def ordered(environment_name: str) -> Environment:
        order = environments.Wanted(name=environment_name, backend=backend, chat_id=wanted.chat_id)
        return environments.create_environment(doer, held, order, tier=tier, wake=wake, clock=clock).environment

    for each in plain:
        try:
            return ordered(each)
        except EnvironmentNameTaken:
            continue
    return ordered(told_apart)


def _backend(tier: Tier | None) -> str:
    """The first back end of the tier that takes environments; where the tier allows any, the installation's own."""
    allowed = [ANY_BACKEND] if tier is None else list(tier.backends)
    if ANY_BACKEND in allowed or LOCAL in allowed:
        return LOCAL
    enabled = set(Backend.objects.filter(pk__in=allowed, is_enabled=True).values_list("pk", flat=True))
    return next((each for each in allowed if each in enabled), LOCAL)


def _standing(organisation: Organisation) -> QuerySet[StudioNamespace]:
    rows = StudioNamespace.objects.select_related("environment__build", "environment__organisation")
    return rows.filter(environment__organisation=organisation).exclude(environment__state__in=Environment.ENDED)


def _near(standing: QuerySet[StudioNamespace], asked: str) -> QuerySet[StudioNamespace]:
    """Those of the users whom a name may name."""
    starts = (Concat(Value(prefix), "user", Value("-")) for prefix in (ENVIRONMENT, APPLICATION))
    of_environment, of_application = (Q(asked__startswith=start) for start in starts)
    return standing.annotate(asked=Value(asked)).filter(of_environment | of_application)


def _namespaces(environment: Environment) -> list[Namespace]:
    rows = sorted(environment.studio_namespaces.all(), key=lambda row: row.application)  # type: ignore[attr-defined]
    if rows and not rows[0].application:
        return [_of_row(row, environment) for row in rows]
    own = Namespace(name=environment.namespace, environment=environment, created_at=environment.created_at)
    return [own, *(_of_row(row, environment) for row in rows)]


def _of_row(row: StudioNamespace, environment: Environment | None = None) -> Namespace:
    return Namespace(
        name=row.name,
        environment=environment or row.environment,
        application=row.application,
        created_at=row.created_at,
    )
