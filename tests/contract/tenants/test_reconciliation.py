"""Orphans and lost environments are found; environments and keys whose time is over go."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from cyoda.clock import ManualClock, system_clock
from cyoda.schemas import PostgresSchemas
from tenants.models import AuditEvent, Client, Environment, IdempotencyKey, Organisation, Orphan, Provisioning, Tier
from tenants.naming import schema_name_of
from tenants.provisioning.base import Driver, Work
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services import idempotency, reconciliation
from tenants.services.audit import PLATFORM
from tenants.services.environments import Wanted, create_environment, environment_called
from tenants.services.expiry import delete_expired
from tenants.services.idempotency import RequestKey
from tenants.services.provisioning import Order, provision_environment
from tenants.services.reconciliation import STUCK_AFTER, Findings
from tenants.services.tiers import assign_tier
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of

SCHEMAS = PostgresSchemas()
GRACE = settings.CONF.cloud.orphan_grace


@pytest.fixture
def clock() -> ManualClock:
    clock = ManualClock()
    clock.advance(system_clock() - clock())
    return clock


def reconciled(clock: ManualClock) -> Findings:
    return reconciliation.reconcile(schemas=SCHEMAS, clock=clock)


def worked(clock: ManualClock, driver: Driver | None = None) -> None:
    saga = Saga(clock=clock, driver_of=lambda _: driver or LocalDriver(SCHEMAS))
    for run in Provisioning.objects.filter(finished_at=None):
        while saga.advance(run.pk) is not Progress.FINISHED:
            clock.advance(timedelta(minutes=2))


@pytest.mark.usefixtures("order")
def test_a_schema_that_belongs_to_nobody_is_reported_and_removed_later(clock: ManualClock) -> None:
    orphan = schema_name_of("nobody's")
    SCHEMAS.create(orphan)
    SCHEMAS.create_tables(orphan)
    assert reconciled(clock) == Findings(orphans=(orphan,))
    assert Orphan.objects.get().pk == orphan
    clock.advance(GRACE - timedelta(seconds=1))
    assert reconciled(clock) == Findings(orphans=(orphan,))
    clock.advance(timedelta(seconds=1))
    assert reconciled(clock) == Findings(orphans=(orphan,), removed=(orphan,))
    assert AuditEvent.objects.get(action="orphan removed").target_id == orphan
    assert SCHEMAS.names() == {Environment.objects.get().schema_name}
    assert traces_of(Environment.objects.get()) == EVERYTHING
    assert reconciled(clock) == Findings()


@pytest.mark.usefixtures("order")
def test_a_record_without_its_schema_is_an_orphan_too(clock: ManualClock) -> None:
    orphan = schema_name_of("nobody's")
    SCHEMAS.create_tables(orphan)
    with connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{orphan}" CASCADE')
    assert reconciled(clock).orphans == (orphan,)
    clock.advance(GRACE)
    assert reconciled(clock).removed == (orphan,)
    assert orphan not in SCHEMAS.names()


@pytest.mark.usefixtures("database")
def test_what_an_ended_environment_left_is_an_orphan(clock: ManualClock, order: Order) -> None:
    Environment.objects.update(state="failed")
    assert reconciled(clock).orphans == (Environment.objects.get().schema_name,)
    assert not Client.objects.exists()
    clock.advance(GRACE)
    reconciled(clock)
    assert traces_of(Environment.objects.get()) == NOTHING


@pytest.mark.usefixtures("order")
def test_a_schema_that_got_an_environment_meanwhile_stays(clock: ManualClock) -> None:
    environment = Environment.objects.get()
    Environment.objects.update(state="failed")
    reconciled(clock)
    Environment.objects.update(state="ready")
    clock.advance(GRACE)
    assert reconciled(clock) == Findings()
    assert SCHEMAS.names() == {environment.schema_name}


@pytest.mark.usefixtures("order")
@pytest.mark.parametrize("state", ["provisioning", "deleting"])
def test_an_environment_that_lost_its_run_is_removed_by_a_new_one(clock: ManualClock, state: str) -> None:
    Environment.objects.update(state=state, updated_at=clock())
    assert reconciled(clock).stuck == ()
    clock.advance(STUCK_AFTER + timedelta(seconds=1))
    assert reconciled(clock).stuck == ("a b/ü",)
    assert reconciled(clock).stuck == (), "there is a run now"
    worked(clock)
    assert Environment.objects.get().state == "deleted"
    assert traces_of(Environment.objects.get()) == NOTHING
    assert state in AuditEvent.objects.get(action="deletion ordered").reason


def test_a_step_that_never_ends_is_given_up_after_its_attempts(clock: ManualClock, database: str) -> None:
    """Each worker that takes it is cut off, as by a kill."""

    class Killed(BaseException):
        pass

    class Hanging(LocalDriver):
        def create_tables(self, work: Work) -> None:
            super().create_tables(work)
            raise Killed

    order = provision_environment(PLATFORM, "Acme", clock=clock)
    saga = Saga(clock=clock, driver_of=lambda _: Hanging(SCHEMAS))
    saga.advance(order.run.pk)
    attempts = 0
    while Provisioning.objects.get().state == "running":
        try:
            saga.advance(order.run.pk)
        except Killed:
            attempts += 1
        clock.advance(timedelta(minutes=1))
        assert attempts <= 5
    worked(clock)
    order.run.refresh_from_db()
    assert (order.run.state, order.run.failure, attempts) == ("failed", "time-out", 5)
    assert traces_of(Environment.objects.get()) == NOTHING


@pytest.fixture
def limited(settings: Any) -> None:
    """An installation whose tiers limit their organisations."""
    settings.CONF = replace(settings.CONF, quotas=replace(settings.CONF.quotas, enabled=True))


@pytest.fixture
def free(db: None, clock: ManualClock, limited: None) -> Organisation:
    organisation = Organisation.objects.create(name="Acme")
    assign_tier(PLATFORM, organisation, Tier.objects.get(pk="free"))
    create_environment(
        PLATFORM, organisation, Wanted(name="dev", backend="local"), tier=Tier.objects.get(pk="free"), clock=clock
    )
    Provisioning.objects.update(state="succeeded", finished_at=clock())
    Environment.objects.update(state="ready")
    return organisation


def test_a_free_environment_ends_after_its_time(clock: ManualClock, free: Organisation) -> None:
    assert Environment.objects.get().expires_at == clock() + timedelta(days=30)
    clock.advance(timedelta(days=30, seconds=-1))
    assert delete_expired(clock=clock) == 0
    clock.advance(timedelta(seconds=1))
    assert delete_expired(clock=clock) == 1
    assert environment_called(free, "dev").state == "deleting"
    event = AuditEvent.objects.get(action="deletion ordered")
    assert (event.actor_name, event.reason) == ("system", "expired")
    assert delete_expired(clock=clock) == 0


def test_a_tier_without_an_end_lifts_it(clock: ManualClock, free: Organisation) -> None:
    assign_tier(PLATFORM, free, Tier.objects.get(pk="pro"))
    clock.advance(timedelta(days=31))
    assert delete_expired(clock=clock) == 0
    assert environment_called(free, "dev").expires_at is None


def test_an_installation_without_limits_lets_nothing_end(clock: ManualClock, free: Organisation, settings: Any) -> None:
    settings.CONF = replace(settings.CONF, quotas=replace(settings.CONF.quotas, enabled=False))
    clock.advance(timedelta(days=31))
    assert delete_expired(clock=clock) == 0
    assert environment_called(free, "dev").state == "ready"


def test_keys_are_remembered_for_a_day_after_the_end(clock: ManualClock, db: None) -> None:
    organisation = Organisation.objects.create(name="Acme")
    request = RequestKey("u-1", "a-key-of-some-length", b"digest")
    create_environment(
        PLATFORM, organisation, Wanted(name="dev", backend="local"), tier=None, request=request, clock=clock
    )
    clock.advance(timedelta(days=3))
    idempotency.forget_old(clock=clock)
    assert IdempotencyKey.objects.exists(), "it is still being made"
    Provisioning.objects.update(finished_at=clock())
    clock.advance(timedelta(hours=23, minutes=59))
    idempotency.forget_old(clock=clock)
    assert IdempotencyKey.objects.exists()
    clock.advance(timedelta(minutes=1))
    idempotency.forget_old(clock=clock)
    assert not IdempotencyKey.objects.exists()


def test_the_local_driver_says_what_is_missing_and_what_it_would_do(database: str) -> None:
    driver = LocalDriver(SCHEMAS)
    assert list(driver.check({})) == []
    planned = driver.plan(Environment.of_tenant("Acme"))
    assert planned[0] == f"create the PostgreSQL schema {schema_name_of('Acme')}"
    assert SCHEMAS.names() == set()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE without_rights")
        try:
            cursor.execute("SET ROLE without_rights")
            [missing] = driver.check({})
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE without_rights")
    assert "without_rights may not create schemas" in missing
