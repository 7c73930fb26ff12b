"""Retrying and cancelling provisioning runs, and what the audit log keeps of environments and organisations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from cyoda.clock import ManualClock
from cyoda.schemas import PostgresSchemas
from tenants.models import AuditEvent, Client, Environment, Organisation, Outbox, Provisioning
from tenants.provisioning.base import StepRefused, Work
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress
from tenants.services.audit import PLATFORM, Doer, Source
from tenants.services.organisations import activate_organisations, suspend_organisations
from tenants.services.provisioning import (
    EnvironmentExists,
    EnvironmentNameTaken,
    Order,
    RunNotCancellable,
    RunNotRetryable,
    cancel_run,
    delete_environment,
    provision_environment,
    retry_run,
)
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.drivers import FailingDriver
from tests.contract.tenants.test_saga import finish, ordered, saga, states

pytestmark = pytest.mark.usefixtures("database")

ANN = Doer(id="ann", name="Ann", kind="user", source=Source.BACK_OFFICE, request_id="r-1", reason="as agreed")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def failed(clock: ManualClock) -> Order:
    order = ordered(clock)
    finish(saga(clock, FailingDriver("create tables", lambda: StepRefused("no room"))), order.run, clock)
    return order


def test_a_run_that_failed_begins_again_with_the_client_that_was_shown(clock: ManualClock) -> None:
    order = failed(clock)
    again = retry_run(ANN, order.run, clock=clock)
    assert again.pk != order.run.pk
    assert Outbox.objects.filter(payload=str(again.pk)).exists()
    assert Environment.objects.get().state == "provisioning"
    finish(saga(clock), again, clock)
    assert traces_of(Environment.objects.get()) == EVERYTHING
    assert Client.objects.get().id == order.client_id


def test_only_the_last_run_begins_again_and_only_when_it_failed(clock: ManualClock) -> None:
    order = failed(clock)
    again = retry_run(ANN, order.run, clock=clock)
    with pytest.raises(RunNotRetryable):
        retry_run(ANN, order.run, clock=clock)
    finish(saga(clock), again, clock)
    with pytest.raises(RunNotRetryable):
        retry_run(ANN, again, clock=clock)


def test_a_run_that_waits_after_a_failure_goes_on_at_once_with_all_attempts(clock: ManualClock) -> None:
    order = ordered(clock)
    runner = saga(clock, FailingDriver("create schema", lambda: ConnectionError("gone"), times=4))
    for _ in range(4):
        assert runner.advance(order.run.pk) is Progress.WAITING
        clock.advance(timedelta(minutes=1))
    runner = saga(clock, FailingDriver("create schema", lambda: ConnectionError("gone"), times=2))
    assert runner.advance(order.run.pk) is Progress.MORE, "the fifth failure would turn it back"


def test_retrying_brings_a_paused_step_forward(clock: ManualClock) -> None:
    order = ordered(clock)
    runner = saga(clock, FailingDriver("create schema", lambda: ConnectionError("gone"), times=4))
    for _ in range(4):
        assert runner.advance(order.run.pk) is Progress.WAITING
        assert retry_run(ANN, order.run, clock=clock).pk == order.run.pk
    assert runner.advance(order.run.pk) is Progress.MORE
    assert states(order.run)[0] == "done"


def test_a_cancelled_run_is_undone(clock: ManualClock) -> None:
    order = ordered(clock)
    saga(clock).advance(order.run.pk)
    cancel_run(ANN, order.run, clock=clock)
    finish(saga(clock), order.run, clock)
    assert (order.run.state, order.run.error) == ("cancelled", "cancelled by Ann")
    assert traces_of(Environment.objects.get()) == NOTHING
    with pytest.raises(RunNotCancellable):
        cancel_run(ANN, order.run, clock=clock)


def test_a_run_is_cancelled_under_a_worker_whose_work_is_undone_when_its_lease_ends(clock: ManualClock) -> None:
    order = ordered(clock)

    class Cancelled(LocalDriver):
        def create_schema(self, work: Work) -> dict[str, str]:
            made = super().create_schema(work)
            cancel_run(ANN, order.run, clock=clock)
            assert saga(clock).advance(order.run.pk) is Progress.WAITING, "the action still runs"
            return dict(made)

    assert saga(clock, Cancelled(PostgresSchemas())).advance(order.run.pk) is Progress.WAITING
    finish(saga(clock), order.run, clock)
    assert (order.run.state, Environment.objects.get().state) == ("cancelled", "cancelled")
    assert traces_of(Environment.objects.get()) == NOTHING


def test_a_deletion_cannot_be_cancelled(clock: ManualClock) -> None:
    order = ordered(clock)
    finish(saga(clock), order.run, clock)
    run = delete_environment(ANN, Environment.objects.get(), clock=clock)
    with pytest.raises(RunNotCancellable):
        cancel_run(ANN, run, clock=clock)


def test_an_organisation_has_several_environments_of_different_names(clock: ManualClock) -> None:
    ordered(clock)
    owner = Organisation.objects.get()
    provision_environment(ANN, owner.name, owner=owner, tenant_id="two", environment_name="staging", clock=clock)
    assert owner.environments.count() == 2
    with pytest.raises(EnvironmentNameTaken):
        provision_environment(ANN, owner.name, owner=owner, tenant_id="three", environment_name="staging", clock=clock)
    stranger = Organisation.objects.create(name="Stranger")
    finish(saga(clock), delete_after_making(clock, "two"), clock)
    with pytest.raises(EnvironmentExists):
        provision_environment(ANN, stranger.name, owner=stranger, tenant_id="two", clock=clock)


def delete_after_making(clock: ManualClock, tenant_id: str) -> Provisioning:
    environment = Environment.objects.get(tenant_id=tenant_id)
    finish(saga(clock), environment.runs.get(), clock)
    environment.refresh_from_db()
    return delete_environment(ANN, environment, clock=clock)


def test_the_life_of_an_environment_is_in_the_audit_log(clock: ManualClock) -> None:
    order = provision_environment(ANN, "Acme", clock=clock)
    finish(saga(clock), order.run, clock)
    environment = Environment.objects.get()
    suspend_organisations(ANN, [environment.organisation])
    suspend_organisations(ANN, [environment.organisation])
    activate_organisations(ANN, [environment.organisation])
    finish(saga(clock), delete_environment(ANN, environment, clock=clock), clock)
    events = list(AuditEvent.objects.order_by("id"))
    assert [(event.action, event.actor_name) for event in events] == [
        ("ordered", "Ann"),
        ("provisioned", "system"),
        ("suspended", "Ann"),
        ("activated", "Ann"),
        ("deletion ordered", "Ann"),
        ("deleted", "system"),
    ]
    assert {event.organisation_id for event in events} == {environment.organisation.pk}
    assert (events[0].reason, events[0].request_id, events[0].tenant_id) == ("as agreed", "r-1", "Acme")
    assert (events[2].before, events[2].after) == ({"state": "active"}, {"state": "suspended"})
    assert order.client_secret not in str([(event.before, event.after) for event in events])


def test_what_is_refused_leaves_no_event(clock: ManualClock) -> None:
    ordered(clock)
    before = AuditEvent.objects.count()
    with pytest.raises(EnvironmentExists):
        provision_environment(ANN, "Acme", clock=clock)
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("statement", ["UPDATE tenants_auditevent SET reason = 'x'", "DELETE FROM tenants_auditevent"])
def test_the_database_itself_keeps_the_audit_log_as_it_was_written(clock: ManualClock, statement: str) -> None:
    suspend_organisations(PLATFORM, [Organisation.objects.create(name="Acme")])
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AuditEvent.objects.get().reason == ""
