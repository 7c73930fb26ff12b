"""What `manage.py tenant` prints, while something else does the work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from cyoda.schemas import PostgresSchemas
from tenants.models import Client, Environment, Outbox, Provisioning
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
    printed = StringIO()
    call_command("tenant", *arguments, stdout=printed)
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
