"""Warnings of the engine and of members in replies (contract: engine 0; grpc 4, 13.4)."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.contract.grpc.conftest import Client, Node
from tests.contract.grpc.flows import CRITERION, FUNCTION, GUARDED, PROCESSED, RATE, asked, flow, rate, say
from tests.contract.grpc.orders import ORDER, created, entity_request

NONE_IMPORTED = "no workflows imported for model — using default workflow"
NONE_MATCHED = "no imported workflow matched entity — using default workflow"
NEVER = {"type": "simple", "jsonPath": "$.orderNo", "operatorType": "EQUALS", "value": "nobody's"}


async def create(client: Client) -> dict[str, Any]:
    payload = {"model": ORDER, "data": {"orderNo": "A-1"}}
    return await entity_request(client, "Create", dataFormat="JSON", payload=payload)


async def test_whoever_writes_is_told_that_no_workflow_was_imported(orders: Client) -> None:
    reply = await create(orders)
    assert reply["warnings"] == [NONE_IMPORTED]
    (entity_id,) = reply["transactionInfo"]["entityIds"]
    change = {"entityId": entity_id, "data": {"orderNo": "A-2"}}
    assert (await entity_request(orders, "Update", dataFormat="JSON", payload=change))["warnings"] == [NONE_IMPORTED]
    patch = {"entityId": entity_id, "patch": {"total": 1.5}, "ifMatch": "*"}
    patched = await entity_request(orders, "Patch", patchFormat="MERGE_PATCH", payload=patch)
    assert patched["warnings"] == [NONE_IMPORTED]
    refused = await entity_request(orders, "Transition", entityId=entity_id, transition="ghost")
    assert (refused["success"], refused["warnings"]) == (False, [NONE_IMPORTED])
    ((_, batch),) = await orders.many(
        "entityManageCollection", "EntityUpdateCollectionRequest", {"dataFormat": "JSON", "payloads": [change, change]}
    )
    assert batch["warnings"] == [NONE_IMPORTED, NONE_IMPORTED]


async def test_whoever_creates_is_told_that_no_workflow_matched_and_otherwise_nothing(
    orders: Client, node: Node
) -> None:
    await flow(node, RATE, criterion=NEVER)
    assert (await create(orders))["warnings"] == [NONE_MATCHED]
    await flow(node, RATE)
    assert "warnings" not in await create(orders)


async def test_warnings_of_every_kind_of_callout_reach_the_caller_in_their_order(orders: Client, node: Node) -> None:
    later = {"name": "later", "next": "OTHER", "schedule": {"function": FUNCTION}}
    states = {
        "NEW": {"transitions": [PROCESSED | GUARDED]}, "RATED": {"transitions": [later]}, "OTHER": {},
    }  # fmt: skip
    await flow(node, states=states, criterion=CRITERION)
    member = await orders.member(("rating",))
    creating = asyncio.ensure_future(created(orders))
    await say(member, (await asked(member, "criteria"))[0], "criteria", matches=True)
    moving = rate(orders, await creating)
    schedule = {"resultKind": "Schedule", "result": {"fireAfterMs": 60_000}}
    for kind, answer in (("criteria", {"matches": True}), ("processor", {}), ("function", schedule)):
        await say(member, (await asked(member, kind))[0], kind, warnings=[f"{kind} 1", f"{kind} 2"], **answer)
    names = {"criteria": "isVip", "processor": "enrich", "function": "due"}
    told = [f"{kind} {name}: {kind} {number}" for kind, name in names.items() for number in (1, 2)]
    assert await moving == {"id": "c1", "success": True, "warnings": told}
