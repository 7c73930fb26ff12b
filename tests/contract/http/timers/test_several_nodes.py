"""Scheduled transitions on two nodes with the same data (contract: engine 4.4, 4.5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from cyoda.runtime import Node
from cyoda.serving import scheduler_of
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import ok
from tests.contract.http.test_audit import amount
from tests.contract.http.timers.conftest import BACKOFF, DELAY, PROCESSOR, World, scheduler_scan


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
    await scheduler_scan(other_node)
    assert asked == []  # nobody takes over before the back-off is over
    await dying.stop()
    assert await world.state(order) == "A"
    world.clock.advance(BACKOFF)
    await scheduler_scan(other_node)
    assert len(asked) == 1
    assert await world.state(order) == "C"
    assert len(await world.changes(order)) == 2
