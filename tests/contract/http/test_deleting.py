"""Deleting entities over HTTP (contract: entities 5.10)."""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused

SMALL: dict[str, Any] = {"type": "simple", "jsonPath": "$.amount", "operatorType": "LESS_THAN", "value": 3}


async def test_a_deleted_entity_is_gone_and_its_history_stays(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    answer = ok(await api.delete(f"/entity/{entity_id}"))
    assert answer.pop("transactionId")
    assert answer == {"id": entity_id, "modelKey": {"name": "order", "version": 1}}
    for _ in range(2):
        refused(
            await api.delete(f"/entity/{entity_id}"), 404, "ENTITY_NOT_FOUND",
            f"entity id={entity_id} not found", entityId=entity_id,
        )  # fmt: skip
    assert len(ok(await api.get(f"/entity/{entity_id}/changes"))) == 2
    refused(await api.put(f"/entity/JSON/{entity_id}", json={}), 404, "ENTITY_NOT_FOUND")


async def test_without_a_condition_all_entities_of_the_model_are_deleted(api: httpx.AsyncClient) -> None:
    model_id = await model(api)
    await model(api, "other")
    kept = await entity(api, name="other")
    for _ in range(3):
        await entity(api)
    answer = ok(await api.request("DELETE", "/entity/order/1?pointInTime=2000-01-01&verbose=true", content=b" \n"))
    assert answer == {
        "entityModelClassId": model_id,
        "ids": [],
        "deleteResult": {"numberOfEntitites": 3, "numberOfEntititesRemoved": 3, "idToError": {}},
    }
    assert ok(await api.get("/entity/order/1")) == []
    assert (await read(api, kept))["meta"]["id"] == kept
    assert ok(await api.delete("/entity/order/1"))["deleteResult"]["numberOfEntitites"] == 0


async def test_a_condition_selects_what_is_deleted(api: httpx.AsyncClient) -> None:
    await model(api)
    ids = [await entity(api, {"amount": amount}) for amount in range(5)]
    answer = ok(await api.request("DELETE", "/entity/order/1?verbose=true", json=SMALL))
    assert set(answer["ids"]) == set(ids[:3])
    assert answer["deleteResult"]["numberOfEntititesRemoved"] == 3
    answer = ok(await api.request("DELETE", "/entity/order/1", json=SMALL))
    assert "ids" not in answer
    assert len(ok(await api.get("/entity/order/1"))) == 2


async def test_a_condition_with_a_moment_deletes_what_matched_then_and_still_exists(api: httpx.AsyncClient) -> None:
    await model(api)
    first, gone = await entity(api, {"amount": 1}), await entity(api, {"amount": 2})
    moment = (await read(api, gone))["meta"]["creationDate"]
    ok(await api.put(f"/entity/JSON/{first}", json={"amount": 99}))
    ok(await api.delete(f"/entity/{gone}"))
    later = await entity(api, {"amount": 1})
    answer = ok(await api.request("DELETE", "/entity/order/1", params={"pointInTime": moment}, json=SMALL))
    assert answer["deleteResult"]["numberOfEntititesRemoved"] == 1
    refused(await api.get(f"/entity/{first}"), 404, "ENTITY_NOT_FOUND")
    assert (await read(api, later))["meta"]["id"] == later


async def test_a_bad_condition_is_refused_before_the_model_is_looked_up(api: httpx.AsyncClient) -> None:
    refused(await api.request("DELETE", "/entity/ghost/1", content=b"{"), 400, "INVALID_CONDITION")
    answer = await api.request("DELETE", "/entity/ghost/1", json=SMALL)
    refused(answer, 404, "MODEL_NOT_FOUND", "cannot find model entityName=ghost, version=1")
    assert answer.json()["properties"] == {"errorCode": "MODEL_NOT_FOUND"}
    await model(api)
    unknown = SMALL | {"jsonPath": "$.ghost"}
    refused(await api.request("DELETE", "/entity/order/1", json=unknown), 400, "INVALID_FIELD_PATH")


async def test_the_options_are_type_checked(api: httpx.AsyncClient) -> None:
    for name, value in (("verbose", "maybe"), ("transactionSize", "x"), ("pointInTime", "x")):
        refused(
            await api.delete(f"/entity/order/1?{name}={value}"), 400, "BAD_REQUEST",
            f"invalid value for parameter '{name}'", parameter=name,
        )  # fmt: skip
    refused(await api.delete("/entity/not-a-uuid"), 400, "BAD_REQUEST", parameter="entityId")
    refused(await api.delete(f"/entity/{UNKNOWN}"), 404, "ENTITY_NOT_FOUND")
