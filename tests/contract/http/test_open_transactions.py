"""Transactions that wait for members cost memory only: no thread, no database connection (contract: engine 5)."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import entity, model, ok, workflow
from workflows.compute.members import Member, Pending
from workflows.core.entity import ModelKey
from workflows.services.entities import Committed, create_entity

ANN = Principal(tenant="acme", user_id="ann", kind="user")
OPEN = 2_000
CREATING: dict[str, Any] = {
    "version": "1.3", "name": "w", "initialState": "A",
    "states": {
        "A": {"transitions": [{"name": "go", "next": "B", "processors": [
            {"name": "p", "config": {"calculationNodesTags": "slow", "responseTimeoutMs": 600_000}},
        ]}]},
        "B": {},
    },
}  # fmt: skip


@pytest.fixture
def settings() -> dict[str, str]:
    return {"CYODA_MEMBER_MAX_IN_FLIGHT": str(OPEN)}


class Withholding:
    """A member that answers only when told to."""

    def __init__(self, node: Node) -> None:
        self.owed: list[Pending] = []
        self.all_asked = asyncio.Event()
        self._member = Member(
            id=uuid4(), tenant="acme", tags=("slow",), send=self._take, clock=node.platform.clock
        )  # fmt: skip
        node.members.add(self._member)

    def _take(self, pending: Pending) -> None:
        pending.written()
        self.owed.append(pending)
        if len(self.owed) == OPEN:
            self.all_asked.set()

    def answer(self) -> None:
        for pending in self.owed:
            self._member.receive(json.dumps({"requestId": pending.question.id, "success": True}).encode())


async def test_two_thousand_open_transactions_hold_no_thread_and_no_connection(
    api: httpx.AsyncClient, node: Node
) -> None:
    await model(api)
    await workflow(api, definition=CREATING)
    await model(api, "note")
    member = Withholding(node)
    threads = threading.active_count()

    def create() -> asyncio.Task[Committed]:
        return asyncio.ensure_future(
            create_entity(
                ANN, ModelKey("order", 1), b'{"amount":1,"name":"a"}', data_format="JSON", platform=node.platform
            )
        )

    waiting = [create() for _ in range(OPEN)]
    try:
        await asyncio.wait_for(member.all_asked.wait(), 60)
        # The pool has 4 connections: were they held, none of these would be answered.
        for _ in range(5):
            note = await asyncio.wait_for(entity(api, name="note"), 10)
            ok(await asyncio.wait_for(api.get(f"/entity/{note}"), 10))
        assert threading.active_count() <= threads
        assert {f"cyoda_dispatch_in_flight {OPEN:.1f}", "cyoda_dispatch_waiting 0.0", "cyoda_members 1.0"} <= {
            *node.metrics.text().decode().splitlines()
        }
        assert not any(task.done() for task in waiting)
        assert ok(await api.get("/entity/stats/order/1"))["count"] == 0
        member.answer()
        done = await asyncio.wait_for(asyncio.gather(*waiting), 120)
    finally:
        for task in waiting:
            task.cancel()
    assert len({entity_id for created in done for entity_id in created.entity_ids}) == OPEN
    states = ok(await api.get("/entity/stats/states/order/1"))
    assert [(row["state"], row["count"]) for row in states] == [("B", OPEN)]
    assert node.platform.transactions.joinable == 0
    answered = f'cyoda_dispatch_duration_seconds_count{{kind="processor",outcome="answered"}} {OPEN:.1f}'
    assert {answered, "cyoda_dispatch_in_flight 0.0"} <= {*node.metrics.text().decode().splitlines()}
