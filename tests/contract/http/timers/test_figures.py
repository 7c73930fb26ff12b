"""What a node's metrics tell of timers: armed, fired, expired, lost, and how late (contract: engine 4.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from cyoda.serving import scheduler_of
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import entity, ok
from tests.contract.http.test_figures import figures
from tests.contract.http.timers.conftest import DELAY, PROCESSOR, World

NAMES = ("cyoda_timers_armed_total", "cyoda_timers_total", "cyoda_timer_lateness_seconds")


def told(world: World) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in figures(world.node, *NAMES))
    return {name: float(value) for name, _, value in lines if float(value)}


async def scan(world: World) -> None:
    scheduler = scheduler_of(world.node)
    await scheduler.scan()
    await scheduler.settled()


async def test_what_fires_is_counted_with_its_lateness(world: World) -> None:
    order = await world.prepare()
    await entity(world.api)
    assert told(world) == {"cyoda_timers_armed_total": 2.0}
    await world.due(order, late=timedelta(milliseconds=300))
    await scan(world)
    figures = told(world)
    assert figures['cyoda_timers_total{outcome="fired"}'] == figures["cyoda_timer_lateness_seconds_count"] == 2.0
    assert figures["cyoda_timer_lateness_seconds_sum"] == 0.6
    assert figures['cyoda_timer_lateness_seconds_bucket{le="0.5"}'] == 2.0
    assert 'cyoda_timer_lateness_seconds_bucket{le="0.25"}' not in figures


async def test_what_does_not_fire_is_counted_by_its_end(world: World) -> None:
    async def interfere(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 2}))
        return {"success": True}

    order = await world.prepare(schedule={"delayMs": 5000, "timeoutMs": 1000})
    await world.due(order, late=timedelta(milliseconds=1050))
    await scan(world)  # within the grace: it stays as it is, which is no arming
    await world.due(order, late=timedelta(milliseconds=1101))
    await scan(world)
    await world.define(processors=[PROCESSOR])
    ok(await world.api.put(f"/entity/JSON/{order}", json={"amount": 1}))
    await world.due(order)
    await scan(world)
    InProcessMember(world.node, interfere)
    world.clock.advance(6 * DELAY)
    await scan(world)
    assert told(world) == {
        "cyoda_timers_armed_total": 3.0,
        **{f'cyoda_timers_total{{outcome="{end}"}}': 1.0 for end in ("dropped", "expired", "failed", "lost")},
    }
