"""Requests about orders, as the gRPC suites send them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.contract.grpc.conftest import Client
from workflows.core.entity import ModelKey

ORDER = {"name": "order", "version": 1}
KEY = ModelKey("order", 1)
NIL = str(UUID(int=0))


async def model_request(client: Client, verb: str, **members: Any) -> dict[str, Any]:
    event_type = f"EntityModel{verb}Request"
    reply_type, reply = await client.one("entityModelManage", event_type, {"model": ORDER, **members})
    assert reply_type == event_type.replace("Request", "Response")
    assert reply.pop("id") == "c1"
    assert "requestId" not in reply
    return reply


async def entity_request(client: Client, verb: str, **members: Any) -> dict[str, Any]:
    _, reply = await client.one("entityManage", f"Entity{verb}Request", members)
    assert reply["id"] == "c1"
    return reply


async def created(client: Client, data: Any = None) -> str:
    """The id of a new order."""
    payload = {"model": ORDER, "data": data if data is not None else {"orderNo": "A-1", "total": 12.5}}
    reply = await entity_request(client, "Create", dataFormat="JSON", payload=payload)
    return reply["transactionInfo"]["entityIds"][0]


async def read(client: Client, entity_id: str) -> dict[str, Any]:
    reply = (await client.one("entitySearch", "EntityGetRequest", {"entityId": entity_id}))[1]
    return reply["payload"]


def by_number(text: str) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": "$.orderNo", "operatorType": "EQUALS", "value": text}
