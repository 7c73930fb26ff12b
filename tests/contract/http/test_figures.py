"""What a node's metrics tell of callouts and transactions (docs/adr/0008)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import entity, model, refused, workflow


def asking(tags: str) -> dict[str, Any]:
    """A new entity asks a member with these tags."""
    work = {"name": "p", "config": {"calculationNodesTags": tags, "responseTimeoutMs": 30}}
    go = {"name": "go", "next": "B", "processors": [work]}
    return {"version": "1.3", "name": "w", "initialState": "A", "states": {"A": {"transitions": [go]}, "B": {}}}


def figures(node: Node, *names: str) -> set[str]:
    """The lines of these metrics, without comments and moments."""
    lines = node.metrics.text().decode().splitlines()
    return {line for line in lines if line.startswith(names) and "_created" not in line}


async def test_callouts_are_counted_by_tag_and_by_member(api: httpx.AsyncClient, node: Node) -> None:
    async def sometimes(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        if len(answers) > 1:
            await asyncio.Event().wait()
        answers.append(1)
        return {"success": len(answers) == 1}

    answers: list[int] = []
    await model(api)
    await workflow(api, definition=asking("risk,fraud"))
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 503, "NO_COMPUTE_MEMBER_FOR_TAG")
    member = InProcessMember(node, sometimes, tags=("risk", "a"))
    (connected,) = node.members.members()
    await entity(api)
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 400, "WORKFLOW_FAILED")
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 503, "DISPATCH_TIMEOUT")
    assert figures(node, "cyoda_dispatch_total", "cyoda_member_", "cyoda_tx_total") == {
        *(
            f'cyoda_dispatch_total{{outcome="{outcome}",tags="risk,fraud"}} 1.0'
            for outcome in ("no_member", "answered", "refused", "timed_out")
        ),
        *(
            f'cyoda_member_dispatch_total{{member="{connected.id}",outcome="{outcome}"}} 1.0'
            for outcome in ("answered", "refused", "timed_out")
        ),
        f'cyoda_member_in_flight{{member="{connected.id}",tags="a,risk"}} 0.0',
        'cyoda_tx_total{outcome="committed"} 1.0',
        'cyoda_tx_total{outcome="rolled_back"} 3.0',
    }
    member.leave(node)
    assert figures(node, "cyoda_member_") == set()


async def test_each_segment_of_an_operation_counts_as_a_transaction(api: httpx.AsyncClient, node: Node) -> None:
    InProcessMember(node)
    await model(api)
    definition = asking("")
    definition["states"]["A"]["transitions"][0]["processors"][0]["executionMode"] = "COMMIT_BEFORE_DISPATCH"
    await workflow(api, definition=definition)
    await entity(api)
    assert figures(node, "cyoda_tx_total") == {'cyoda_tx_total{outcome="committed"} 2.0'}
