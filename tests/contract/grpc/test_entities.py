"""Models and entities over the unary and server-stream rpcs (contract: grpc 4-10; checklist 4-7, 10, 20)."""

from __future__ import annotations

import json
from typing import Any

import grpc
import grpc.aio
import pytest

from tests.contract.grpc.conftest import Client
from tests.contract.grpc.orders import KEY, NIL, ORDER, by_number, created, entity_request, model_request, read
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent


async def test_a_models_life(client: Client) -> None:
    model_id = str(KEY.id)
    sample = {"orderNo": "A-1"}
    imported = await model_request(client, "Import", converter="SAMPLE_DATA", dataFormat="JSON", payload=sample)
    assert imported == {"success": True, "modelId": model_id}
    as_xml = await model_request(
        client, "Import", converter="SAMPLE_DATA", dataFormat="XML", payload="<o><orderNo>A</orderNo></o>"
    )
    assert as_xml == {"success": True, "modelId": model_id}
    assert await model_request(client, "Transition", transition="LOCK") == {
        "success": True, "modelId": model_id, "state": "LOCKED",
    }  # fmt: skip
    exported = await model_request(client, "Export", converter="SIMPLE_VIEW")
    assert (exported["model"], exported["payload"]["currentState"]) == (ORDER, "LOCKED")
    assert (await model_request(client, "GetAll"))["models"] == [{"id": model_id, **ORDER, "state": "LOCKED"}]
    locked = (await model_request(client, "Delete"))["error"]
    assert locked["message"].startswith("MODEL_ALREADY_LOCKED: ")
    await model_request(client, "Transition", transition="UNLOCK")
    keys = [{"id": "byNo", "fields": ["$.orderNo"]}]
    assert (await model_request(client, "SetUniqueKeys", uniqueKeys=keys))["state"] == "UNLOCKED"
    assert await model_request(client, "Delete") == {"success": True}
    assert (await model_request(client, "GetAll"))["models"] == []


@pytest.mark.parametrize(
    ("verb", "members", "code", "placeholder"),
    [
        (
            "Import",
            {"converter": "SIMPLE_VIEW", "dataFormat": "JSON", "payload": {}},
            "BAD_REQUEST",
            {"modelId": NIL},
        ),
        (
            "Export",
            {"converter": "SIMPLE_VIEW"},
            "MODEL_NOT_FOUND",
            {"modelId": NIL, "model": {"name": "", "version": 0}, "payload": {}},
        ),
        ("Transition", {"transition": "LOCK"}, "MODEL_NOT_FOUND", {"modelId": NIL, "state": ""}),
        ("SetUniqueKeys", {"uniqueKeys": []}, "MODEL_NOT_FOUND", {"modelId": NIL, "state": ""}),
        ("Delete", {}, "MODEL_NOT_FOUND", {}),
    ],
)
async def test_a_refused_model_request_keeps_the_required_members(
    client: Client, verb: str, members: dict[str, Any], code: str, placeholder: dict[str, Any]
) -> None:
    reply = await model_request(client, verb, **members)
    error = reply.pop("error")
    assert error["code"] == "CLIENT_ERROR"
    assert error["message"].startswith(f"{code}: ")
    assert error.keys() == {"code", "message"}
    assert reply == {"success": False, **placeholder}


@pytest.mark.parametrize(
    ("event_type", "payload"),
    [
        ("EntityModelExportRequest", {"converter": "JSON_SCHEMA", "model": ORDER}),
        ("EntityModelExportRequest", {"converter": "SIMPLE_VIEW", "model": {"name": "order", "version": "1"}}),
        ("EntityModelTransitionRequest", {"model": ORDER, "transition": "lock"}),
        ("EntityModelTransitionRequest", {"model": ORDER}),
        ("EntityModelDeleteRequest", "{"),
        ("EntityModelDeleteRequest", "[]"),
    ],
)
async def test_a_payload_that_breaks_its_schema_is_an_invalid_argument(
    client: Client, event_type: str, payload: Any
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await client.one("entityModelManage", event_type, payload)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.value.details() or "").startswith("invalid payload: ")


async def test_an_entitys_life(orders: Client) -> None:
    entity_id = await created(orders)
    first = await read(orders, entity_id)
    assert first["type"] == "JSON"
    assert first["data"] == {"orderNo": "A-1", "total": 12.5}
    assert first["meta"]["modelKey"] == ORDER
    updated = await entity_request(
        orders,
        "Update",
        dataFormat="JSON",
        payload={"entityId": entity_id, "data": {"orderNo": "A-2", "total": 13.5}},
    )
    assert updated["requestId"] == "c1"
    assert updated["transactionInfo"]["entityIds"] == [entity_id]
    patched = await entity_request(
        orders,
        "Patch",
        patchFormat="MERGE_PATCH",
        payload={
            "entityId": entity_id,
            "ifMatch": updated["transactionInfo"]["transactionId"],
            "patch": {"total": 14.5},
        },
    )
    assert patched["success"] is True
    assert (await read(orders, entity_id))["data"] == {"orderNo": "A-2", "total": 14.5}
    as_of = {"entityId": entity_id, "pointInTime": first["meta"]["lastUpdateTime"]}
    earlier = (await orders.one("entityManage", "EntityGetRequest", as_of))[1]["payload"]
    assert earlier["data"] == first["data"]
    assert earlier["meta"]["pointInTime"] == first["meta"]["lastUpdateTime"]
    finer = {**as_of, "pointInTime": as_of["pointInTime"].rstrip("Z").ljust(26, "0") + "999Z"}
    assert (await orders.one("entityManage", "EntityGetRequest", finer))[1]["payload"] == earlier
    naive = {**as_of, "pointInTime": as_of["pointInTime"].rstrip("Z")}
    assert (await orders.one("entityManage", "EntityGetRequest", naive))[1]["payload"] == earlier
    deleted = await entity_request(orders, "Delete", entityId=entity_id)
    assert (deleted["success"], deleted["entityId"], deleted["model"]) == (True, entity_id, ORDER)
    frames = await orders.many("entitySearchCollection", "EntityChangesMetadataGetRequest", {"entityId": entity_id})
    assert {kind for kind, _ in frames} == {"EntityChangesMetadataResponse"}
    assert [frame["changeMeta"]["changeType"] for _, frame in frames] == ["DELETE", "UPDATE", "UPDATE", "CREATE"]
    assert frames[0][1]["changeMeta"]["user"] == "ann"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "PRECONDITION_REQUIRED: missing ifMatch: "),
        ({"ifMatch": ""}, "PRECONDITION_REQUIRED: missing ifMatch: "),
        ({"ifMatch": NIL}, "ENTITY_MODIFIED: "),
    ],
)
async def test_a_patch_needs_the_current_transaction_id(orders: Client, members: dict[str, Any], message: str) -> None:
    payload = {"entityId": await created(orders), "patch": {"total": 1.5}, **members}
    reply = await entity_request(orders, "Patch", patchFormat="MERGE_PATCH", payload=payload)
    assert reply["error"]["message"].startswith(message)
    assert reply["transactionInfo"] == {"entityIds": []}


async def test_a_star_patches_any_version_and_json_patch_is_not_implemented(orders: Client) -> None:
    payload = {"entityId": await created(orders), "patch": {"total": 1.5}, "ifMatch": "*"}
    assert (await entity_request(orders, "Patch", patchFormat="MERGE_PATCH", payload=payload))["success"]
    refused = await entity_request(orders, "Patch", patchFormat="JSON_PATCH", payload=payload)
    assert refused["error"]["message"].startswith("NOT_IMPLEMENTED: ")


@pytest.mark.parametrize("entity_id", [NIL, "no-uuid", ""])
async def test_an_unknown_entity_is_not_found_whatever_its_id_looks_like(orders: Client, entity_id: str) -> None:
    named = {"code": "CLIENT_ERROR", "message": f"ENTITY_NOT_FOUND: entity id={entity_id} not found"}
    got = (await orders.one("entitySearch", "EntityGetRequest", {"entityId": entity_id}))[1]
    assert got == {"id": "c1", "requestId": "c1", "success": False, "error": named, "payload": {"type": "JSON"}}
    deleted = await entity_request(orders, "Delete", entityId=entity_id)
    assert deleted == {
        "id": "c1", "requestId": "c1", "success": False, "error": named, "entityId": entity_id,
        "model": {"name": "", "version": 0}, "transactionId": NIL,
    }  # fmt: skip
    moved = await entity_request(orders, "Transition", entityId=entity_id, transition="x")
    assert moved == {"id": "c1", "success": False, "error": named}
    updated = await entity_request(
        orders, "Update", dataFormat="JSON", payload={"entityId": entity_id, "data": {"orderNo": "x"}}
    )
    assert updated["error"] == {"code": "CLIENT_ERROR", "message": "ENTITY_NOT_FOUND: entity not found"}
    (changes,) = await orders.many("entitySearchCollection", "EntityChangesMetadataGetRequest", {"entityId": entity_id})
    assert changes[1]["changeMeta"] == {"changeType": "", "timeOfChange": "0001-01-01T00:00:00Z", "user": ""}
    assert changes[1]["error"] == named


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-02", 7, "0001-01-01T00:00:00+10:00"])
async def test_a_point_in_time_that_is_none_is_an_invalid_argument(orders: Client, moment: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await orders.one("entitySearch", "EntityGetRequest", {"entityId": NIL, "pointInTime": moment})
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.value.details() or "").startswith("invalid payload: ")


async def test_another_tenants_entity_is_not_found(orders: Client) -> None:
    entity_id = await created(orders)
    _, reply = await orders.one("entitySearch", "EntityGetRequest", {"entityId": entity_id}, bearer="other-m2m")
    assert reply["error"]["message"] == f"ENTITY_NOT_FOUND: entity id={entity_id} not found"


async def test_an_array_creates_one_entity_of_each_element(orders: Client) -> None:
    payload = {"model": ORDER, "data": [{"orderNo": "1"}, {"orderNo": "2"}, {"orderNo": "3"}]}
    reply = await entity_request(orders, "Create", dataFormat="JSON", payload=payload)
    assert len(reply["transactionInfo"]["entityIds"]) == 3


async def test_the_same_event_as_bytes_gets_the_same_answer_as_text(orders: Client) -> None:
    text = '{"id":"j","entityId":"' + await created(orders) + '"}'
    metadata = (("authorization", "Bearer acme-user"),)
    as_text = await orders.stub.entitySearch(
        CloudEvent(id="c1", type="EntityGetRequest", text_data=text), metadata=metadata
    )
    as_bytes = await orders.stub.entitySearch(
        CloudEvent(id="c1", type="EntityGetRequest", binary_data=text.encode()), metadata=metadata
    )
    assert as_text.text_data == as_bytes.text_data
    assert as_text.id != as_bytes.id


async def test_numbers_pass_through_unchanged(orders: Client) -> None:
    data = '{"orderNo":"n","max":9223372036854775807,"total":12.50}'
    text = f'{{"dataFormat":"JSON","payload":{{"model":{json.dumps(ORDER)},"data":{data}}}}}'
    _, reply = await orders.one("entityManage", "EntityCreateRequest", text)
    reply = await orders.stub.entitySearch(
        CloudEvent(
            type="EntityGetRequest", text_data=json.dumps({"entityId": reply["transactionInfo"]["entityIds"][0]})
        ),
        metadata=(("authorization", "Bearer acme-user"),),
    )
    assert f'"data":{data},' in reply.text_data


async def test_a_batch_is_created_whole_or_not_at_all(orders: Client) -> None:
    good, bad = {"model": ORDER, "data": {"orderNo": "1"}}, {"model": {"name": "none", "version": 1}, "data": {}}
    (frame,) = await orders.many(
        "entityManageCollection", "EntityCreateCollectionRequest", {"dataFormat": "JSON", "payloads": [good, good]}
    )
    assert frame[0] == "EntityTransactionResponse"
    assert frame[1]["requestId"] == "c1"
    assert len(frame[1]["transactionInfo"]["entityIds"]) == 2
    (frame,) = await orders.many(
        "entityManageCollection", "EntityCreateCollectionRequest", {"dataFormat": "JSON", "payloads": [good, bad]}
    )
    assert frame[1]["error"]["message"].startswith("MODEL_NOT_FOUND: item 1: ")
    assert frame[1]["transactionInfo"] == {"entityIds": []}
    assert await count(orders) == 2


async def test_a_batch_update_keeps_what_came_before_the_first_failure(orders: Client) -> None:
    first, last = await created(orders), await created(orders)
    items = [{"entityId": name, "data": {"orderNo": "new"}} for name in (first, NIL, last)]
    (frame,) = await orders.many(
        "entityManageCollection", "EntityUpdateCollectionRequest", {"dataFormat": "JSON", "payloads": items}
    )
    assert frame[1]["success"] is False
    assert (await read(orders, first))["data"] == {"orderNo": "new"}
    assert (await read(orders, last))["data"] != {"orderNo": "new"}
    (frame,) = await orders.many(
        "entityManageCollection", "EntityUpdateCollectionRequest", {"dataFormat": "JSON", "payloads": items[::2]}
    )
    info = frame[1]["transactionInfo"]
    assert info["entityIds"] == [first, last]
    assert info["transactionId"] == (await read(orders, last))["meta"]["transactionId"]


@pytest.mark.parametrize("verb", ["Create", "Update"])
async def test_an_empty_batch_is_an_invalid_argument(orders: Client, verb: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await orders.many(
            "entityManageCollection", f"Entity{verb}CollectionRequest", {"dataFormat": "JSON", "payloads": []}
        )
    assert (refusal.value.code(), refusal.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "payloads array is empty",
    )


async def test_delete_all_counts_and_lists_nothing(orders: Client) -> None:
    await created(orders)
    await created(orders)
    (frame,) = await orders.many("entityManageCollection", "EntityDeleteAllRequest", {"model": ORDER})
    assert frame == (
        "EntityDeleteAllResponse",
        {"id": "c1", "requestId": "c1", "success": True, "entityIds": [], "modelId": str(KEY.id), "numDeleted": 2},
    )
    assert await count(orders) == 0


@pytest.mark.parametrize("rpc", ["entitySearchCollection", "entityManageCollection"])
async def test_lists_come_in_pages_in_id_order_on_both_collection_rpcs(orders: Client, rpc: str) -> None:
    ids = sorted([await created(orders) for _ in range(3)])
    pages = [
        await orders.many(rpc, "EntityGetAllRequest", {"model": ORDER, "pageSize": 2, "pageNumber": number})
        for number in range(3)
    ]
    assert [[frame["payload"]["meta"]["id"] for _, frame in page] for page in pages] == [ids[:2], ids[2:], []]
    assert len(await orders.many(rpc, "EntityGetAllRequest", {"model": ORDER, "pageSize": 0})) == 3


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"pageSize": 10_001}, "BAD_REQUEST: pageSize exceeds maximum 10000"),
        ({"pageNumber": 214_749}, "BAD_REQUEST: pageNumber exceeds maximum 214748"),
        ({"pageNumber": -1}, "BAD_REQUEST: invalid pageNumber"),
    ],
)
async def test_a_page_out_of_bounds_is_refused_in_one_frame(
    orders: Client, members: dict[str, Any], message: str
) -> None:
    frames = await orders.many("entitySearchCollection", "EntityGetAllRequest", {"model": ORDER, **members})
    assert frames == [("EntityResponse", refused(message))]


def refused(message: str) -> dict[str, Any]:
    error = {"code": "CLIENT_ERROR", "message": message}
    return {"id": "c1", "requestId": "c1", "success": False, "error": error, "payload": {"type": "JSON"}}


async def search(client: Client, condition: Any, **members: Any) -> list[dict[str, Any]]:
    payload = {"model": ORDER, "condition": condition, **members}
    return [frame for _, frame in await client.many("entitySearchCollection", "EntitySearchRequest", payload)]


async def test_a_direct_search_finds_sorts_and_never_truncates(orders: Client) -> None:
    for number in ("1", "2", "2"):
        await created(orders, {"orderNo": number, "total": float(number) / 2})
    everything = {"type": "group", "operator": "AND", "conditions": []}
    ordered = await search(orders, everything, orderBy=[{"path": "orderNo", "desc": True}])
    assert [frame["payload"]["data"]["orderNo"] for frame in ordered] == ["2", "2", "1"]
    assert "pointInTime" not in ordered[0]["payload"]["meta"]
    assert len(await search(orders, by_number("2"), orderBy=[{"path": "creationDate", "source": "meta"}])) == 2
    assert await search(orders, by_number("3")) == []
    (over,) = await search(orders, by_number("2"), limit=1)
    assert over["error"]["message"].startswith("SEARCH_RESULT_LIMIT: ")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"limit": 0}, "BAD_REQUEST: invalid limit: must be at least 1"),
        ({"limit": 10_001}, "BAD_REQUEST: limit exceeds maximum 10000"),
        ({"orderBy": [{"path": "nowhere"}]}, "INVALID_FIELD_PATH: "),
        ({"orderBy": [{"path": "@state"}]}, "INVALID_FIELD_PATH: "),
        ({"orderBy": [{"path": "orderNo"}, {"path": "orderNo", "desc": True}]}, "INVALID_FIELD_PATH: "),
        ({"orderBy": [{"path": f"f{number}"} for number in range(17)]}, "INVALID_FIELD_PATH: "),
        ({"model": {"name": "none", "version": 1}}, "MODEL_NOT_FOUND: "),
    ],
)
async def test_a_refused_search_is_one_frame(orders: Client, members: dict[str, Any], message: str) -> None:
    (frame,) = await search(orders, by_number("1"), **members)
    assert frame["error"]["message"].startswith(message)
    assert frame["payload"] == {"type": "JSON"}


@pytest.mark.parametrize("condition", [None, [], "text", {"type": "nothing"}, {}])
async def test_what_is_no_condition_is_an_invalid_argument(orders: Client, condition: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await search(orders, condition)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.value.details() or "").startswith("invalid condition: ")


async def count(client: Client) -> int:
    (frame,) = await client.many("entitySearchCollection", "EntityStatsGetRequest", {"model": ORDER})
    return frame[1]["count"]


async def test_statistics_come_one_frame_a_model_and_a_state(orders: Client) -> None:
    assert await orders.many("entitySearchCollection", "EntityStatsGetRequest", {}) == [
        (
            "EntityStatsResponse",
            {"id": "c1", "requestId": "c1", "success": True, "modelName": "order", "modelVersion": 1, "count": 0},
        )
    ]
    state = (await read(orders, await created(orders)))["meta"]["state"]
    for members, expected in (({}, 1), ({"states": [state]}, 1), ({"states": ["NONE"]}, 0), ({"states": []}, 1)):
        frames = await orders.many(
            "entitySearchCollection", "EntityStatsByStateGetRequest", {"model": ORDER, **members}
        )
        assert [(frame["state"], frame["count"]) for _, frame in frames] == [(state, 1)] * expected
    unknown = {"model": {"name": "none", "version": 1}}
    (frame,) = await orders.many("entitySearchCollection", "EntityStatsByStateGetRequest", unknown)
    assert frame[1]["error"]["message"].startswith("MODEL_NOT_FOUND: ")
    assert (frame[1]["modelName"], frame[1]["modelVersion"], frame[1]["state"], frame[1]["count"]) == ("", 0, "", 0)
