"""The saga over real rows and a real schema, with a clock that the test moves."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from cyoda.clock import ManualClock
from cyoda.schemas import PostgresSchemas
from tenants.models import Client, Environment, Outbox, Provisioning, ProvisioningStep
from tenants.provisioning.base import Driver, StepRefused
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import CLAIM_LEASE, Progress, Saga, pause_after
from tenants.services.audit import PLATFORM
from tenants.services.outbox import SENT_AGAIN_AFTER, drain_outbox
from tenants.services.provisioning import (
    EnvironmentExists,
    EnvironmentNotReady,
    Order,
    delete_environment,
    environments_called,
    provision_environment,
)
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.drivers import STEPS, FailingDriver

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def ordered(clock: ManualClock, name: str = "Acme", **values: object) -> Order:
    return provision_environment(PLATFORM, name, clock=clock, **values)  # type: ignore[arg-type]


def saga(clock: ManualClock, driver: Driver | None = None) -> Saga:
    return Saga(clock=clock, driver_of=lambda _: driver or LocalDriver(PostgresSchemas()))


def finish(saga: Saga, run: Provisioning, clock: ManualClock, limit: int = 60) -> None:
    """Advance until the run is finished, moving time over every pause."""
    for _ in range(limit):
        progress = saga.advance(run.pk)
        if progress is Progress.FINISHED:
            run.refresh_from_db()
            return
        if progress is Progress.WAITING:
            clock.advance(timedelta(minutes=1))
    raise AssertionError("the run does not end")


def states(run: Provisioning) -> list[str]:
    return list(ProvisioningStep.objects.filter(run=run).values_list("state", flat=True))


def test_an_order_writes_environment_run_steps_and_wake_up_and_makes_nothing_yet(clock: ManualClock) -> None:
    woken: list[bool] = []
    order = provision_environment(PLATFORM, "Acme", tenant_id="a b/ü", clock=clock, wake=lambda: woken.append(True))
    environment = Environment.objects.get(tenant_id="a b/ü")
    assert (environment.state, environment.organisation.name) == ("provisioning", "Acme")
    assert list(order.run.steps.values_list("name", flat=True)) == list(STEPS)
    assert list(Outbox.objects.values_list("topic", "payload")) == [("provisioning", str(order.run.pk))]
    assert woken == [True]
    assert not Client.objects.exists()


def test_a_run_ends_in_a_ready_environment_with_schema_tables_and_client(clock: ManualClock) -> None:
    order = ordered(clock)
    finish(saga(clock), order.run, clock)
    environment = Environment.objects.get()
    assert (order.run.state, environment.state, states(order.run)) == ("succeeded", "ready", ["done"] * 4)
    assert traces_of(environment) == EVERYTHING
    client = Client.objects.get()
    assert (client.id, client.roles, client.user_id) == (order.client_id, ["ROLE_ADMIN", "ROLE_M2M"], "admin")
    assert "done" in order.run.steps.get(name="create tables").log


def test_no_row_holds_the_secret(clock: ManualClock) -> None:
    order = ordered(clock)
    finish(saga(clock), order.run, clock)
    order.run.refresh_from_db()
    kept = f"{order.run.input} {Client.objects.values()} {list(ProvisioningStep.objects.values())}"
    assert order.client_secret not in kept


def test_every_step_may_run_again_after_it_was_done(clock: ManualClock) -> None:
    order = ordered(clock)
    finish(saga(clock), order.run, clock)
    for _ in range(2):
        order.run.steps.update(state="pending")
        Provisioning.objects.update(state="running", finished_at=None)
        finish(saga(clock), order.run, clock)
    assert traces_of(Environment.objects.get()) == EVERYTHING


@pytest.mark.parametrize("at", STEPS)
def test_a_step_that_is_refused_is_undone_with_all_before_it(clock: ManualClock, at: str) -> None:
    order = ordered(clock)
    finish(saga(clock, FailingDriver(at, lambda: StepRefused("no room"))), order.run, clock)
    environment = Environment.objects.get()
    assert (order.run.state, environment.state) == ("failed", "failed")
    assert order.run.error == f"{at}: no room"
    assert traces_of(environment) == NOTHING
    reached = STEPS.index(at) + 1
    assert states(order.run) == ["undone"] * reached + ["pending"] * (4 - reached)


def test_a_failing_step_is_repeated_after_pauses_that_grow(clock: ManualClock) -> None:
    order, runner = ordered(clock), None
    runner = saga(clock, FailingDriver("create schema", lambda: ConnectionError("gone"), times=3))
    for attempt in (1, 2, 3):
        assert runner.advance(order.run.pk) is Progress.WAITING
        step = order.run.steps.get(position=0)
        assert (step.state, step.attempts, step.error) == ("failed", attempt, "ConnectionError: gone")
        clock.advance(pause_after(attempt) - timedelta(milliseconds=1))
        assert runner.advance(order.run.pk) is Progress.WAITING
        assert order.run.steps.get(position=0).attempts == attempt
        clock.advance(timedelta(milliseconds=1))
    finish(runner, order.run, clock)
    assert (order.run.state, order.run.steps.get(position=0).error) == ("succeeded", "")


def test_pauses_double_and_are_bounded() -> None:
    assert [pause_after(n).total_seconds() for n in (1, 2, 3, 7, 500)] == [1, 2, 4, 60, 60]


def test_a_step_that_fails_too_often_is_undone(clock: ManualClock) -> None:
    order = ordered(clock)
    finish(saga(clock, FailingDriver("create bootstrap client", lambda: OSError("full"))), order.run, clock)
    assert order.run.error == "create bootstrap client: OSError: full"
    assert traces_of(Environment.objects.get()) == NOTHING
    assert order.run.steps.get(position=2).log.count("failed: OSError: full") == 5


def test_what_failed_can_be_ordered_again(clock: ManualClock) -> None:
    first = ordered(clock)
    finish(saga(clock, FailingDriver("create tables", lambda: StepRefused("no"))), first.run, clock)
    second = ordered(clock)
    finish(saga(clock), second.run, clock)
    assert traces_of(Environment.objects.get()) == EVERYTHING
    assert Client.objects.get().id == second.client_id


def test_a_tenant_that_stands_or_is_being_made_is_not_made_twice(clock: ManualClock) -> None:
    order = ordered(clock)
    with pytest.raises(EnvironmentExists):
        ordered(clock)
    finish(saga(clock), order.run, clock)
    with pytest.raises(EnvironmentExists):
        ordered(clock)
    assert (Environment.objects.count(), Provisioning.objects.count(), Outbox.objects.count()) == (1, 1, 1)


def test_deleting_closes_first_and_leaves_no_schema_and_no_credential(clock: ManualClock) -> None:
    order = ordered(clock)
    with pytest.raises(EnvironmentNotReady):
        delete_environment(PLATFORM, order.run.environment, clock=clock)
    finish(saga(clock), order.run, clock)
    run = delete_environment(PLATFORM, Environment.objects.get(), clock=clock)
    assert Environment.objects.get().state == "deleting"
    finish(saga(clock), run, clock)
    assert (run.state, Environment.objects.get().state, states(run)) == ("succeeded", "deleted", ["undone"] * 4)
    assert traces_of(Environment.objects.get()) == NOTHING
    assert environments_called("Acme") == []


def test_of_two_workers_one_has_the_run_and_a_late_one_changes_nothing(clock: ManualClock) -> None:
    order = ordered(clock)
    other: list[Progress] = []

    class Slow(LocalDriver):
        def create_schema(self, work: object) -> dict[str, str]:
            other.append(saga(clock).advance(order.run.pk))
            clock.advance(timedelta(seconds=21))
            other.append(saga(clock).advance(order.run.pk))
            return {"made by": "the slow one"}

    assert saga(clock, Slow(PostgresSchemas())).advance(order.run.pk) is Progress.WAITING
    assert other == [Progress.WAITING, Progress.MORE]
    step = order.run.steps.get(position=0)
    assert (step.state, step.attempts) == ("done", 2)
    assert "made by" not in step.output


def test_a_run_whose_worker_was_killed_is_handed_over_again(clock: ManualClock) -> None:
    order = ordered(clock)
    sent: list[UUID] = []

    class Killed(BaseException):
        pass

    assert drain_outbox(sent.append, clock=clock) == 1
    assert not Outbox.objects.exists()
    with pytest.raises(Killed):
        saga(clock, FailingDriver("create schema", Killed)).advance(order.run.pk)  # type: ignore[arg-type]
    clock.advance(SENT_AGAIN_AFTER + CLAIM_LEASE)
    assert drain_outbox(sent.append, clock=clock) == 0
    clock.advance(timedelta(seconds=20))
    assert drain_outbox(sent.append, clock=clock) == 1
    assert drain_outbox(sent.append, clock=clock) == 0
    finish(saga(clock), order.run, clock)
    clock.advance(timedelta(hours=1))
    assert drain_outbox(sent.append, clock=clock) == 0
    assert sent == [order.run.pk] * 2


def test_what_the_broker_lost_is_sent_again(clock: ManualClock) -> None:
    order = ordered(clock)
    sent: list[UUID] = []
    drain_outbox(sent.append, clock=clock)
    clock.advance(SENT_AGAIN_AFTER + timedelta(milliseconds=1))
    drain_outbox(sent.append, clock=clock)
    assert sent == [order.run.pk] * 2


def test_a_wake_up_that_cannot_be_sent_stays_in_the_outbox(clock: ManualClock) -> None:
    ordered(clock)

    def broken(_: UUID) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        drain_outbox(broken, clock=clock)
    assert Outbox.objects.count() == 1
