"""Asking for environments and for their removal (contract: control plane 2.2)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction

from cyoda.clock import Clock, system_clock
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.identity.secrets import hash_secret
from tenants.models import Environment, Organisation, Outbox, Provisioning, ProvisioningStep
from tenants.naming import schema_name_of
from tenants.provisioning.base import Json, checked_parameters
from tenants.provisioning.drivers import driver_named
from tenants.services.outbox import PROVISIONING

BOOTSTRAP_ROLES = (ROLE_ADMIN, ROLE_M2M)
BOOTSTRAP_USER = "admin"
_SECRET_BYTES = 32
_CLIENT_ID_BYTES = 10

Wake = Callable[[], None]
"""Tells the workers that something waits; called after the commit, and allowed to do nothing."""

State = Environment.State


class EnvironmentExists(Exception):
    """The tenant has an environment already, or is losing one just now."""


class EnvironmentNotReady(Exception):
    """Only an environment that stands can be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A provisioning run that was begun. `client_secret` exists here only; its hash is what is kept."""

    run: Provisioning
    client_id: str
    client_secret: str


@transaction.atomic
def provision_environment(
    name: str,
    *,
    tenant_id: str | None = None,
    environment_name: str = "development",
    kind: str = Environment.Kind.DEVELOPMENT,
    driver: str = "local",
    parameters: Mapping[str, Json] | None = None,
    wake: Wake = lambda: None,
    clock: Clock = system_clock,
) -> Order:
    """Write the environment of an organisation called `name`, the run that makes it, and the workers' wake-up.

    `tenant_id` is the name unless it is given. What was deleted, or failed and was cleaned up, may be made again.
    Raises EnvironmentExists, UnusableTenantId, UnknownDriver, StepRefused (a parameter), ValidationError (a name).
    """
    environment = _placed(tenant_id or name, organisation=name)
    environment.name, environment.kind, environment.state = environment_name, kind, State.PROVISIONING
    environment.driver, environment.parameters = driver, checked_parameters(driver_named(driver), parameters or {})
    environment.clean_fields()
    environment.save()
    client_id, secret = secrets.token_hex(_CLIENT_ID_BYTES), secrets.token_urlsafe(_SECRET_BYTES)
    client = {
        "id": client_id,
        "secret_hash": hash_secret(secret),
        "user_id": BOOTSTRAP_USER,
        "roles": list(BOOTSTRAP_ROLES),
    }
    run = Provisioning(environment=environment, kind=Provisioning.Kind.CREATE, input={"client": client})
    _start(run, ProvisioningStep.State.PENDING, wake, clock)
    return Order(run=run, client_id=client_id, client_secret=secret)


@transaction.atomic
def delete_environment(
    environment: Environment, *, wake: Wake = lambda: None, clock: Clock = system_clock
) -> Provisioning:
    """Close the environment at once, and write the run that removes all it has. Raises EnvironmentNotReady."""
    environment = Environment.objects.select_for_update().get(pk=environment.pk)
    if environment.state != State.READY:
        raise EnvironmentNotReady(environment.state)
    environment.state = State.DELETING
    environment.save(update_fields=["state", "updated_at"])
    run = Provisioning(environment=environment, kind=Provisioning.Kind.DELETE, state=Provisioning.State.UNDOING)
    _start(run, ProvisioningStep.State.DONE, wake, clock)
    return run


def environments_called(text: str) -> Sequence[Environment]:
    """The environments that a person means by a tenant id or an organisation's name; deleted ones are left out."""
    standing = Environment.objects.select_related("organisation").exclude(state=State.DELETED)
    exact = list(standing.filter(tenant_id=text))
    return exact or list(standing.filter(organisation__name=text))


def _placed(tenant_id: str, *, organisation: str) -> Environment:
    """The row of a tenant id: a new one, or that of an environment that is gone."""
    schema = schema_name_of(tenant_id)
    known = Environment.objects.select_for_update().filter(schema_name=schema).first()
    if known is None:
        owner = Organisation.objects.create(name=organisation)
        return Environment.of_tenant(tenant_id, organisation=owner)
    if known.state not in {State.FAILED, State.DELETED}:
        raise EnvironmentExists(known.state)
    return known


def _start(run: Provisioning, state: ProvisioningStep.State, wake: Wake, clock: Clock) -> None:
    run.not_before = run.sent_at = clock()
    run.save()
    steps = driver_named(run.environment.driver).steps(run.environment)
    ProvisioningStep.objects.bulk_create(
        ProvisioningStep(run=run, position=position, name=step.name, state=state) for position, step in enumerate(steps)
    )
    Outbox.objects.create(topic=PROVISIONING, payload=str(run.pk))
    transaction.on_commit(wake)
