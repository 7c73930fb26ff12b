"""What nodes count becomes sums of hours and days (docs/help/usage.md)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from rich.console import Console

from cyoda.clock import ManualClock, system_clock
from cyoda.errors import StorageUnavailable, TooManyRequests
from cyoda.principal import Principal
from cyoda.schemas import PostgresSchemas
from tenants.models import Environment, UsagePeriod
from tenants.services.quotas import StoredQuotas
from tenants.usage import counter, measure
from tenants.usage.counter import UsageCounter
from tenants.usage.figures import BYTES, CALLOUTS, ENTITIES, MEMBERS, REQUESTS, figures_of
from tenants.usage.sums import Tally, add_sums
from tenants.usage.terminal import show_usage
from tests.contract.tenants.conftest import off_loop
from tests.contract.usage.conftest import limited


def caller(tenant: str = "acme") -> Principal:
    return Principal(tenant=tenant, user_id="ann", kind="user")


@off_loop
def counted(environment: Environment) -> dict[str, tuple[int, ...]]:
    """By span, what an environment's rows of now say."""
    fields = ("requests", "requests_refused", "callouts", "callouts_refused", "members_peak")
    rows = UsagePeriod.objects.filter(environment=environment)
    return {row.span: tuple(getattr(row, name) for name in fields) for row in rows}


async def test_sums_of_several_nodes_add_up_and_nothing_is_lost_when_they_stop(database: str) -> None:
    acme, other = await off_loop(limited)("acme"), await off_loop(limited)("other")
    async with UsageCounter() as first, UsageCounter() as second:
        for node, number in ((first, 30), (second, 12)):
            for _ in range(number):
                await node.admit(caller(), None)
            await node.admit_callout("acme")
        await first.admit(caller("other"), None)
        await first.admit(caller("never\0"), None)
        await asyncio.gather(first.flush(), second.flush())
        await second.admit(caller(), None)
    assert await counted(acme) == dict.fromkeys(("hour", "day"), (43, 0, 2, 0, 0))
    assert (await counted(other))["day"] == (1, 0, 0, 0, 0)


async def test_a_request_costs_no_round_trip(database: str) -> None:
    async with UsageCounter() as node:
        asked = Counter[str]()
        node._orm.run = lambda ask: asked.update(["question"])  # type: ignore[method-assign,assignment]
        for _ in range(100):
            await node.admit(caller(), None)
        del node._orm.run
    assert asked == {}


async def test_what_the_limit_refuses_is_counted_apart(database: str) -> None:
    acme = await off_loop(limited)("acme", ("API_REQUEST", 5, "DAYS"), ("EXTERNALIZED_CALL", 1, "DAYS"))
    async with UsageCounter(StoredQuotas()) as node:
        answers = await asyncio.gather(*(node.admit(caller(), None) for _ in range(7)), return_exceptions=True)
        assert sum(isinstance(one, TooManyRequests) for one in answers) == 2
        await node.admit_callout("acme")
        with pytest.raises(TooManyRequests):
            await node.admit_callout("acme")
    assert (await counted(acme))["day"] == (5, 2, 1, 1, 0)
    figures = await off_loop(figures_of)(acme, system_clock())
    assert (figures[REQUESTS].used, figures[REQUESTS].limit, figures[REQUESTS].percent) == (5, 5, 100)
    assert figures[CALLOUTS].refused == 1


async def test_sums_are_kept_while_the_database_does_not_answer(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    acme = await off_loop(limited)("acme")

    def silent(*_: object) -> None:
        raise StorageUnavailable

    async with UsageCounter() as node:
        await node.admit(caller(), None)
        with monkeypatch.context() as patched:
            patched.setattr(counter, "add_sums", silent)
            with pytest.raises(StorageUnavailable):
                await node.flush()
        await node.admit(caller(), None)
    assert (await counted(acme))["day"][0] == 2


async def test_members_of_all_nodes_are_connected_now_and_leave_their_peak(database: str) -> None:
    acme = await off_loop(limited)("acme", ("NUM_CLIENT_NODES", 5))
    members = [uuid4() for _ in range(3)]
    async with UsageCounter() as first, UsageCounter() as second:
        for node, member in zip((first, first, second), members, strict=True):
            await node.take_seat("acme", member)
        await first.flush()
        await second.flush()
        first.leave_seat(members[0])
        await first.flush()
        figure = (await off_loop(figures_of)(acme, system_clock()))[MEMBERS]
        assert (figure.used, figure.today, figure.limit) == (2, 3, 5)
        lost = (await off_loop(figures_of)(acme, system_clock() + timedelta(minutes=1)))[MEMBERS]
        assert lost.used == 0
    assert (await off_loop(figures_of)(acme, system_clock()))[MEMBERS].used == 0


def test_nodes_that_write_the_same_environments_at_once_do_not_block_each_other(database: str) -> None:
    names = [limited(f"n{number}").schema_name for number in range(6)]

    @off_loop
    def write(schemas: list[str]) -> None:
        for _ in range(10):
            add_sums(uuid4(), {schema: Tally(requests=1) for schema in schemas}, {}, system_clock())

    async def both() -> None:
        await asyncio.gather(*(write(given) for given in (names, names[::-1], names)))

    asyncio.run(both())
    assert {row.requests for row in UsagePeriod.objects.filter(span="day")} == {30}


def test_schemas_are_measured_and_old_periods_forgotten(database: str) -> None:
    acme = limited("acme", ("DISK_USAGE", 1024 * 1024 * 1024))
    empty = limited("never made")
    PostgresSchemas().create_tables(acme.schema_name)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{acme.schema_name}".head (entity_id, model_id, transaction_id, valid_from, created_at,'
            " version, model_version, deleted, lossy, model_name, state, transition)"
            " SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), now(), now(), 1, 1, number > 3, false,"
            " 'm', 's', '' FROM generate_series(1, 5) AS number"
        )
    assert measure.measure() == 1
    figures = figures_of(acme, system_clock())
    assert figures[ENTITIES].used == 3
    assert (figures[BYTES].used or 0) > 8192
    assert figures[ENTITIES].at is not None
    assert figures_of(empty, system_clock())[ENTITIES].used is None
    measure.forget_old(clock=lambda: system_clock() + timedelta(days=15))
    assert {row.span for row in UsagePeriod.objects.filter(environment=acme)} == {"day"}
    measure.forget_old(clock=lambda: system_clock() + timedelta(days=500))
    assert not UsagePeriod.objects.exists()


def test_many_entities_are_expected_and_not_counted(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PostgresSchemas().create_tables(limited("acme").schema_name)
    schema = Environment.objects.get().schema_name
    assert measure.entities_in(schema) == 0
    monkeypatch.setattr(measure, "COUNTED_UP_TO", -1)
    assert measure.entities_in(schema) >= 0


def test_an_hour_later_the_hour_begins_anew_and_the_day_goes_on(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "HOURS"))
    clock = ManualClock()
    noon = clock().replace(hour=12)
    add_sums(uuid4(), {acme.schema_name: Tally(requests=9)}, {}, noon)
    add_sums(uuid4(), {acme.schema_name: Tally(requests=2)}, {}, noon + timedelta(hours=1))
    figure = figures_of(acme, noon + timedelta(hours=1))[REQUESTS]
    assert (figure.used, figure.today, figure.window) == (2, 11, "HOURS")


def test_usage_at_a_terminal(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    add_sums(uuid4(), {acme.schema_name: Tally(requests=9)}, {}, system_clock())
    said = StringIO()
    call_command("env", "usage", "dev", stdout=said)
    assert "API_REQUEST\t9\t10\tDAYS" in said.getvalue()
    assert "ENTITIES\tnot measured yet\tunlimited\tnow" in said.getvalue()
    lines: list[str] = []
    screen = Console(file=StringIO(), force_terminal=True, width=100)
    show_usage(acme.organisation, "dev", lines.append, screen)
    assert "━" in screen.file.getvalue()  # type: ignore[attr-defined]
    assert not lines
