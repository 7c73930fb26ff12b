"""Scheduled transitions, row by row, on each store and on two nodes (contract: engine 4, 5.5)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from msgspec.structs import replace

from cyoda.clock import ManualClock, system_clock
from cyoda.conf import load
from cyoda.principal import Actor
from cyoda.runtime import Node, build_node, running, scheduler_of
from tenants.identity.keys import KeyPair
from tests.contract.http.compute import InProcessMember
from tests.contract.http.conftest import client_of, no_pages, pem_of
from tests.contract.http.steps import entity, model, ok, read, workflow
from tests.contract.http.test_audit import amount, states, told, trail
from workflows.core.timer import Timer
from workflows.services.timers import fire_timer
from workflows.storage.base import ChangeSet, Storage
from workflows.storage.memory.store import MemoryStorage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

DELAY = timedelta(seconds=5)
MS = timedelta(milliseconds=1)
BACKOFF = timedelta(seconds=30)
PROCESSOR = {"name": "charge", "config": {"calculationNodesTags": ""}}
SYSTEM = {"id": "system", "kind": "system"}


@pytest.fixture
def clock() -> ManualClock:
    """Stands still, so that lateness is exact."""
    return ManualClock()


@pytest.fixture(params=["memory", "postgres"])
def new_storage(request: pytest.FixtureRequest) -> Callable[[], Storage]:
    """Each call gives another node's way to the same data; a memory store has only one."""
    if request.param == "memory":
        only = MemoryStorage()
        return lambda: only
    prefix, url = f"t_{uuid.uuid4().hex[:8]}_", request.getfixturevalue("postgres_url")

    def connected() -> Storage:
        pool = Pool(PoolSettings(url=url, size=4))
        return PostgresStorage(pool, SchemaDirectory(pool, prefix=prefix))

    return connected


@pytest.fixture
def storage(new_storage: Callable[[], Storage]) -> Storage:
    return new_storage()


@pytest.fixture
async def other_node(node: Node, new_storage: Callable[[], Storage], clock: ManualClock) -> AsyncIterator[Node]:
    """A second node on the same data."""
    storage = new_storage()
    second = build_node(load({}), storage, fallback=no_pages, clock=clock)
    await storage.open()
    yield second
    if storage is not node.platform.storage:
        await storage.close()


@dataclass
class World:
    """The node, its clients, and timers in few words."""

    api: httpx.AsyncClient
    node: Node
    clock: ManualClock

    async def prepare(self, *, schedule: dict[str, Any] | None = None, **late: Any) -> str:
        """An order in A, whose transition `late` leads after five seconds to B, and from there to C at once."""
        await model(self.api)
        await self.define(schedule=schedule, **late)
        return await entity(self.api)

    async def define(self, *, schedule: dict[str, Any] | None = None, **late: Any) -> None:
        transition = {"name": "late", "next": "B", "schedule": schedule or {"delayMs": 5000}} | late
        leave = {"name": "leave", "next": "C", "manual": True}
        definition = states(A=[transition, leave], B=[{"name": "on", "next": "C"}], C=[])
        await workflow(self.api, definition=definition)

    async def timers(self, entity_id: str) -> list[Timer]:
        return list(await self.node.platform.storage.timers_of("acme", UUID(entity_id)))

    async def due(self, entity_id: str, *, late: timedelta = timedelta(0)) -> Timer:
        """The entity's timer, when it is so late."""
        (timer,) = await self.timers(entity_id)
        self.clock.now = timer.due_at + late
        return timer

    async def fire(self, timer: Timer, tenant: str = "acme", node: Node | None = None) -> str:
        return await fire_timer(tenant, timer, platform=(node or self.node).platform)

    async def state(self, entity_id: str) -> str:
        return (await read(self.api, entity_id))["meta"]["state"]

    async def changes(self, entity_id: str) -> list[dict[str, Any]]:
        return ok(await self.api.get(f"/entity/{entity_id}/changes"))

    async def last_events(self, entity_id: str, count: int) -> list[str]:
        return [event for event, _, _ in (await told(self.api, entity_id))][-count:]


@pytest.fixture
async def world(api: httpx.AsyncClient, node: Node, clock: ManualClock) -> World:
    return World(api, node, clock)


# --- the rows of 4.4 ------------------------------------------------------------------------------------------------


async def test_a_due_timer_fires_and_the_cascade_follows(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    assert await world.fire(timer) == "fired"
    assert (await read(world.api, order))["meta"]["state"] == "C"
    assert (await read(world.api, order))["meta"]["transitionForLatestSave"] == "loopback"
    assert await world.timers(order) == []
    assert (await told(world.api, order))[-3:] == [
        ("TRANSITION_MAKE", 'Transition "late": A → B', "A"),
        ("TRANSITION_MAKE", 'Transition "on": B → C', "B"),
        ("SCHEDULED_TRANSITION_FIRE", 'Scheduled transition "late" fired', "C"),
    ]
    change = (await world.changes(order))[0]
    assert (change["changeType"], change["user"], change["attributedKind"], change["executedBy"]) == (
        "UPDATE", "u-1", "user", SYSTEM
    )  # fmt: skip
    finished = await world.api.get(f"/audit/entity/{order}/workflow/{change['transactionId']}/finished")
    assert finished.status_code == 404


async def test_a_timer_that_is_gone_does_nothing(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    ok(await world.api.put(f"/entity/JSON/{order}/leave", json={"amount": 1}))
    before = await trail(world.api, order)
    assert await world.fire(timer) == "gone"
    assert await trail(world.api, order) == before


async def test_a_timer_handed_out_for_another_tenant_stays(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    assert await world.fire(timer, "globex") == "gone"
    assert await world.timers(order) == [timer]
    assert await world.state(order) == "A"


async def test_a_timer_that_somebody_else_armed_meanwhile_is_left(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    assert await world.fire(replace(timer, armed_by=Actor("somebody", "user"))) == "dropped"
    assert await world.timers(order) == [timer]


async def test_the_timer_of_a_deleted_entity_is_discarded_silently(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    ok(await world.api.delete(f"/entity/{order}"))
    before = await trail(world.api, order)
    assert await world.fire(timer) == "discarded"
    assert await world.timers(order) == []
    assert await trail(world.api, order) == before


async def test_the_timer_of_another_state_is_discarded_silently(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    ok(await world.api.put(f"/entity/JSON/{order}/leave", json={"amount": 1}))
    await world.node.platform.storage.commit(
        "acme", ChangeSet(transaction_id=uuid.uuid4(), at=world.clock(), arm=(timer,))
    )
    before = await trail(world.api, order)
    assert await world.fire(timer) == "discarded"
    assert await world.timers(order) == []
    assert await trail(world.api, order) == before


async def test_a_timer_that_was_armed_anew_is_left_for_its_time(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 2}))
    assert await world.fire(timer) == "dropped"
    (again,) = await world.timers(order)
    assert again.due_at == timer.due_at + DELAY
    assert "SCHEDULED_TRANSITION_CANCEL" not in await world.last_events(order, 100)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1)])
async def test_the_timer_of_a_transition_that_is_no_more_is_discarded_silently(world: World, late: timedelta) -> None:
    """Also when it is so late that it would expire."""
    order = await world.prepare(schedule={"delayMs": 5000, "timeoutMs": 1000})
    timer = await world.due(order, late=late)
    await world.define(name="other")
    before = await trail(world.api, order)
    assert await world.fire(timer) == "discarded"
    assert await world.timers(order) == []
    assert await trail(world.api, order) == before


async def test_a_timer_of_a_transition_that_was_disabled_meanwhile_fires(world: World) -> None:
    order = await world.prepare()
    timer = await world.due(order)
    await world.define(disabled=True)
    assert await world.fire(timer) == "fired"


async def test_lateness_decides_between_firing_waiting_and_expiring(world: World) -> None:
    order = await world.prepare(schedule={"delayMs": 5000, "timeoutMs": 1000})
    timer = await world.due(order, late=1001 * MS)
    scheduler = scheduler_of(world.node)
    assert await world.fire(timer) == "dropped"
    assert await world.timers(order) == [timer]
    await world.due(order, late=1100 * MS)
    assert await world.fire(timer) == "dropped"
    await world.due(order, late=1101 * MS)
    await scheduler.scan()  # it stayed due: nobody has to wait for the back-off
    await scheduler.settled()
    assert await world.timers(order) == []
    assert await world.state(order) == "A"
    assert len(await world.changes(order)) == 1
    expiry = (await told(world.api, order))[-1]
    assert expiry == (
        "SCHEDULED_TRANSITION_EXPIRE",
        'Scheduled transition "late" expired (lateness 1101ms > timeout 1000ms + grace 100ms)', "A",
    )  # fmt: skip


@pytest.mark.parametrize(("timeout_ms", "late_ms"), [(1000, 1000), (0, 0), (None, 10**9)])
async def test_a_timer_within_its_lateness_fires(world: World, timeout_ms: int | None, late_ms: int) -> None:
    order = await world.prepare(schedule={"delayMs": 5000, "timeoutMs": timeout_ms})
    assert await world.fire(await world.due(order, late=late_ms * MS)) == "fired"


async def test_a_false_criterion_is_the_end_of_a_timer_until_it_is_armed_anew(world: World) -> None:
    order = await world.prepare(criterion=amount("GREATER_THAN", 10))
    timer = await world.due(order)
    assert await world.fire(timer) == "not matched"
    assert await world.timers(order) == []
    assert (await told(world.api, order))[-1] == (
        "TRANSITION_NOT_MATCH_CRITERION", 'Transition "late" criterion not matched', "A"
    )  # fmt: skip
    assert len(await world.changes(order)) == 1
    assert await scheduler_scan(world.node) == 0
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 11}))
    assert await world.fire(await world.due(order)) == "fired"


async def scheduler_scan(node: Node) -> int:
    """One scan, and what it began ended; how many of the tenant's timers are armed, that were due."""
    storage, now = node.platform.storage, node.platform.clock()
    before = len(await storage.due_timers("acme", now, 10_000))
    scheduler = scheduler_of(node)
    await scheduler.scan()
    await scheduler.settled()
    return before - len(await storage.due_timers("acme", now, 10_000))


async def test_a_failure_rolls_back_and_is_tried_again_after_the_back_off(world: World) -> None:
    asked: list[str] = []

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request["processorName"])
        if len(asked) < 3:
            return {"success": False, "error": {"message": "no money", "code": "X"}}
        return {"success": True}

    InProcessMember(world.node, work)
    order = await world.prepare(processors=[PROCESSOR])
    timer = await world.due(order)
    before = await trail(world.api, order)
    assert await scheduler_scan(world.node) == 0
    assert await scheduler_scan(world.node) == 0
    assert len(asked) == 1
    assert await world.timers(order) == [timer]
    assert await trail(world.api, order) == before
    world.clock.advance(BACKOFF)
    assert await scheduler_scan(world.node) == 0
    assert len(asked) == 2
    world.clock.advance(BACKOFF)
    assert await scheduler_scan(world.node) == 1
    assert await world.state(order) == "C"
    assert len(await world.changes(order)) == 2


async def test_without_a_member_a_timer_waits_for_one(world: World) -> None:
    order = await world.prepare(processors=[PROCESSOR])
    timer = await world.due(order)
    assert await world.fire(timer) == "failed"
    assert await world.timers(order) == [timer]
    InProcessMember(world.node)
    assert await world.fire(timer) == "fired"


async def test_an_aborted_cascade_leaves_the_timer(world: World) -> None:
    await model(world.api)
    late = {"name": "late", "next": "B", "schedule": {"delayMs": 5000}}
    on = {"name": "on", "next": "C", "criterion": amount("LESS_THAN", 10)}
    await workflow(
        world.api,
        definition=states(A=[late], B=[on], C=[{"name": "back", "next": "B", "criterion": amount("LESS_THAN", 10)}]),
    )
    order = await entity(world.api)
    timer = await world.due(order)
    assert await world.fire(timer) == "failed"
    assert await world.timers(order) == [timer]
    assert len(await world.changes(order)) == 1


async def test_another_write_during_the_fire_wins(world: World) -> None:
    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 2}))
        return {"success": True}

    InProcessMember(world.node, work)
    order = await world.prepare(processors=[PROCESSOR])
    timer = await world.due(order)
    assert await world.fire(timer) == "lost"
    assert await world.state(order) == "A"
    (again,) = await world.timers(order)
    assert again.due_at == timer.due_at + DELAY
    assert [change["changeType"] for change in await world.changes(order)] == ["UPDATE", "CREATE"]


# --- arming and cancelling over HTTP --------------------------------------------------------------------------------


async def test_leaving_the_state_cancels_and_a_self_loop_arms_anew(world: World) -> None:
    await model(world.api)
    again = {"name": "again", "next": "A", "schedule": {"delayMs": 1000}, "criterion": amount("GREATER_THAN", 0)}
    other = {"name": "other", "next": "B", "schedule": {"delayMs": 9000}}
    await workflow(world.api, definition=states(A=[again, other], B=[]))
    order = await entity(world.api)
    first, second = sorted(await world.timers(order), key=lambda timer: timer.due_at)
    world.clock.now = first.due_at
    assert await world.fire(first) == "fired"
    rearmed = sorted(await world.timers(order), key=lambda timer: timer.due_at)
    assert [timer.id for timer in rearmed] == [first.id, second.id]
    assert {timer.armed_by for timer in rearmed} == {Actor("u-1", "user")}
    assert rearmed[0].due_at == first.due_at + timedelta(seconds=1)
    assert "SCHEDULED_TRANSITION_CANCEL" not in await world.last_events(order, 100)
    world.clock.now = rearmed[1].due_at
    assert await world.fire(rearmed[1]) == "fired"
    assert await world.timers(order) == []
    events = await told(world.api, order)
    assert [event for event in events if "CANCEL" in event[0]] == [
        ("SCHEDULED_TRANSITION_CANCEL", 'Scheduled transition "again" cancelled (left state "A")', "A")
    ]


SCHEDULE = {"function": {"name": "when", "resultKind": "Schedule", "calculationNodesTags": "calendar"}}


def function_member(node: Node, results: list[Any]) -> None:
    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        assert request["functionName"] == "when"
        return {"success": True, "resultKind": "Schedule", "result": results.pop(0)}

    InProcessMember(node, work, tags=("calendar",))


async def test_a_function_says_when(world: World) -> None:
    now_ms = int(world.clock().timestamp() * 1000)
    results: list[Any] = [
        {"fireAfterMs": 1000, "expireAfterMs": 500}, {"fireAt": now_ms - 10},
        {"fireAt": now_ms + 5, "expireAt": now_ms + 4},
    ]  # fmt: skip
    function_member(world.node, results)
    order = await world.prepare(schedule=SCHEDULE)
    (timer,) = await world.timers(order)
    assert (timer.due_at, timer.timeout_ms) == (world.clock() + timedelta(seconds=1), 500)
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 2}))
    (timer,) = await world.timers(order)
    assert (timer.due_at, timer.timeout_ms) == (world.clock() - 10 * MS, None)
    world.clock.advance(MS)
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 3}))
    assert await world.timers(order) == []
    events = await world.last_events(order, 100)
    assert events[-2:] == ["SCHEDULED_TRANSITION_EXPIRE", "STATE_MACHINE_FINISH"]
    assert "SCHEDULED_TRANSITION_CANCEL" not in events


async def test_a_past_moment_fires_at_the_next_scan(world: World) -> None:
    function_member(world.node, [{"fireAt": 1}])
    order = await world.prepare(schedule=SCHEDULE)
    assert await scheduler_scan(world.node) == 1
    assert await world.state(order) == "C"


@pytest.mark.parametrize("result", [{}, {"fireAt": 1, "fireAfterMs": 1}, {"fireAt": "soon"}, {"fireAt": 1, "x": 1}, []])
async def test_a_bad_result_of_a_function_refuses_the_whole_write(world: World, result: Any) -> None:
    function_member(world.node, [{"fireAfterMs": 1000}, result])
    order = await world.prepare(schedule=SCHEDULE)
    answer = await world.api.put(f"/entity/JSON/{order}", json={"amount": 2})
    assert (answer.status_code, answer.json()["properties"]["errorCode"]) == (500, "SCHEDULE_FUNCTION_INVALID_RESULT")
    assert (await read(world.api, order))["data"]["amount"] == 1
    assert len(await world.timers(order)) == 1


# --- attribution ----------------------------------------------------------------------------------------------------


async def test_a_callback_inside_a_fire_is_attributed_to_who_armed(
    world: World, node: Node, signing_key: KeyPair
) -> None:
    created: list[str] = []
    async with client_of(node, signing_key, sub="svc", caas_org_id="acme", scopes=["ROLE_M2M"]) as service:

        async def work(_request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
            (chunk,) = ok(await service.post("/entity/JSON/receipt/1", json={"amount": 1, "name": "r"}, headers=joined))
            created.extend(chunk["entityIds"])
            return {"success": True}

        InProcessMember(node, work)
        await model(world.api, "receipt")
        order = await world.prepare(processors=[PROCESSOR])
        assert await world.fire(await world.due(order)) == "fired"
    (change,) = await world.changes(created[0])
    assert (change["user"], change["attributedKind"]) == ("u-1", "user")
    assert change["executedBy"] == {"id": "svc", "kind": "service"}
    assert change["transactionId"] == (await world.changes(order))[0]["transactionId"]


async def test_a_segmented_fire_compares_the_version_at_its_first_commit(world: World, other_node: Node) -> None:
    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": True}

    InProcessMember(world.node, work)
    InProcessMember(other_node, work)
    order = await world.prepare(processors=[PROCESSOR | {"executionMode": "COMMIT_BEFORE_DISPATCH"}])
    timer = await world.due(order)
    outcomes = await asyncio.gather(world.fire(timer), world.fire(timer, node=other_node))
    assert outcomes.count("fired") == 1
    assert await world.state(order) == "C"
    changes = await world.changes(order)
    assert {(change["user"], change["executedBy"]["id"]) for change in changes[:-1]} == {("u-1", "system")}
    assert len(changes) in (3, 4)  # the loser may commit a segment before it loses
    assert (await world.last_events(order, 100)).count("SCHEDULED_TRANSITION_FIRE") == 1


async def test_a_running_node_fires_what_is_due(new_storage: Callable[[], Storage], signing_key: KeyPair) -> None:
    """Armed, fired with its cascade, cancelled by leaving: by the node's own loop, in real time."""
    ports = {f"CYODA_{name}_PORT": "0" for name in ("HTTP", "GRPC", "ADMIN")}
    conf = load({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(signing_key.private_key), **ports})
    node = build_node(conf, new_storage(), fallback=no_pages, clock=system_clock)
    async with running(node), client_of(node, signing_key, caas_org_id="acme", user_roles=[]) as api:
        world = World(api, node, ManualClock())
        order = await world.prepare(schedule={"delayMs": 300})
        left = await entity(api)
        ok(await api.put(f"/entity/JSON/{left}/leave", json={"amount": 1}))
        async with asyncio.timeout(10):
            while await world.state(order) != "C":
                await asyncio.sleep(0.05)
        moments = [datetime.fromisoformat(change["timeOfChange"]) for change in await world.changes(order)]
        assert timedelta(milliseconds=300) <= moments[0] - moments[1] < timedelta(seconds=2.5)
        assert await world.last_events(order, 1) == ["SCHEDULED_TRANSITION_FIRE"]
        events = await world.last_events(left, 100)
        assert "SCHEDULED_TRANSITION_CANCEL" in events
        assert "SCHEDULED_TRANSITION_FIRE" not in events


async def test_a_segmented_fire_that_fails_later_leaves_the_timer(world: World) -> None:
    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": False, "error": {"message": "no money", "code": "X"}}

    InProcessMember(world.node, work)
    order = await world.prepare(processors=[PROCESSOR | {"executionMode": "COMMIT_BEFORE_DISPATCH"}])
    timer = await world.due(order)
    assert await world.fire(timer) == "failed"
    assert await world.timers(order) == [timer]
    assert await world.state(order) == "A"
    assert len(await world.changes(order)) == 2


# --- several nodes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late", "settings_of_late", "outcome", "event"),
    [
        (timedelta(0), {}, "fired", "SCHEDULED_TRANSITION_FIRE"),
        (timedelta(0), {"criterion": amount("LESS_THAN", 0)}, "not matched", "TRANSITION_NOT_MATCH_CRITERION"),
        (timedelta(seconds=9), {"schedule": {"delayMs": 1, "timeoutMs": 1}}, "expired", "SCHEDULED_TRANSITION_EXPIRE"),
    ],
)
async def test_of_two_nodes_that_fire_a_timer_at_once_one_takes_effect(
    world: World, other_node: Node, late: timedelta, settings_of_late: dict[str, Any], outcome: str, event: str
) -> None:
    order = await world.prepare(**settings_of_late)
    timer = await world.due(order, late=late)
    nodes = [world.node, other_node] * 3
    outcomes = await asyncio.gather(*(world.fire(timer, node=node) for node in nodes))
    assert outcomes.count(outcome) == 1
    assert set(outcomes) <= {outcome, "lost", "gone"}
    assert (await world.last_events(order, 100)).count(event) == 1
    assert len(await world.changes(order)) == (2 if outcome == "fired" else 1)
    assert await world.timers(order) == []


async def test_nodes_share_what_is_due_and_each_timer_fires_once(world: World, other_node: Node) -> None:
    await world.prepare()
    documents = [{"amount": number, "name": "x"} for number in range(250)]
    (chunk, *more) = ok(await world.api.post("/entity/JSON/order/1?transactionWindow=1000", json=documents))
    orders = [entity_id for part in (chunk, *more) for entity_id in part["entityIds"]]
    world.clock.advance(DELAY)
    schedulers = [scheduler_of(world.node), scheduler_of(other_node)]
    await asyncio.gather(*(scheduler.scan() for scheduler in schedulers))
    for scheduler in schedulers:
        await scheduler.settled()
    assert {await world.state(order) for order in orders} == {"C"}
    assert {len(await world.changes(order)) for order in orders[::10]} == {2}


async def test_a_timer_of_a_node_that_stopped_half_way_fires_once_on_another(world: World, other_node: Node) -> None:
    reached, asked = asyncio.Event(), []

    async def hang(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        reached.set()
        await asyncio.Event().wait()
        return {}

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request)
        return {"success": True}

    InProcessMember(world.node, hang)
    InProcessMember(other_node, work)
    order = await world.prepare(processors=[PROCESSOR])
    await world.due(order)
    dying = scheduler_of(world.node)
    await dying.scan()
    await reached.wait()
    assert await scheduler_scan(other_node) == 0  # nobody takes over before the back-off is over
    await dying.stop()
    assert await world.state(order) == "A"
    world.clock.advance(BACKOFF)
    assert await scheduler_scan(other_node) == 1
    assert len(asked) == 1
    assert await world.state(order) == "C"
    assert len(await world.changes(order)) == 2
