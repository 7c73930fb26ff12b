"""What `manage.py tenant` and `manage.py env` say and do."""

from __future__ import annotations

import getpass
import json
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from django.core.management.base import BaseCommand
from rich.console import Console

from tenants.models import Backend, Environment, Organisation, Provisioning
from tenants.provisioning.drivers import driver_named
from tenants.services.adoption import adopt_tenant
from tenants.services.audit import PLATFORM, Doer, Source
from tenants.services.backends import missing_of
from tenants.services.environments import (
    Wanted,
    cancel_called,
    create_environment,
    delete_called,
    environment_called,
    environments_of,
)
from tenants.services.provisioning import Order, delete_environment, environments_called, provision_environment
from tenants.tasks import wake
from tenants.terminal import Say, follow, follow_log, show_table

_FAILED = (Provisioning.State.FAILED, Provisioning.State.CANCELLED)


class Refused(Exception):
    """A sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where things are said: lines through `say`, tables and bars on the console."""

    say: Say
    console: Console


def terminal_of(command: BaseCommand) -> Terminal:
    stream = command.stdout._out  # type: ignore[attr-defined] - Django's wrapper would end each piece with a new line
    return Terminal(command.stdout.write, Console(file=stream))


def at_terminal(reason: str) -> Doer:
    """The person at the terminal, by the login of the machine."""
    login = getpass.getuser()
    return Doer(id=login, name=login, kind="user", source=Source.TERMINAL, reason=reason)


def create_tenant(doer: Doer, name: str, *, tenant_id: str | None, wait: bool, terminal: Terminal) -> None:
    """Raises Refused when the run is waited for and fails, and whatever provision_environment raises."""
    _show_order(provision_environment(doer, name, tenant_id=tenant_id, wake=wake), wait=wait, terminal=terminal)


def adopt(text: str) -> None:
    """Raises Refused, and whatever adopt_tenant raises."""
    try:
        given = json.loads(text)
        tenant_id, client = given["tenant_id"], given["client"]
    except (ValueError, KeyError, TypeError):
        raise Refused("The input names no tenant and client.") from None
    adopt_tenant(replace(PLATFORM, reason="as the control plane ordered it"), tenant_id, client)


def delete_tenant(doer: Doer, name: str, *, wait: bool, is_sure: bool, terminal: Terminal) -> None:
    """Raises Refused, EnvironmentNotReady."""
    found = environments_called(name)
    if not found:
        raise Refused(f"No tenant is called {name}.")
    if len(found) > 1:
        ids = ", ".join(environment.tenant_id for environment in found)
        raise Refused(f"{name} has several tenants, name one by its id: {ids}.")
    [environment] = found
    _require_sure(f"{environment.tenant_id} with all its data", environment.tenant_id, is_sure)
    _follow(delete_environment(doer, environment, wake=wake), wait=wait, terminal=terminal)


def show_tenants(terminal: Terminal) -> None:
    """One line a tenant; deleted ones are left out."""
    rows = Environment.objects.select_related("organisation").exclude(state=Environment.State.DELETED)
    for row in rows.iterator():
        owner = row.organisation
        state = row.state if owner.state == owner.State.ACTIVE else f"{row.state}, {owner.state}"
        terminal.say(f"{row.tenant_id:40} {row.name:16} {row.kind:12} {state:22} {row.schema_name}  {owner.name}")


def organisation_called(text: str | None) -> Organisation:
    """By its name or id; the only one there is when none is named. Raises Refused."""
    found = Organisation.objects.all() if text is None else Organisation.objects.filter(name=text)
    if text is not None and not found:
        try:
            found = Organisation.objects.filter(pk=UUID(text))
        except ValueError:
            pass
    match list(found[:2]):
        case [organisation]:
            return organisation
        case []:
            raise Refused(f"There is no organisation {text or 'yet'}: `manage.py tenant create NAME` makes one.")
        case _:
            raise Refused("There are several: name one by --organisation, by its id where names are equal.")


def plan(wanted: Wanted, terminal: Terminal) -> None:
    """What an order would do, and what keeps it from being done. Raises Refused."""
    backend = Backend.objects.filter(pk=wanted.backend).first()
    if backend is None:
        raise Refused(f"There is no back end called {wanted.backend}.")
    environment = Environment.of_tenant(str(uuid4()), name=wanted.name, kind=wanted.kind, backend=backend)
    for line in driver_named(backend.driver).plan(environment):
        terminal.say(line)
    for sentence in missing_of(backend):
        terminal.say(f"Missing: {sentence}")


def create(doer: Doer, owner: Organisation, wanted: Wanted, *, wait: bool, terminal: Terminal) -> None:
    """An operator's order, which no tier limits. Raises Refused, and whatever create_environment raises."""
    order = create_environment(doer, owner, wanted, tier=None, wake=wake).order
    assert order is not None, "it is not asked with an idempotency key"
    _show_order(order, wait=wait, terminal=terminal)


def show_all(organisation: Organisation | None, *, with_ended: bool, terminal: Terminal) -> None:
    """The environments of one organisation, or of all."""
    found = environments_of(organisation, with_ended=with_ended).select_related("backend")
    rows = (
        (row.name, row.kind, str(row.state), row.backend.pk, _moment(row), row.organisation.name)
        for row in found.iterator()
    )
    show_table(("name", "kind", "state", "back end", "ends", "organisation"), rows, terminal.say, terminal.console)


def show_one(organisation: Organisation, name: str, *, wait: bool, terminal: Terminal) -> None:
    """Raises EnvironmentUnknown, and Refused when it is waited for and fails."""
    environment = environment_called(organisation, name)
    if wait and environment.build is not None:
        _follow(environment.build, wait=True, terminal=terminal)
        environment = environment_called(organisation, name)
    values = {
        "name": environment.name,
        "state": environment.state,
        "kind": environment.kind,
        "tenant id": environment.tenant_id,
        "back end": environment.backend.pk,
        "client id": environment.m2m_client_id or "-",
        "ends": _moment(environment),
        "error": "" if environment.build is None else environment.build.error,
    }
    for label, value in values.items():
        if value:
            terminal.say(f"{label:12} {value}")


def show_log(organisation: Organisation, name: str, *, wait: bool, terminal: Terminal) -> None:
    """What the last run of an environment has written. Raises EnvironmentUnknown."""
    environment = environment_called(organisation, name)
    run = Provisioning.objects.filter(environment=environment).first()
    if run is not None:
        follow_log(run, terminal.say, wait=wait)


def delete(doer: Doer, organisation: Organisation, name: str, *, wait: bool, is_sure: bool, terminal: Terminal) -> None:
    """Raises Refused, EnvironmentUnknown."""
    environment = environment_called(organisation, name)
    _require_sure(f"{name} of {organisation} with all its data", name, is_sure)
    run = delete_called(doer, organisation, name, wake=wake)
    run = run or Provisioning.objects.filter(environment=environment, finished_at=None).first()
    if run is None:
        terminal.say("Nothing was left of it.")
    else:
        _follow(run, wait=wait, terminal=terminal, may_fail=True)


def cancel(doer: Doer, organisation: Organisation, name: str, *, wait: bool, terminal: Terminal) -> None:
    """Raises EnvironmentUnknown, EnvironmentNotCancellable."""
    run = cancel_called(doer, organisation, name, wake=wake)
    _follow(run, wait=wait, terminal=terminal, may_fail=True)


def show_backends(terminal: Terminal) -> None:
    """Each back end, with what is missing there."""
    rows = (
        (
            backend.pk,
            backend.driver,
            backend.region or "-",
            "open" if backend.is_enabled else "closed",
            " ".join(missing_of(backend)) or "nothing is missing",
        )
        for backend in Backend.objects.all()
    )
    show_table(("back end", "driver", "region", "state", "check"), rows, terminal.say, terminal.console)


def _show_order(order: Order, *, wait: bool, terminal: Terminal) -> None:
    terminal.say(f"client id      {order.client_id}")
    terminal.say(f"client secret  {order.client_secret}   (shown once, kept nowhere)")
    _follow(order.run, wait=wait, terminal=terminal)


def _follow(run: Provisioning, *, wait: bool, terminal: Terminal, may_fail: bool = False) -> None:
    if not wait:
        terminal.say(f"The workers go on with it; its steps are in the back office (run {run.pk}).")
        return
    follow(run, terminal.say, terminal.console)
    if run.state in _FAILED and not may_fail:
        raise Refused(f"It failed and was undone. {run.error}")
    terminal.say(f"Tenant {run.environment.tenant_id}: {Environment.objects.get(pk=run.environment.pk).state}.")


def _require_sure(what: str, typed: str, is_sure: bool) -> None:
    if not is_sure and input(f"Delete {what}? Type {typed}: ") != typed:
        raise Refused("Nothing is deleted.")


def _moment(environment: Environment) -> str:
    return "-" if environment.expires_at is None else f"{environment.expires_at:%Y-%m-%d}"
