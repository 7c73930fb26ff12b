"""Entities whose workflow asks a calculation member, over gRPC (contract: grpc 12-16; checklist 12, 14, 17, 18)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from tests.contract.grpc.conftest import ANN, Client, MemberClient, Node
from tests.contract.grpc.orders import KEY, NIL, ORDER, by_number, created, entity_request, read
from workflows.services.workflow_documents import import_workflows

WORKFLOW = {
    "importMode": "REPLACE",
    "workflows": [
        {
            "version": "1.0",
            "name": "order-wf",
            "initialState": "NEW",
            "active": True,
            "states": {
                "NEW": {
                    "transitions": [
                        {
                            "name": "rate",
                            "next": "RATED",
                            "manual": True,
                            "processors": [
                                {
                                    "type": "externalized",
                                    "name": "enrich",
                                    "executionMode": "SYNC",
                                    "config": {"calculationNodesTags": "rating", "responseTimeoutMs": 500},
                                }
                            ],
                        }
                    ]
                },
                "RATED": {"transitions": []},
            },
        }
    ],
}


@pytest.fixture
async def rated(orders: Client, node: Node) -> Client:
    """Orders whose workflow asks a member."""
    await import_workflows(ANN, KEY, json.dumps(WORKFLOW).encode(), platform=node.platform)
    return orders


def rate(client: Client, entity_id: str) -> asyncio.Task[dict[str, Any]]:
    return asyncio.ensure_future(entity_request(client, "Transition", entityId=entity_id, transition="rate"))


async def request_of(member: MemberClient) -> dict[str, Any]:
    return await member.receive("EntityProcessorCalculationRequest")


async def test_a_transition_runs_the_members_processor_and_passes_its_warnings_on(rated: Client) -> None:
    member = await rated.member(("rating",))
    entity_id = await created(rated)
    moving = rate(rated, entity_id)
    request = await request_of(member)
    assert request["payload"]["meta"]["state"] == "NEW"
    await member.answer(request, payload={"data": {"orderNo": "rated"}}, warnings=["old table"])
    assert await moving == {"id": "c1", "success": True, "warnings": ["processor enrich: old table"]}
    settled = await read(rated, entity_id)
    assert (settled["data"], settled["meta"]["state"]) == ({"orderNo": "rated"}, "RATED")


async def test_a_failing_processor_is_told_and_leaves_the_entity_alone(rated: Client) -> None:
    member = await rated.member(("rating",))
    entity_id = await created(rated)
    moving = rate(rated, entity_id)
    await member.answer(await request_of(member), success=False, error={"code": "X", "message": "no rate"})
    assert (await moving)["error"] == {
        "code": "CLIENT_ERROR",
        "message": "WORKFLOW_FAILED: processor enrich failed: processor dispatch failed: no rate",
    }
    assert (await read(rated, entity_id))["meta"]["state"] == "NEW"


async def test_dispatch_failures_are_retryable_and_leave_no_trace(rated: Client) -> None:
    entity_id = await created(rated)
    missing = (await rate(rated, entity_id))["error"]
    assert missing["retryable"] is True
    assert missing["message"].startswith("NO_COMPUTE_MEMBER_FOR_TAG: ")
    assert missing["message"].endswith('no matching calculation member: tags "rating"')
    member = await rated.member(("rating",))
    moving = rate(rated, entity_id)
    await request_of(member)
    assert (await moving)["error"] == {
        "code": "CLIENT_ERROR",
        "message": "DISPATCH_TIMEOUT: processor dispatch timed out after 500ms",
        "retryable": True,
    }
    moving = rate(rated, entity_id)
    await request_of(member)
    member.call.cancel()
    assert (await moving)["error"] == {
        "code": "CLIENT_ERROR",
        "message": "COMPUTE_MEMBER_DISCONNECTED: compute member disconnected during processor dispatch",
        "retryable": True,
    }
    changes = await rated.many("entitySearchCollection", "EntityChangesMetadataGetRequest", {"entityId": entity_id})
    assert len(changes) == 1


async def test_a_callback_with_the_token_writes_into_the_callers_transaction(rated: Client) -> None:
    member = await rated.member(("rating",))
    entity_id = await created(rated)
    moving = rate(rated, entity_id)
    event = await member.event()
    token, request = event.attributes["cyodatxtoken"].ce_string, json.loads(event.text_data)
    child = {"dataFormat": "JSON", "payload": {"model": ORDER, "data": {"orderNo": "child"}}}
    _, reply = await rated.one("entityManage", "EntityCreateRequest", child, bearer="acme-m2m", token=token)
    info = reply["transactionInfo"]
    assert info["transactionId"] == request["transactionId"]
    query = {"model": ORDER, "condition": by_number("child")}
    inside = await rated.many("entitySearchCollection", "EntitySearchRequest", query, bearer="acme-m2m", token=token)
    assert [frame["payload"]["meta"]["id"] for _, frame in inside] == info["entityIds"]
    assert await rated.many("entitySearchCollection", "EntitySearchRequest", query, token="") == []
    await member.answer(request)
    assert (await moving)["success"] is True
    assert (await read(rated, info["entityIds"][0]))["meta"]["transactionId"] == request["transactionId"]
    _, late = await rated.one("entityManage", "EntityCreateRequest", child, token=token)
    assert late["error"]["message"] == "TRANSACTION_NOT_FOUND: transaction not found or no longer active"


@pytest.mark.parametrize(
    ("rpc", "event_type", "reply_type", "request_id"),
    [
        ("entityManage", "EntityDeleteRequest", "EntityTransactionResponse", "c1"),
        ("entitySearch", "EntityGetRequest", "EntityResponse", "c1"),
        ("entityManageCollection", "EntityDeleteAllRequest", "EntityTransactionResponse", ""),
        ("entitySearchCollection", "EntitySearchRequest", "EntityResponse", ""),
    ],
)
async def test_a_forged_token_is_refused_in_the_rpcs_own_reply_type(
    orders: Client, rpc: str, event_type: str, reply_type: str, request_id: str
) -> None:
    if rpc.endswith("Collection"):
        (frame,) = await orders.many(rpc, event_type, {}, token="a.b")
    else:
        frame = await orders.one(rpc, event_type, {}, token="a.b")
    assert frame[0] == reply_type
    assert (frame[1]["id"], frame[1]["requestId"]) == (request_id, request_id)
    assert frame[1]["error"] == {"code": "CLIENT_ERROR", "message": "UNAUTHORIZED: invalid transaction token"}


async def test_an_internal_failure_shows_only_a_ticket(orders: Client, node: Node) -> None:
    await node.platform.storage.close()
    object.__setattr__(node.platform, "storage", None)
    _, reply = await orders.one("entitySearch", "EntityGetRequest", {"entityId": NIL})
    assert reply["error"]["code"] == "SERVER_ERROR"
    prefix, ticket = reply["error"]["message"].split("[ticket: ")
    assert prefix == "SERVER_ERROR: internal error "
    UUID(ticket.rstrip("]"))
