"""Scheduled transitions, row by row, on each store (contract: engine 4, 5.5)."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from cyoda.clock import ManualClock, system_clock
from cyoda.conf import load
from cyoda.principal import Actor
from cyoda.runtime import Node, build_node
from cyoda.serving import running, scheduler_of
from tenants.identity.keys import KeyPair
from tests.contract.http.compute import InProcessMember
from tests.contract.http.conftest import client_of, no_pages, pem_of
from tests.contract.http.steps import entity, model, ok, read, workflow
from tests.contract.http.test_audit import amount, states, told, trail
from tests.contract.http.timers.conftest import BACKOFF, DELAY, MS, PROCESSOR, SYSTEM, World, scheduler_scan
from workflows.storage.base import ChangeSet, Storage

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
    await scheduler_scan(world.node)
    assert (await told(world.api, order))[-1] == (
        "TRANSITION_NOT_MATCH_CRITERION", 'Transition "late" criterion not matched', "A"
    )  # fmt: skip
    assert len(await world.changes(order)) == 1
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 11}))
    assert await world.fire(await world.due(order)) == "fired"


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
    await scheduler_scan(world.node)
    await scheduler_scan(world.node)
    assert len(asked) == 1
    assert await world.timers(order) == [timer]
    assert await trail(world.api, order) == before
    world.clock.advance(BACKOFF)
    await scheduler_scan(world.node)
    assert len(asked) == 2
    world.clock.advance(BACKOFF)
    await scheduler_scan(world.node)
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
    await scheduler_scan(world.node)
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
        order = await world.prepare(schedule={"delayMs": 1000})
        (armed,) = await world.timers(order)
        left = await entity(api)
        ok(await api.put(f"/entity/JSON/{left}/leave", json={"amount": 1}))
        async with asyncio.timeout(10):
            while await world.state(order) != "C":
                await asyncio.sleep(0.05)
        fired_at = datetime.fromisoformat((await world.changes(order))[0]["timeOfChange"])
        assert timedelta() <= fired_at - armed.due_at < timedelta(seconds=2.2)
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
