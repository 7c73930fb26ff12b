"""Asking for environments and for their removal (contract: control plane 2.2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from cyoda.clock import Clock, system_clock
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.identity.secrets import hash_generated
from tenants.models import LOCAL, Backend, Environment, Organisation, Outbox, Provisioning, ProvisioningStep
from tenants.naming import schema_name_of
from tenants.provisioning.base import Json, checked_parameters
from tenants.provisioning.drivers import driver_named
from tenants.services.audit import Doer, record
from tenants.services.clients import start_of
from tenants.services.outbox import PROVISIONING
from tenants.services.progress import note

BOOTSTRAP_ROLES = (ROLE_ADMIN, ROLE_M2M)
BOOTSTRAP_USER = "admin"
_SECRET_BYTES = 32
_CLIENT_ID_BYTES = 10

log = structlog.get_logger(__name__)

Wake = Callable[[], None]
"""Tells the workers that something waits; called after the commit, and allowed to do nothing."""

State = Environment.State
RunState, StepState = Provisioning.State, ProvisioningStep.State
BEGINS_AGAIN = (RunState.FAILED, RunState.CANCELLED)
"""How a run ended that may be begun again."""


class EnvironmentExists(Exception):
    """The tenant has an environment already, or is losing one just now."""


class EnvironmentNameTaken(Exception):
    """The organisation has another environment of this name; the text is the name."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment.name)
        self.environment = environment


class BackendUnavailable(Exception):
    """There is no such back end, it takes no new environments, is full or misses something; the text is a sentence."""


class EnvironmentNotReady(Exception):
    """Only an environment that stands can be deleted."""


class RunNotRetryable(Exception):
    """The run has succeeded, or a later one has followed it."""


class RunNotCancellable(Exception):
    """Only a run that makes an environment, and has not come to its end or turned back, can be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A provisioning run that was begun. `client_secret` exists here only; its hash is what is kept."""

    run: Provisioning
    client_id: str
    client_secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientWanted:
    """The client that an environment begins with; asked for a role that clients may not have, its step is refused."""

    roles: tuple[str, ...] = BOOTSTRAP_ROLES
    may_have_admin_role: bool = True


@transaction.atomic
def provision_environment(
    doer: Doer,
    name: str,
    *,
    owner: Organisation | None = None,
    tenant_id: str | None = None,
    environment_name: str = "development",
    kind: str = Environment.Kind.DEVELOPMENT,
    backend: str = LOCAL,
    parameters: Mapping[str, Json] | None = None,
    client: ClientWanted = ClientWanted(),
    expires_at: datetime | None = None,
    chat_id: str = "",
    wake: Wake = lambda: None,
    clock: Clock = system_clock,
) -> Order:
    """Write the environment of a tenant, the run that makes it, and the workers' wake-up.

    It belongs to `owner`, or to a new organisation called `name`. `tenant_id` is the name unless it is given. What was
    deleted, or failed and was cleaned up, may be made again by its own organisation.
    Raises EnvironmentExists, EnvironmentNameTaken, BackendUnavailable, UnusableTenantId, UnknownDriver, StepRefused (a
    parameter), ValidationError (a name).
    """
    place = _place_in(backend)
    environment = _placed(tenant_id or name, owner=owner, organisation=name)
    require_free_name(environment.organisation, environment_name, environment)
    environment.name, environment.kind, environment.state = environment_name, kind, State.PROVISIONING
    environment.backend, environment.region, environment.driver = place, place.region, place.driver
    environment.parameters = checked_parameters(driver_named(place.driver), {**place.parameters, **(parameters or {})})
    environment.expires_at = expires_at
    environment.clean_fields()
    environment.save()
    client_id, secret = secrets.token_hex(_CLIENT_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    given = {
        "id": client_id,
        "secret_hash": hash_generated(secret),
        "secret_start": start_of(secret),
        "created_by": doer.name,
        "user_id": BOOTSTRAP_USER,
        "roles": list(client.roles),
        "may_have_admin_role": client.may_have_admin_role,
    }
    run = Provisioning(environment=environment, kind=Provisioning.Kind.CREATE, input={"client": given}, chat_id=chat_id)
    _start(run, StepState.PENDING, wake, clock)
    wanted = {"name": environment_name, "kind": str(kind), "backend": backend, "client": client_id}
    _record(doer, "ordered", environment, after={"state": environment.state, **wanted})
    return Order(run=run, client_id=client_id, client_secret=secret)


@transaction.atomic
def delete_environment(
    doer: Doer, environment: Environment, *, wake: Wake = lambda: None, clock: Clock = system_clock
) -> Provisioning:
    """Close the environment at once, and write the run that removes all it has. Raises EnvironmentNotReady."""
    environment = Environment.objects.select_for_update().select_related("organisation").get(pk=environment.pk)
    if environment.state != State.READY:
        raise EnvironmentNotReady(environment.state)
    if Provisioning.objects.filter(environment=environment, finished_at=None).exists():
        raise EnvironmentNotReady(State.PROVISIONING)
    return remove_remains(doer, environment, wake=wake, clock=clock)


def remove_remains(
    doer: Doer, environment: Environment, *, wake: Wake = lambda: None, clock: Clock = system_clock
) -> Provisioning:
    """Write the run that removes all that an environment has or may have, inside the caller's transaction."""
    before, environment.state = environment.state, State.DELETING
    environment.save(update_fields=["state", "updated_at"])
    run = Provisioning(environment=environment, kind=Provisioning.Kind.DELETE, state=RunState.UNDOING)
    _start(run, StepState.DONE, wake, clock)
    _record(doer, "deletion ordered", environment, before={"state": before}, after={"state": State.DELETING})
    return run


@transaction.atomic
def retry_run(doer: Doer, run: Provisioning, *, wake: Wake = lambda: None, clock: Clock = system_clock) -> Provisioning:
    """Have a run that waits after a failure go on at once, or begin one that failed again; returns the run that goes.

    The step that failed has all its attempts again. A run begun again makes the client whose secret was shown first.
    Raises RunNotRetryable, EnvironmentNameTaken.
    """
    run = _locked(run)
    if run.finished_at is None:
        run.not_before = clock()
        run.save(update_fields=["not_before"])
        ProvisioningStep.objects.filter(run=run, state=StepState.FAILED).update(attempts=0)
        _send(run, wake)
    else:
        run = _begun_again(run, wake, clock)
    _record(doer, "run retried", run.environment, after={"run": str(run.pk), "state": run.state})
    return run


@transaction.atomic
def cancel_run(doer: Doer, run: Provisioning, *, wake: Wake = lambda: None, clock: Clock = system_clock) -> None:
    """Turn a run that makes an environment back: what it has done is undone.

    What a worker does just now counts no more; undoing begins when its lease has ended. Raises RunNotCancellable.
    """
    run = _locked(run)
    before = run.state
    if run.finished_at is not None or before not in {RunState.QUEUED, RunState.RUNNING}:
        raise RunNotCancellable(before)
    run.state, run.failure, run.claim = RunState.UNDOING, Provisioning.Failure.CANCELLED, None
    run.error = f"cancelled by {doer.name}"
    run.not_before = max(clock(), run.lease_until or clock())
    run.save(update_fields=["state", "failure", "error", "claim", "not_before"])
    ProvisioningStep.objects.filter(run=run).update(attempts=0)
    note(run, at=clock())
    _send(run, wake)
    _record(doer, "run cancelled", run.environment, before={"state": before}, after={"state": run.state})


def environments_called(text: str) -> Sequence[Environment]:
    """The environments that a person means by a tenant id or an organisation's name; deleted ones are left out."""
    standing = Environment.objects.select_related("organisation").exclude(state=State.DELETED)
    exact = list(standing.filter(tenant_id=text))
    return exact or list(standing.filter(organisation__name=text))


def _placed(tenant_id: str, *, owner: Organisation | None, organisation: str) -> Environment:
    """The row of a tenant id: a new one, or that of an environment that is gone."""
    schema = schema_name_of(tenant_id)
    if owner is not None:  # orders of one organisation at the same moment are judged one after another
        Organisation.objects.select_for_update().get(pk=owner.pk)
    known = Environment.objects.select_for_update().filter(schema_name=schema).first()
    if known is None:
        owner = owner or Organisation.objects.create(name=organisation)
        return Environment.of_tenant(tenant_id, organisation=owner)
    is_anothers = owner is not None and known.organisation != owner
    if is_anothers or known.state not in Environment.ENDED:
        raise EnvironmentExists(known.state)
    return known


def _place_in(slug: str) -> Backend:
    """A back end that has room. Its row is held, so that orders at the same moment are counted one after another."""
    backend = Backend.objects.select_for_update().filter(pk=slug, is_enabled=True).first()
    if backend is None:
        raise BackendUnavailable(f"There is no back end called {slug}.")
    if backend.capacity is not None:
        standing = Environment.objects.filter(backend=backend).exclude(state__in=Environment.ENDED)
        if standing.count() >= backend.capacity:
            raise BackendUnavailable(f"The back end {slug} is full.")
    if missing := driver_named(backend.driver).check(backend.parameters):
        log.warning("a back end is not ready for orders", backend=slug, missing=list(missing))
        raise BackendUnavailable(f"The back end {slug} cannot make environments now.")
    return backend


def require_free_name(organisation: Organisation, name: str, besides: Environment | None = None) -> None:
    """Raises EnvironmentNameTaken when an environment besides this one stands under the name."""
    others = Environment.objects.filter(organisation=organisation, name=name).exclude(state__in=Environment.ENDED)
    other = others.exclude(pk=None if besides is None else besides.pk).select_related("organisation", "build").first()
    if other is not None:
        raise EnvironmentNameTaken(other)


def _locked(run: Provisioning) -> Provisioning:
    """The run's row, which no worker changes until the transaction ends."""
    rows = Provisioning.objects.select_for_update(of=("self",)).select_related("environment__organisation")
    return rows.get(pk=run.pk)


def _begun_again(failed: Provisioning, wake: Wake, clock: Clock) -> Provisioning:
    environment = failed.environment
    is_last = not Provisioning.objects.filter(environment=environment, created_at__gt=failed.created_at).exists()
    if failed.state not in BEGINS_AGAIN or environment.state not in {State.FAILED, State.CANCELLED} or not is_last:
        raise RunNotRetryable(failed.state)
    require_free_name(environment.organisation, environment.name, environment)
    environment.state = State.PROVISIONING
    environment.save(update_fields=["state", "updated_at"])
    run = Provisioning(environment=environment, kind=failed.kind, input=failed.input)
    _start(run, StepState.PENDING, wake, clock)
    return run


def _start(run: Provisioning, state: ProvisioningStep.State, wake: Wake, clock: Clock) -> None:
    now = clock()
    run.not_before = run.sent_at = now
    run.save()
    note(run, at=now)
    if run.kind == Provisioning.Kind.CREATE:
        run.environment.build = run
        run.environment.save(update_fields=["build"])
    steps = driver_named(run.environment.driver).steps(run.environment)
    ProvisioningStep.objects.bulk_create(
        ProvisioningStep(run=run, position=position, name=step.name, state=state) for position, step in enumerate(steps)
    )
    _send(run, wake)


def _send(run: Provisioning, wake: Wake) -> None:
    Outbox.objects.create(topic=PROVISIONING, payload=str(run.pk))
    transaction.on_commit(wake)


def _record(
    doer: Doer,
    action: str,
    environment: Environment,
    *,
    before: Mapping[str, Json] | None = None,
    after: Mapping[str, Json] | None = None,
) -> None:
    record(doer, action, ("environment", str(environment.pk)), owner=environment, before=before, after=after)
