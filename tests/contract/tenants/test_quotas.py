"""Rates, seats and sizes over several nodes on one database (contract: control plane 3.1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from cyoda.clock import ManualClock
from cyoda.errors import QuotaExceeded, StorageUnavailable, TooManyRequests
from cyoda.permissions import Action
from cyoda.principal import Principal
from tenants.models import Environment, Organisation, Subscription, Tier
from tenants.services import permits
from tenants.services.audit import PLATFORM
from tenants.services.entitlements import Rate, entitlements_of
from tenants.services.quotas import StoredQuotas
from tenants.services.seats import KEPT
from tenants.services.tiers import assign_tier, cancel_subscription, save_tier
from tests.contract.tenants.conftest import off_loop

StartNode = Callable[[], Awaitable[StoredQuotas]]
LIMIT = 100


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def start_node(database: str, clock: ManualClock) -> AsyncIterator[StartNode]:
    """Starts nodes that share the database and the clock."""
    nodes: list[StoredQuotas] = []

    async def start() -> StoredQuotas:
        nodes.append(await StoredQuotas(clock=clock).__aenter__())
        return nodes[-1]

    yield start
    for node in nodes:
        await node.__aexit__(None, None, None)


def caller(tenant: str = "acme") -> Principal:
    return Principal(tenant=tenant, user_id="ann", kind="user")


def rate(limit: int, interval: str = "MINUTES", name: str = "API_REQUEST") -> dict[str, object]:
    return {"entitlementId": name, "cumulative": True, "limit": limit, "timeIntervalBound": interval}


def number(name: str, limit: int) -> dict[str, object]:
    return {"entitlementId": name, "cumulative": False, "limit": limit}


@off_loop
def entitled(tenant: str, *limits: dict[str, object]) -> Organisation:
    """An organisation with one environment and a tier of these limits."""
    organisation = Organisation.objects.create(name=tenant)
    Environment.of_tenant(tenant, organisation=organisation, state=Environment.State.READY).save()
    tier = Tier(name=f"tier of {tenant}", title="T", limits=list(limits))
    save_tier(PLATFORM, tier)
    assign_tier(PLATFORM, organisation, tier)
    Subscription.objects.update(period_from=ManualClock()())
    return organisation


async def admitted(node: StoredQuotas, number: int, tenant: str = "acme") -> int:
    """How many of so many concurrent requests are let in; the others are refused by the rate."""
    asked = [node.admit(caller(tenant), Action.READ) for _ in range(number)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequests)]
    assert all(isinstance(answer, int | None | TooManyRequests) for answer in answers), answers
    return number - len(refused)


async def one_by_one(node: StoredQuotas, number: int, tenant: str = "acme") -> int:
    return sum([await admitted(node, 1, tenant) for _ in range(number)])


async def test_two_nodes_together_let_in_exactly_as_many_as_the_limit(start_node: StartNode) -> None:
    await entitled("acme", rate(LIMIT))
    nodes = [await start_node(), await start_node()]
    assert sum(await asyncio.gather(*(admitted(node, 3 * LIMIT) for node in nodes))) == LIMIT


async def test_requests_that_come_one_by_one_at_both_nodes_use_all_permits_as_well(start_node: StartNode) -> None:
    await entitled("acme", rate(LIMIT))
    nodes = [await start_node(), await start_node()]
    assert sum(await asyncio.gather(*(one_by_one(node, LIMIT) for node in nodes))) == LIMIT


async def test_what_an_idle_node_holds_is_a_small_part_of_the_window(start_node: StartNode) -> None:
    await entitled("acme", rate(LIMIT))
    idle, busy = await start_node(), await start_node()
    assert await admitted(idle, 1) == 1
    assert LIMIT - LIMIT // permits.LEASES_A_WINDOW <= 1 + await admitted(busy, 2 * LIMIT) <= LIMIT


async def test_leases_that_are_taken_at_the_same_moment_are_all_of_the_limit_and_no_more(database: str) -> None:
    now, rate = ManualClock()(), Rate(1000, timedelta(minutes=1))

    def take_all() -> int:
        """What one of many nodes gets."""
        taken = 0
        while granted := permits.take_permits("t_x", "API_REQUEST", rate, 7, now).granted:
            taken += granted
        return taken

    assert sum(await asyncio.gather(*(off_loop(take_all)() for _ in range(8)))) == 1000


async def test_a_node_whose_clock_lags_shares_the_window_of_the_others(database: str) -> None:
    now, rate = ManualClock()(), Rate(10, timedelta(seconds=1))
    take = off_loop(permits.take_permits)
    assert await take("t_x", "API_REQUEST", rate, 6, now) == (6, now)
    assert await take("t_x", "API_REQUEST", rate, 6, now - timedelta(seconds=2)) == (4, now)
    assert await take("t_x", "API_REQUEST", rate, 6, now + timedelta(milliseconds=999)) == (0, now)
    later = now + timedelta(seconds=1)
    assert await take("t_x", "API_REQUEST", rate, 6, later) == (6, later)


async def test_a_new_window_brings_new_permits_at_every_node(start_node: StartNode, clock: ManualClock) -> None:
    await entitled("acme", rate(10, "SECONDS"))
    nodes = [await start_node(), await start_node()]
    for _ in range(3):
        assert sum(await asyncio.gather(*(admitted(node, 20) for node in nodes))) == 10
        assert [await admitted(node, 1) for node in nodes] == [0, 0]
        clock.advance(timedelta(seconds=1))


@pytest.mark.parametrize(
    ("interval", "late", "seconds"),
    [("SECONDS", 0.25, 1), ("MINUTES", 0.0, 60), ("MINUTES", 59.5, 1), ("HOURS", 10.0, 3590), ("DAYS", 0.0, 86400)],
)
async def test_a_refusal_tells_when_the_window_ends(
    start_node: StartNode, clock: ManualClock, interval: str, late: float, seconds: int
) -> None:
    await entitled("acme", rate(1, interval))
    clock.now = clock.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(seconds=late)
    node = await start_node()
    assert await admitted(node, 1) == 1
    with pytest.raises(TooManyRequests) as refusal:
        await node.admit(caller(), Action.READ)
    assert refusal.value.properties == {"entitlementId": "API_REQUEST", "limit": 1, "retryAfterSeconds": seconds}
    clock.advance(timedelta(seconds=seconds))
    assert await admitted(node, 1) == 1


async def test_tenants_do_not_eat_each_others_permits(start_node: StartNode) -> None:
    for tenant in ("acme", "globex"):
        await entitled(tenant, rate(10), rate(5, name="EXTERNALIZED_CALL"))
    node = await start_node()
    assert await admitted(node, 50) == 10
    assert await admitted(node, 50, "globex") == 10
    await asyncio.gather(*(node.admit_callout("globex") for _ in range(5)))
    with pytest.raises(TooManyRequests, match="5 callouts in 60 seconds"):
        await node.admit_callout("globex")


async def test_a_tier_without_limits_counts_nothing(start_node: StartNode) -> None:
    await entitled("acme")
    node = await start_node()
    assert await admitted(node, 1000) == 1000
    assert await node.model_limits("acme") is not None
    for _ in range(3):
        await node.admit_callout("acme")
        await node.take_seat("acme", uuid4())

    def windows() -> int:
        return permits.QuotaWindow.objects.exclude(entitlement="NUM_CLIENT_NODES").count()

    assert await off_loop(windows)() == 0


async def test_a_limit_of_nothing_lets_nothing_in(start_node: StartNode) -> None:
    await entitled("acme", rate(0))
    assert await admitted(await start_node(), 3) == 0


async def test_organisations_without_a_subscription_have_the_default_tier(start_node: StartNode) -> None:
    organisation = await entitled("acme")
    node = await start_node()
    assert await admitted(node, 400) == 400
    await off_loop(cancel_subscription)(PLATFORM, organisation)
    await node.refresh()
    assert await admitted(node, 400) == 300


async def test_a_changed_tier_is_in_force_at_every_node_within_about_a_second(start_node: StartNode) -> None:
    organisation = await entitled("acme", rate(10))
    nodes = [await start_node(), await start_node()]
    assert sum([await admitted(node, 20) for node in nodes]) == 10
    tier = Tier(name="larger", title="L", limits=[rate(1000)])

    def enlarge() -> None:
        save_tier(PLATFORM, tier)
        assign_tier(PLATFORM, organisation, tier)
        Subscription.objects.update(period_from=ManualClock()())

    await off_loop(enlarge)()
    async with asyncio.timeout(2):
        while not all([await admitted(node, 1) for node in nodes]):
            await asyncio.sleep(0.05)


async def test_a_lowered_limit_takes_nothing_back_and_gives_nothing_more(start_node: StartNode) -> None:
    await entitled("acme", rate(100))
    node = await start_node()
    assert await admitted(node, 60) == 60

    def lower() -> None:
        save_tier(PLATFORM, Tier(name="tier of acme", title="T", limits=[rate(50)]))

    await off_loop(lower)()
    await node.refresh()
    assert await admitted(node, 10) == 0


async def test_a_subscription_that_ends_gives_way_to_the_default_tier(
    start_node: StartNode, clock: ManualClock
) -> None:
    await entitled("acme")
    node = await start_node()
    end = clock() + timedelta(hours=1)
    await off_loop(lambda: Subscription.objects.update(period_to=end))()
    clock.advance(timedelta(minutes=59))
    await node.keep()
    assert await admitted(node, 400) == 400
    clock.advance(timedelta(minutes=1))
    await node.keep()
    assert await admitted(node, 400) == 300


async def test_without_the_database_nothing_is_let_in_beyond_what_was_leased(
    start_node: StartNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    await entitled("acme", rate(LIMIT))
    node = await start_node()
    assert await admitted(node, 1) == 1
    monkeypatch.setattr(permits, "_TAKE", "SELECT pg_terminate_backend(pg_backend_pid())")
    assert await one_by_one(node, LIMIT // permits.LEASES_A_WINDOW - 1) == LIMIT // permits.LEASES_A_WINDOW - 1
    with pytest.raises(StorageUnavailable):
        await node.admit(caller(), Action.READ)


async def test_a_caller_that_goes_away_while_it_waits_costs_the_others_nothing(start_node: StartNode) -> None:
    await entitled("acme", rate(10))
    node = await start_node()
    first = asyncio.create_task(node.admit(caller(), Action.READ))
    others = [asyncio.create_task(admitted(node, 1)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [1] * 5


async def test_bodies_are_limited_and_writes_refused_once_the_storage_is_full(start_node: StartNode) -> None:
    await entitled("acme", number("PAYLOAD_SIZE", 1000), number("DISK_USAGE", 64 * 1024))
    node = await start_node()
    assert await node.admit(caller(), Action.WRITE) == 1000

    def fill() -> None:
        schema = entitlements_of(["acme"], ManualClock()())["acme"].schema
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE SCHEMA "{schema}"')
            cursor.execute(f"CREATE TABLE \"{schema}\".big AS SELECT repeat('x', 500) FROM generate_series(1, 1000)")

    await off_loop(fill)()
    await node.keep()
    with pytest.raises(QuotaExceeded) as refusal:
        await node.admit(caller(), Action.WRITE)
    assert refusal.value.properties == {"entitlementId": "DISK_USAGE", "limit": 64 * 1024}
    for action in (Action.READ, Action.DELETE, Action.CONFIGURE, None):
        assert await node.admit(caller(), action) == 1000


async def has_seat(node: StoredQuotas) -> bool:
    try:
        await node.take_seat("acme", uuid4())
    except QuotaExceeded:
        return False
    return True


async def test_members_take_seats_over_all_nodes(start_node: StartNode, clock: ManualClock) -> None:
    await entitled("acme", number("NUM_CLIENT_NODES", 2))
    one, other = await start_node(), await start_node()
    members = [uuid4() for _ in range(6)]
    joins = [node.take_seat("acme", member) for node, member in zip([one, other] * 3, members, strict=True)]
    answers = await asyncio.gather(*joins, return_exceptions=True)
    seated = [member for member, answer in zip(members, answers, strict=True) if answer is None]
    assert len(seated) == 2
    assert {type(answer) for answer in answers if answer is not None} == {QuotaExceeded}
    for node in (one, other):
        for member in set(members) - set(seated):
            node.leave_seat(member)
    clock.advance(KEPT * 2)
    await asyncio.gather(one.keep(), other.keep())
    with pytest.raises(QuotaExceeded, match="2 connected calculation members"):
        await one.take_seat("acme", uuid4())
    for node in (one, other):
        node.leave_seat(seated[0])
    async with asyncio.timeout(2):
        while not await has_seat(one):
            await asyncio.sleep(0.01)


async def test_seats_of_a_node_that_died_are_free_after_a_while(start_node: StartNode, clock: ManualClock) -> None:
    await entitled("acme", number("NUM_CLIENT_NODES", 1))
    dead, alive = await start_node(), await start_node()
    await dead.take_seat("acme", uuid4())
    clock.advance(KEPT)
    with pytest.raises(QuotaExceeded):
        await alive.take_seat("acme", uuid4())
    clock.advance(timedelta(seconds=1))
    await alive.take_seat("acme", uuid4())


async def test_members_of_a_tenant_that_has_nothing_yet_take_seats_of_the_default_tier(start_node: StartNode) -> None:
    node = await start_node()
    await node.take_seat("newcomer", uuid4())
    with pytest.raises(QuotaExceeded):
        await node.take_seat("newcomer", uuid4())
