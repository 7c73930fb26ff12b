"""Organisations take turns with the workers."""

from __future__ import annotations

from uuid import UUID

import pytest

from cyoda.schemas import PostgresSchemas
from tenants.models import Environment, Organisation, Outbox, Provisioning
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.outbox import SENT_AGAIN_AFTER, SHARE, drain_outbox
from tenants.services.provisioning import provision_environment


def ordered(owner: Organisation, number: int) -> None:
    for at in range(number):
        provision_environment(
            PLATFORM, owner.name, owner=owner, tenant_id=f"{owner.name}/{at}", environment_name=f"dev-{at}"
        )


def owners(sent: list[UUID]) -> list[str]:
    names = dict(Provisioning.objects.values_list("pk", "environment__organisation__name"))
    return [names[run] for run in sent]


@pytest.fixture
def organisations(db: None) -> tuple[Organisation, Organisation]:
    """One with many orders, which came first, and one with a single order."""
    many, single = Organisation.objects.create(name="many"), Organisation.objects.create(name="single")
    ordered(many, 100)
    ordered(single, 1)
    return many, single


def test_a_hundred_orders_do_not_keep_another_ones_waiting(
    organisations: tuple[Organisation, Organisation],
) -> None:
    sent: list[UUID] = []
    drain_outbox(sent.append)
    assert sorted(owners(sent)) == ["many"] * SHARE + ["single"]
    assert "single" in owners(sent)[:2], "turn by turn"
    assert drain_outbox(sent.append) == 0, "the others wait until a run has ended"
    assert Outbox.objects.count() == 100 - SHARE


def test_whoever_waits_for_its_turn_is_not_taken_for_forgotten(
    organisations: tuple[Organisation, Organisation],
) -> None:
    drain_outbox(lambda _: None)
    Provisioning.objects.update(sent_at=None)
    sent: list[UUID] = []
    drain_outbox(sent.append)
    assert len(sent) == SHARE + 1, f"those with the workers, which nobody took within {SENT_AGAIN_AFTER}"


def test_runs_that_wait_after_a_failure_leave_their_turn_to_others(
    organisations: tuple[Organisation, Organisation],
) -> None:
    first: list[UUID] = []
    drain_outbox(first.append)
    run = Provisioning.objects.get(pk=first[0])
    run.not_before = run.not_before.replace(year=2100)
    run.save()
    assert drain_outbox(lambda _: None) == 1


@pytest.mark.usefixtures("database")
def test_each_end_makes_room_until_all_are_ready() -> None:
    owner = Organisation.objects.create(name="many")
    ordered(owner, SHARE + 2)
    saga = Saga(driver_of=lambda _: LocalDriver(PostgresSchemas()))
    waiting: list[UUID] = []
    while drain_outbox(waiting.append) or waiting:
        assert len(waiting) <= SHARE
        run = waiting.pop(0)
        while saga.advance(run) is Progress.MORE:
            pass
    assert set(Environment.objects.values_list("state", flat=True)) == {"ready"}
