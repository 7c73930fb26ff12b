"""An organisation's environments, by name: what the cloud API, the terminal and the back office do with them.

(contract: control plane 2.1, 3.2, 4.4-4.6)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from django.db import transaction
from django.db.models import Case, Q, QuerySet, Value, When

from cyoda.clock import Clock, system_clock
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.models import Backend, Environment, Organisation, Provisioning, Tier
from tenants.services.audit import Doer, record
from tenants.services.expiry import expiry_under
from tenants.services.idempotency import RequestKey, answered, remember
from tenants.services.provisioning import (
    ClientWanted,
    EnvironmentNotReady,
    Order,
    RunNotCancellable,
    Wake,
    cancel_run,
    delete_environment,
    provision_environment,
    require_free_name,
)

DEPLOY_WINDOW = timedelta(hours=24)
ANY_BACKEND = "*"

State = Environment.State


class EnvironmentUnknown(LookupError):
    """The organisation has no environment of this name."""


class OrganisationSuspended(Exception):
    """A suspended organisation keeps what it has, and gets nothing new."""


class BackendNotEntitled(Exception):
    """The tier does not allow the back end, or there is none of this name; the text is a sentence."""


class DeployQuotaExceeded(Exception):
    """The tier's deploys of the last 24 hours are used up; `retry_after_seconds` until there is one again."""

    def __init__(self, limit: int, retry_after_seconds: int) -> None:
        super().__init__(f"{limit} environments may be deployed in 24 hours")
        self.retry_after_seconds = retry_after_seconds


class EnvironmentNotCancellable(Exception):
    """It is not being made, or turns back already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is ordered. Without the admin role, the first client is one that may not administrate."""

    name: str
    backend: str
    kind: str = Environment.Kind.DEVELOPMENT
    chat_id: str = ""
    m2m_with_admin_role: bool = False
    may_have_admin_role: bool = True


@dataclass(frozen=True, slots=True)
class Created:
    """`order` is None when an earlier equal request has made the environment."""

    environment: Environment
    order: Order | None


@transaction.atomic
def create_environment(
    doer: Doer,
    organisation: Organisation,
    wanted: Wanted,
    *,
    tier: Tier | None,
    request: RequestKey | None = None,
    wake: Wake = lambda: None,
    clock: Clock = system_clock,
) -> Created:
    """Order an environment, once for all equal requests. `tier` None: no tier limits it, as when an operator orders.

    Raises OrganisationSuspended, IdempotencyConflict, BackendNotEntitled, EnvironmentNameTaken, DeployQuotaExceeded,
    BackendUnavailable (full), ValidationError (a name), in this order.
    """
    held = Organisation.objects.select_for_update().get(pk=organisation.pk)
    if held.state != Organisation.State.ACTIVE:
        raise OrganisationSuspended
    known = None if request is None else answered(held, request)
    if known is not None:
        return Created(known, None)
    now = clock()
    _require_entitled(tier, wanted.backend)
    require_free_name(held, wanted.name)
    if tier is not None:
        _require_deploys_left(held, tier, now)
    order = provision_environment(
        doer,
        held.name,
        owner=held,
        tenant_id=str(uuid4()),
        environment_name=wanted.name,
        kind=wanted.kind,
        backend=wanted.backend,
        client=_client(wanted),
        expires_at=expiry_under(tier, now),
        chat_id=wanted.chat_id,
        wake=wake,
        clock=clock,
    )
    if request is not None:
        remember(held, request, order.run.environment, clock=clock)
    return Created(order.run.environment, order)


def environments_of(organisation: Organisation | None, *, with_ended: bool = False) -> QuerySet[Environment]:
    """By name, of one organisation or of all; those that have ended only when asked for."""
    rows = Environment.objects.select_related("build", "organisation")
    rows = rows if organisation is None else rows.filter(organisation=organisation)
    return (rows if with_ended else rows.exclude(state__in=Environment.ENDED)).order_by("name", "created_at")


def environments_called(name: str) -> QuerySet[Environment]:
    """Those of all organisations: the one that stands, else the last one that ended, comes first."""
    standing = Case(When(~Q(state__in=Environment.ENDED), then=Value(0)), default=Value(1))
    rows = Environment.objects.filter(name="" if "\0" in name else name)
    return rows.order_by(standing, "-created_at")


def environment_called(organisation: Organisation, name: str) -> Environment:
    """The one that stands, else the last one that ended. One query. Raises EnvironmentUnknown."""
    found = environments_called(name).filter(organisation=organisation).select_related("build", "organisation").first()
    if found is None:
        raise EnvironmentUnknown(name)
    return found


@transaction.atomic
def delete_called(
    doer: Doer, organisation: Organisation, name: str, *, wake: Wake = lambda: None, clock: Clock = system_clock
) -> Provisioning | None:
    """Have an environment removed, or turned back while it is made; the run that does it, None when one does already.

    What had failed counts as removed. Raises EnvironmentUnknown, also when it was removed before.
    """
    environment = environment_called(organisation, name)
    if environment.state == State.DELETED:
        raise EnvironmentUnknown(name)
    if environment.state in Environment.ENDED:
        _forget(doer, environment, clock)
        return None
    if _is_being_made(environment):
        return _turned_back(doer, environment, wake, clock)
    try:
        return delete_environment(doer, environment, wake=wake, clock=clock)
    except EnvironmentNotReady:  # it is being removed
        return None


@transaction.atomic
def change_kind(doer: Doer, environment: Environment, kind: str) -> None:
    """What an environment is for. Raises ValueError (not a kind)."""
    held = Environment.objects.select_for_update().get(pk=environment.pk)
    before, after = held.kind, Environment.Kind(kind)
    if before == after:
        return
    held.kind = after
    held.save(update_fields=["kind", "updated_at"])
    target = ("environment", str(held.pk))
    record(doer, "kind changed", target, owner=held, before={"kind": before}, after={"kind": after})


@transaction.atomic
def cancel_called(
    doer: Doer, organisation: Organisation, name: str, *, wake: Wake = lambda: None, clock: Clock = system_clock
) -> Provisioning:
    """Have an environment not be made after all. Raises EnvironmentUnknown, EnvironmentNotCancellable."""
    environment = environment_called(organisation, name)
    run = _turned_back(doer, environment, wake, clock) if environment.state == State.PROVISIONING else None
    if run is None:
        raise EnvironmentNotCancellable(environment.state)
    return run


def deploys_since(organisation: Organisation, moment: datetime) -> Sequence[datetime]:
    """When environments of the organisation were ordered after a moment, the first one first."""
    runs = Provisioning.objects.filter(
        kind=Provisioning.Kind.CREATE, environment__organisation=organisation, created_at__gt=moment
    )
    return list(runs.order_by("created_at").values_list("created_at", flat=True))


def builds_of(organisation: Organisation) -> QuerySet[Provisioning]:
    """The runs that make environments, the newest first."""
    return builds().filter(environment__organisation=organisation).select_related("environment")


def builds() -> QuerySet[Provisioning]:
    """Those of all organisations."""
    return Provisioning.objects.filter(kind=Provisioning.Kind.CREATE).order_by("-created_at", "-pk")


def _require_entitled(tier: Tier | None, backend: str) -> None:
    if tier is not None and backend not in tier.backends and ANY_BACKEND not in tier.backends:
        raise BackendNotEntitled(f"The tier {tier.pk} has no back end called {backend}.")
    if not Backend.objects.filter(pk=backend, is_enabled=True).exists():
        raise BackendNotEntitled(f"There is no back end called {backend}.")


def _require_deploys_left(organisation: Organisation, tier: Tier, now: datetime) -> None:
    limit = tier.env_deploys_per_day
    if limit < 0:
        return
    used = deploys_since(organisation, now - DEPLOY_WINDOW)
    if len(used) >= limit:
        frees = used[len(used) - limit] if limit else now
        raise DeployQuotaExceeded(limit, max(1, math.ceil((frees + DEPLOY_WINDOW - now).total_seconds())))


def _client(wanted: Wanted) -> ClientWanted:
    roles = (ROLE_ADMIN, ROLE_M2M) if wanted.m2m_with_admin_role else (ROLE_M2M,)
    return ClientWanted(roles=roles, may_have_admin_role=wanted.may_have_admin_role)


def _is_being_made(environment: Environment) -> bool:
    """Also in the moment between its opening and the end of its run."""
    return environment.build is not None and environment.build.finished_at is None


def _turned_back(doer: Doer, environment: Environment, wake: Wake, clock: Clock) -> Provisioning | None:
    """The environment's build, cancelled now; None when it turns back already or has ended."""
    if environment.build is None:
        return None
    try:
        cancel_run(doer, environment.build, wake=wake, clock=clock)
    except RunNotCancellable:
        return None
    return environment.build


def _forget(doer: Doer, environment: Environment, clock: Clock) -> None:
    before = environment.state
    changed = Environment.objects.filter(pk=environment.pk, state=before).update(
        state=State.DELETED, updated_at=clock()
    )
    if changed:
        target = ("environment", str(environment.pk))
        record(doer, "deleted", target, owner=environment, before={"state": before}, after={"state": State.DELETED})
