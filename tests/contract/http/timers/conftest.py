"""The world of the timer suites: a clock that stands still, each store, and a second node on the same data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.runtime import Node, build_node
from cyoda.serving import scheduler_of
from tests.contract.http.conftest import no_pages
from tests.contract.http.steps import entity, model, ok, read, workflow
from tests.contract.http.test_audit import states, told
from tests.contract.stores import BACKENDS, empty_store, new_prefix, store_at
from workflows.core.timer import Timer
from workflows.services.timers import fire_timer
from workflows.storage.base import Storage

DELAY = timedelta(seconds=5)
MS = timedelta(milliseconds=1)
BACKOFF = timedelta(seconds=30)
PROCESSOR = {"name": "charge", "config": {"calculationNodesTags": ""}}
SYSTEM = {"id": "system", "kind": "system"}


@pytest.fixture
def clock() -> ManualClock:
    """Stands still, so that lateness is exact."""
    return ManualClock()


@pytest.fixture(params=BACKENDS)
def new_storage(request: pytest.FixtureRequest) -> Callable[[], Storage]:
    """Each call gives another node's way to the same data; a memory store has only one."""
    if request.param == "memory":
        only = empty_store(None)
        return lambda: only
    return partial(store_at, request.getfixturevalue("postgres_url"), new_prefix())


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


async def scheduler_scan(node: Node) -> None:
    """One scan, and what it began ended."""
    scheduler = scheduler_of(node)
    await scheduler.scan()
    await scheduler.settled()
