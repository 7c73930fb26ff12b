"""What `manage.py tenant` says and does."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from tenants.models import Environment, Provisioning, ProvisioningStep
from tenants.services.audit import Doer, Source
from tenants.services.progress import watch_run
from tenants.services.provisioning import delete_environment, environments_called, provision_environment
from tenants.tasks import wake

Say = Callable[[str], object]


class Refused(Exception):
    """A sentence for the person at the terminal."""


def terminal(reason: str) -> Doer:
    """The person at the terminal, by the login of the machine."""
    login = getpass.getuser()
    return Doer(id=login, name=login, kind="user", source=Source.TERMINAL, reason=reason)


def create(doer: Doer, name: str, *, tenant_id: str | None, wait: bool, say: Say) -> None:
    """Raises Refused when the run is waited for and fails, and whatever provision_environment raises."""
    order = provision_environment(doer, name, tenant_id=tenant_id, wake=wake)
    say(f"client id      {order.client_id}")
    say(f"client secret  {order.client_secret}   (shown once, kept nowhere)")
    _follow(order.run, say, wait=wait)


def delete(doer: Doer, name: str, *, wait: bool, is_sure: bool, say: Say) -> None:
    """Raises Refused, EnvironmentNotReady."""
    found = environments_called(name)
    if not found:
        raise Refused(f"No tenant is called {name}.")
    if len(found) > 1:
        ids = ", ".join(environment.tenant_id for environment in found)
        raise Refused(f"{name} has several tenants, name one by its id: {ids}.")
    [environment] = found
    if (
        not is_sure
        and input(f"Delete {environment.tenant_id} with all its data? Type its id: ") != environment.tenant_id
    ):
        raise Refused("Nothing is deleted.")
    _follow(delete_environment(doer, environment, wake=wake), say, wait=wait)


def show(say: Say) -> None:
    """One line a tenant; deleted ones are left out."""
    rows = Environment.objects.select_related("organisation").exclude(state=Environment.State.DELETED)
    for row in rows.iterator():
        owner = row.organisation
        state = row.state if owner.state == owner.State.ACTIVE else f"{row.state}, {owner.state}"
        say(f"{row.tenant_id:40} {row.name:16} {row.kind:12} {state:22} {row.schema_name}  {owner.name}")


def _follow(run: Provisioning, say: Say, *, wait: bool) -> None:
    if not wait:
        say(f"The workers go on with it; its steps are in the back office (run {run.pk}).")
        return
    steps = ProvisioningStep.objects.filter(run=run).count()
    for step in watch_run(run):
        duration = _duration(step)
        trouble = f": {step.error}" if step.error else ""
        say(f"[{step.position + 1}/{steps}] {step.name:26} {step.state}{duration}{trouble}")
    if run.state == Provisioning.State.FAILED:
        raise Refused(f"It failed and was undone. {run.error}")
    say(f"Tenant {run.environment.tenant_id}: {Environment.objects.get(pk=run.environment.pk).state}.")


def _duration(step: ProvisioningStep) -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f" in {(step.finished_at - step.started_at).total_seconds():.2f} s"
