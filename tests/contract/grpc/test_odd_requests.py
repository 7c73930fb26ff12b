"""Requests without ids, with members nobody knows, and by callers nobody knows (contract: grpc 2.3, 6, 15.3, 16.5)."""

from __future__ import annotations

import json
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from cyoda.principal import Principal
from tests.contract.grpc.conftest import PRINCIPALS, Client, Node, _metadata
from tests.contract.grpc.flows import PROCESSED, flow, rate
from tests.contract.grpc.orders import ORDER, created, read
from tests.contract.grpc.requests import PLACEHOLDERS, REQUESTS, ROUTES, STREAMING
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

REQUIRED = [
    (rpc.name, event_type, name)
    for rpc, event_type, _ in ROUTES
    for name in REQUESTS[event_type]
    if name in {"model", "payload", "payloads", "entityId", "snapshotId", "condition", "dataFormat", "transition"}
    and (event_type, name) not in {("EntityStatsGetRequest", "model"), ("EntityStatsByStateGetRequest", "model")}
]


async def frames(client: Client, rpc: str, event: CloudEvent, token: str | None = None) -> list[CloudEvent]:
    call = getattr(client.stub, rpc)(event, metadata=_metadata("acme-user", token))
    return [frame async for frame in call] if rpc in STREAMING else [await call]


async def test_an_event_and_a_payload_may_come_without_ids_and_with_members_nobody_knows(orders: Client) -> None:
    entity_id = await created(orders)
    extra = {"success": True, "warnings": [], "owner": "PLAY", "error": None}
    for rpc, event_type, payload in (
        ("entitySearch", "EntityGetRequest", {"entityId": entity_id}),
        ("entitySearchCollection", "EntityGetAllRequest", {"model": ORDER | {"owner": "PLAY"}}),
        ("entityManage", "EntityDeleteRequest", {"entityId": entity_id}),
    ):
        (reply,) = await frames(orders, rpc, CloudEvent(type=event_type, text_data=json.dumps(payload | extra)))
        body = json.loads(reply.text_data)
        assert (body["success"], body["id"], body["requestId"]) == (True, "", "")
        assert reply.id


@pytest.mark.parametrize("backend", ["memory"])
@pytest.mark.parametrize(("rpc", "event_type", "name"), REQUIRED)
async def test_a_request_without_a_required_member_is_an_invalid_argument(
    client: Client, rpc: str, event_type: str, name: str
) -> None:
    payload = {key: value for key, value in REQUESTS[event_type].items() if key != name}
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await frames(client, rpc, CloudEvent(id="c1", type=event_type, text_data=json.dumps(payload)))
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.value.details() or "").startswith("invalid payload: ")


@pytest.mark.parametrize("backend", ["memory"])
@pytest.mark.parametrize(
    ("rpc", "event_type"),
    [("entityManage", "EntityCreateRequest"), ("entitySearchCollection", "EntitySearchRequest")],
)
async def test_a_join_that_fails_for_another_reason_shows_only_a_ticket(
    client: Client, node: Node, rpc: str, event_type: str
) -> None:
    object.__setattr__(node.platform, "transactions", None)
    event = CloudEvent(id="c1", type=event_type, text_data=json.dumps(REQUESTS[event_type]))
    (reply,) = await frames(client, rpc, event, "a.b")
    body = json.loads(reply.text_data)
    error, request_id = body.pop("error"), "" if rpc in STREAMING else "c1"
    assert error["code"] == "SERVER_ERROR"
    assert error["message"].startswith("SERVER_ERROR: internal error [ticket: ")
    assert body == {"success": False, **PLACEHOLDERS[reply.type], "id": request_id, "requestId": request_id}


async def test_a_caller_of_an_unknown_kind_is_never_passed_on_to_a_member(
    orders: Client, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    robot = Principal(tenant="acme", user_id="r2", kind=cast(Any, "robot"), roles=())
    monkeypatch.setitem(PRINCIPALS, "Bearer acme-user", robot)
    reply = await rate(orders, entity_id)
    assert reply["error"]["message"].startswith("SERVER_ERROR: internal error [ticket: ")
    assert (await read(orders, entity_id))["meta"]["state"] == "NEW"
    monkeypatch.undo()
    moving = rate(orders, entity_id)
    event = await member.event()  # the first one that it gets
    assert event.attributes["authid"].ce_string == "ann"
    await member.answer(json.loads(event.text_data))
    assert (await moving)["success"]
