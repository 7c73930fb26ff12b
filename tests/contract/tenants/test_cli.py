"""What `manage.py tenant` and `manage.py env` print, while something else does the work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from cyoda.schemas import PostgresSchemas
from tenants.models import AuditEvent, Client, Environment, Organisation, Outbox, Provisioning
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Saga
from tenants.services.outbox import drain_outbox
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of


@pytest.fixture
def worker(database: str) -> Iterator[None]:
    """A worker without a broker: it advances whatever run there is."""
    stopping = Event()

    def work() -> None:
        saga = Saga(driver_of=lambda _: LocalDriver(PostgresSchemas()))
        try:
            while not stopping.wait(0.01):
                drain_outbox(lambda _: None)
                for run in Provisioning.objects.filter(finished_at=None):
                    saga.advance(run.pk)
        finally:
            connections.close_all()

    thread = Thread(target=work)
    thread.start()
    yield
    stopping.set()
    thread.join()


def tenant(*arguments: str) -> str:
    return printed_by("tenant", *arguments)


def env(*arguments: str) -> str:
    return printed_by("env", *arguments)


def printed_by(*command: str) -> str:
    printed = StringIO()
    call_command(*command, stdout=printed)
    return printed.getvalue()


@pytest.mark.usefixtures("worker")
def test_create_waits_and_shows_each_step_and_the_client_and_delete_takes_all_away() -> None:
    printed = tenant("create", "Acme", "--id", "a b/ü", "--wait")
    for number, step in enumerate(("create schema", "create tables", "create bootstrap client", "mark ready"), 1):
        assert re.search(rf"\[{number}/4\] {step} +done in \d+\.\d\d s", printed)
    assert Client.objects.get().id in printed
    assert printed.endswith("Tenant a b/ü: ready.\n")
    environment = Environment.objects.get()
    assert traces_of(environment) == EVERYTHING
    assert "a b/ü" in tenant("list")
    assert tenant("delete", "Acme", "--yes", "--wait").endswith("Tenant a b/ü: deleted.\n")
    assert traces_of(environment) == NOTHING
    assert tenant("list") == ""


@pytest.mark.usefixtures("database")
def test_create_without_wait_leaves_the_work_to_the_workers() -> None:
    assert "The workers go on with it" in tenant("create", "Acme")
    assert Outbox.objects.count() == 1


@pytest.mark.usefixtures("database")
def test_refusals_are_sentences() -> None:
    tenant("create", "Acme")
    with pytest.raises(CommandError, match="The tenant's environment is provisioning"):
        tenant("create", "Acme")
    with pytest.raises(CommandError, match="No tenant is called Nobody"):
        tenant("delete", "Nobody", "--yes")
    tenant("create", "Acme", "--id", "second")
    Environment.objects.update(tenant_id="changed")
    with pytest.raises(CommandError, match="Acme has several tenants"):
        tenant("delete", "Acme", "--yes")
    with pytest.raises(CommandError, match="cannot be a tenant"):
        tenant("create", "")


@pytest.mark.usefixtures("worker")
def test_delete_asks_for_the_tenants_id(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant("create", "Acme", "--wait")
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing is deleted"):
        tenant("delete", "Acme")
    assert Environment.objects.get().state == "ready"


@pytest.mark.usefixtures("worker")
def test_the_life_of_an_environment_at_the_terminal() -> None:
    owner = Organisation.objects.create(name="Acme")
    printed = env("create", "dev", "--organisation", "Acme", "--kind", "staging", "--wait", "--reason", "a trial")
    assert re.search(r"\[4/4\] mark ready +done in \d+\.\d\d s", printed)
    environment = Environment.objects.get()
    assert (environment.organisation, environment.kind, environment.state) == (owner, "staging", "ready")
    assert traces_of(environment) == EVERYTHING
    client = Client.objects.get()
    assert client.id in printed
    assert client.roles == ["ROLE_M2M"]
    assert AuditEvent.objects.get(action="ordered").reason == "a trial"
    assert env("list").split("\t") == ["dev", "staging", "ready", "local", "-", "Acme\n"]
    status = env("status", "dev", "--wait")
    assert re.search(rf"tenant id +{environment.tenant_id}", status)
    assert "create tables: " in env("logs", "dev")
    with pytest.raises(CommandError, match="The environment is ready"):
        env("cancel", "dev")
    with pytest.raises(CommandError, match="There is an environment called dev already"):
        env("create", "dev")
    assert env("delete", "dev", "--yes", "--wait").endswith(f"Tenant {environment.tenant_id}: deleted.\n")
    assert traces_of(environment) == NOTHING
    assert env("list") == ""
    assert "deleted" in env("list", "--ended")
    with pytest.raises(CommandError, match="There is no environment called dev"):
        env("delete", "dev", "--yes")


@pytest.mark.usefixtures("db")
def test_what_is_ordered_can_be_planned_watched_and_cancelled() -> None:
    Organisation.objects.create(name="Acme")
    assert "create the PostgreSQL schema t_" in env("create", "dev", "--plan")
    assert not Environment.objects.exists()
    assert env("backends") == "local\tlocal\t-\topen\tnothing is missing\n"
    env("create", "dev", "--admin-client")
    assert Provisioning.objects.get().input["client"]["roles"] == ["ROLE_ADMIN", "ROLE_M2M"]
    env("cancel", "dev")
    assert Provisioning.objects.get().state == "undoing"


@pytest.mark.usefixtures("db")
def test_an_organisation_must_be_meant_clearly() -> None:
    with pytest.raises(CommandError, match="There is no organisation yet"):
        env("status", "dev")
    acme = Organisation.objects.create(name="Acme")
    with pytest.raises(CommandError, match="There is no environment called dev"):
        env("status", "dev")
    Organisation.objects.create(name="Acme")
    for given in ((), ("--organisation", "Acme")):
        with pytest.raises(CommandError, match="There are several"):
            env("status", "dev", *given)
    env("create", "dev", "--organisation", str(acme.pk))
    assert Environment.objects.get().organisation == acme
    with pytest.raises(CommandError, match="There is no organisation Nobody"):
        env("list", "--organisation", "Nobody")
    with pytest.raises(CommandError, match="There is no back end called other"):
        env("create", "two", "--organisation", str(acme.pk), "--backend", "other")
    with pytest.raises(CommandError, match="is not an environment name"):
        env("create", "Two", "--organisation", str(acme.pk))


@pytest.mark.usefixtures("worker")
def test_a_person_who_watches_sees_a_bar() -> None:
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    Organisation.objects.create(name="Acme")
    screen = Screen()
    call_command("env", "create", "dev", "--wait", stdout=screen)
    assert "4/4" in screen.getvalue()
    assert "mark ready done" in screen.getvalue()
