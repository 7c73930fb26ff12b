"""Rows of the conformance checklist that no other suite here holds (contract: grpc 23; the numbers are its rows)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

import grpc
import pytest

from tests.contract.grpc.conftest import PRINCIPALS, Client, Node, _event, _metadata
from tests.contract.grpc.flows import (
    CRITERION,
    GUARDED,
    PROCESSED,
    PROCESSOR,
    RATE,
    asked,
    flow,
    rate,
    say,
)
from tests.contract.grpc.orders import ORDER, by_number, created, entity_request, read
from tests.contract.grpc.requests import ENTITY_ID, MATCH_ALL, PLACEHOLDERS, REQUESTS, ROUTES, STREAMING
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

NONE = {"name": "none", "version": 1}


async def replied(client: Client, rpc: str, event_type: str, payload: Any) -> tuple[str, dict[str, Any]]:
    """Type and payload of the only reply of an rpc of either shape."""
    if rpc in STREAMING:
        (frame,) = await client.many(rpc, event_type, payload)
        return frame
    return await client.one(rpc, event_type, payload)


# --- 5 and 11: the form of replies --------------------------------------------------------------------------------


async def test_5_every_frame_is_an_event_of_its_own_about_the_same_request(orders: Client) -> None:
    await created(orders)
    await created(orders)
    request = _event("EntityGetAllRequest", {"model": ORDER})
    call = orders.stub.entitySearchCollection(request, metadata=_metadata("acme-user", None))
    frames = [frame async for frame in call]
    ids = {UUID(frame.id) for frame in frames}
    assert len(ids) == 2
    assert {each.version for each in ids} == {4}
    assert {(json.loads(frame.text_data)["id"], json.loads(frame.text_data)["requestId"]) for frame in frames} == {
        ("c1", "c1")
    }


@pytest.mark.parametrize("backend", ["memory"])
@pytest.mark.parametrize(("rpc", "event_type"), [(rpc.name, event_type) for rpc, event_type, _ in ROUTES])
async def test_11_every_failing_reply_has_its_placeholders(
    orders: Client, node: Node, rpc: str, event_type: str
) -> None:
    for part in ("storage", "configurations", "transactions"):
        object.__setattr__(node.platform, part, None)
    reply_type, reply = await replied(orders, rpc, event_type, REQUESTS[event_type])
    error = reply.pop("error")
    assert error.keys() == {"code", "message"}
    assert error["message"].startswith("SERVER_ERROR: internal error [ticket: ")
    assert reply == {"id": "c1", "success": False, **PLACEHOLDERS[reply_type]}


# --- 8 and 10: refused reads --------------------------------------------------------------------------------------


async def test_8_a_bad_regular_expression_is_told_in_the_envelope(orders: Client) -> None:
    await created(orders)
    condition = {"type": "simple", "jsonPath": "$.orderNo", "operatorType": "MATCHES_PATTERN", "value": "("}
    payload = {"model": ORDER, "condition": condition}
    _, reply = await replied(orders, "entitySearchCollection", "EntitySearchRequest", payload)
    assert reply["error"]["code"] == "CLIENT_ERROR"
    assert reply["error"]["message"].startswith("INVALID_CONDITION: ")


@pytest.mark.parametrize(
    "event_type",
    ["EntityGetAllRequest", "EntitySearchRequest", "EntityStatsGetRequest", "EntityStatsByStateGetRequest"],
)
async def test_10_an_unknown_model_is_one_frame(orders: Client, event_type: str) -> None:
    payload = {"model": NONE, "condition": MATCH_ALL}
    _, reply = await replied(orders, "entitySearchCollection", event_type, payload)
    assert reply["error"]["code"] == "CLIENT_ERROR"
    assert reply["error"]["message"].startswith("MODEL_NOT_FOUND: ")


# --- 12, 15, 16, 20: what members are told and what they may change -----------------------------------------------


async def test_12_a_member_changes_the_document_and_nothing_else(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    moving = rate(orders, entity_id)
    request, _ = await asked(member)
    meta = {"id": ENTITY_ID, "state": "OTHER", "modelKey": NONE}
    await say(member, request, payload={"type": "TREE", "data": {"total": 3}, "meta": meta})
    assert (await moving)["success"]
    payload = await read(orders, entity_id)
    assert (payload["type"], payload["data"]) == ("JSON", {"total": 3})
    assert (payload["meta"]["id"], payload["meta"]["state"], payload["meta"]["modelKey"]) == (
        entity_id, "RATED", ORDER
    )  # fmt: skip


@pytest.mark.parametrize("document", [{"new": [1]}, [1, 2], "text", 7])
async def test_12_a_members_document_is_taken_as_it_stands(orders: Client, node: Node, document: Any) -> None:
    """Engine 3.2 says so outright; grpc 13.1 speaks of a check against the model, which its reference does not make."""
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    moving = rate(orders, entity_id)
    await say(member, (await asked(member))[0], payload={"data": document})
    assert (await moving)["success"]
    assert (await read(orders, entity_id))["data"] == document


async def test_15_annotations_are_never_sent(orders: Client, node: Node) -> None:
    notes = {"annotations": {"note": "private"}}
    transition = {**RATE, "processors": [{**PROCESSOR, **notes}], "criterion": CRITERION, **notes}
    await flow(node, {**transition, "criterionAnnotations": {"note": "private"}}, **notes)
    member = await orders.member(("rating",))
    moving = rate(orders, await created(orders))
    for kind, answer in (("criteria", {"matches": True}), ("processor", {})):
        request, _ = await asked(member, kind)
        assert "private" not in json.dumps(request)
        await say(member, request, kind, **answer)
    assert (await moving)["success"]


@pytest.mark.parametrize(
    ("bearer", "expected"),
    [("acme-user", ("user", "ann", "ROLE_USER")), ("acme-m2m", ("service", "acme-node", "ROLE_M2M"))],
)
async def test_16_a_member_learns_whose_request_it_serves(
    orders: Client, node: Node, bearer: str, expected: tuple[str, str, str]
) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    payload = {"entityId": await created(orders), "transition": "rate"}
    moving = asyncio.ensure_future(orders.one("entityManage", "EntityTransitionRequest", payload, bearer=bearer))
    event = await member.event()
    assert tuple(event.attributes[name].ce_string for name in ("authtype", "authid", "authclaims")) == expected
    await member.answer(json.loads(event.text_data))
    assert (await moving)[1]["success"]


async def test_20_numbers_survive_create_callout_response_and_search(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    data = '{"orderNo":"n","max":9223372036854775807,"total":0.10}'
    create = f'{{"id":"j","dataFormat":"JSON","payload":{{"model":{json.dumps(ORDER)},"data":{data}}}}}'
    _, reply = await orders.one("entityManage", "EntityCreateRequest", create)
    moving = rate(orders, reply["transactionInfo"]["entityIds"][0])
    event = await member.event()
    assert f'"data":{data},' in event.text_data
    request_id = json.loads(event.text_data)["requestId"]
    changed = data.replace("0.10", "1234567890.123456789")
    answer = f'{{"requestId":"{request_id}","success":true,"payload":{{"data":{changed}}}}}'
    await member.send("EntityProcessorCalculationResponse", answer)
    assert (await moving)["success"], await moving
    largest = {"type": "simple", "jsonPath": "$.max", "operatorType": "EQUALS", "value": 2**63 - 1}
    request = _event("EntitySearchRequest", {"model": ORDER, "condition": largest})
    call = orders.stub.entitySearchCollection(request, metadata=_metadata("acme-user", None))
    assert [changed in frame.text_data async for frame in call] == [True]


async def test_1_a_token_that_expires_during_a_stream_leaves_the_stream_alone(
    orders: Client, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    monkeypatch.delitem(PRINCIPALS, "Bearer acme-m2m")
    assert (await orders.stream().end())[0] == grpc.StatusCode.UNAUTHENTICATED
    moving = rate(orders, await created(orders))
    await say(member, (await asked(member))[0])
    assert (await moving)["success"]


# --- 18: callbacks ------------------------------------------------------------------------------------------------


def child(number: str) -> dict[str, Any]:
    return {"dataFormat": "JSON", "payload": {"model": ORDER, "data": {"orderNo": number}}}


async def test_18_what_a_callback_wrote_goes_with_its_parent(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    moving = rate(orders, entity_id)
    request, token = await asked(member)
    _, reply = await orders.one("entityManage", "EntityCreateRequest", child("c"), bearer="acme-m2m", token=token)
    assert reply["success"]
    await say(member, request, success=False, error={"message": "no"})
    assert (await moving)["success"] is False
    query = {"model": ORDER, "condition": by_number("c")}
    assert await orders.many("entitySearchCollection", "EntitySearchRequest", query) == []


async def test_18_a_criterion_reads_what_is_not_committed_yet(orders: Client, node: Node) -> None:
    await flow(node, GUARDED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    update = {"entityId": entity_id, "data": {"orderNo": "fresh"}, "transition": "rate"}
    moving = asyncio.ensure_future(entity_request(orders, "Update", dataFormat="JSON", payload=update))
    request, token = await asked(member, "criteria")
    _, inside = await orders.one("entitySearch", "EntityGetRequest", {"entityId": entity_id}, token=token)
    assert request["payload"]["data"] == inside["payload"]["data"] == {"orderNo": "fresh"}
    assert (await read(orders, entity_id))["data"]["orderNo"] == "A-1"
    await say(member, request, "criteria", matches=True)
    assert (await moving)["success"]


async def test_18_a_callback_may_call_out_in_the_same_transaction(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    outer_id, inner_id = await created(orders), await created(orders)
    outer = rate(orders, outer_id)
    outer_request, token = await asked(member)
    payload = {"entityId": inner_id, "transition": "rate"}
    inner = asyncio.ensure_future(
        orders.one("entityManage", "EntityTransitionRequest", payload, bearer="acme-m2m", token=token)
    )
    inner_request, _ = await asked(member)
    assert inner_request["entityId"] == inner_id
    assert inner_request["transactionId"] == outer_request["transactionId"]
    await say(member, inner_request)
    assert (await asyncio.wait_for(inner, 5))[1]["success"]
    assert (await read(orders, inner_id))["meta"]["state"] == "NEW"
    await say(member, outer_request)
    assert (await outer)["success"]
    assert {(await read(orders, each))["meta"]["state"] for each in (outer_id, inner_id)} == {"RATED"}


async def test_18_statistics_of_a_callback_count_what_is_not_committed_yet(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    moving = rate(orders, await created(orders))
    request, token = await asked(member)
    await orders.one("entityManage", "EntityCreateRequest", child("c"), bearer="acme-m2m", token=token)
    for event_type in ("EntityStatsGetRequest", "EntityStatsByStateGetRequest"):
        for payload in ({}, {"model": ORDER}):
            for join, count in ((token, 2), ("", 1)):
                ((_, frame),) = await orders.many("entitySearchCollection", event_type, payload, token=join)
                assert frame["count"] == count
    await say(member, request)
    assert (await moving)["success"]


def test_the_reply_types_of_the_catalogue_are_those_with_placeholders() -> None:
    assert {route.reply for _, _, route in ROUTES} == PLACEHOLDERS.keys()


async def test_4_the_two_forms_of_data_are_the_same_request(orders: Client) -> None:
    for _, event_type, _ in ROUTES:
        rpc = next(rpc.name for rpc, served, _ in ROUTES if served == event_type)
        if rpc not in STREAMING and "Get" in event_type:
            text = json.dumps(REQUESTS[event_type])
            replies = [
                await getattr(orders.stub, rpc)(event, metadata=_metadata("acme-user", None))
                for event in (
                    CloudEvent(id="c", type=event_type, text_data=text),
                    CloudEvent(id="c", type=event_type, binary_data=text.encode()),
                )
            ]
            assert replies[0].text_data == replies[1].text_data != ""
