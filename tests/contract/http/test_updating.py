"""Updating and merging entities over HTTP (contract: entities 5.4-5.7)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow

MERGE = {"Content-Type": "application/merge-patch+json"}
STALE = "entity has been modified since last read"


@pytest.fixture
async def order(api: httpx.AsyncClient) -> str:
    """One entity in DRAFT, of a model with a review workflow."""
    await model(api)
    await workflow(api)
    return await entity(api)


async def test_an_update_replaces_the_document_and_answers_an_object(api: httpx.AsyncClient, order: str) -> None:
    answer = ok(await api.put(f"/entity/JSON/{order}?waitForConsistencyAfter=true", json={"amount": 2}))
    assert answer["entityIds"] == [order]
    envelope = await read(api, order)
    assert envelope["data"] == {"amount": 2}
    meta = envelope["meta"]
    assert (meta["transactionId"], meta["transitionForLatestSave"]) == (answer["transactionId"], "loopback")
    assert meta["lastUpdateTime"] > meta["creationDate"]


async def test_a_transition_moves_the_entity_and_is_remembered(api: httpx.AsyncClient, order: str) -> None:
    ok(await api.put(f"/entity/JSON/{order}/approve", json={"amount": 2}))
    meta = (await read(api, order))["meta"]
    assert (meta["state"], meta["transitionForLatestSave"]) == ("APPROVED", "approve")


async def test_a_transition_that_cannot_fire_is_named_with_the_state(api: httpx.AsyncClient, order: str) -> None:
    before = await read(api, order)
    refused(
        await api.put(f"/entity/JSON/{order}/fly", json={"amount": 2}), 400, "TRANSITION_NOT_FOUND",
        'transition "fly" not found in state "DRAFT": transition not found',
    )  # fmt: skip
    refused(
        await api.put(f"/entity/JSON/{order}/retire", json={"amount": 2}), 400, "TRANSITION_NOT_FOUND",
        'transition "retire" is disabled in state "DRAFT": transition not found',
    )  # fmt: skip
    assert await read(api, order) == before


async def test_an_update_is_parsed_before_the_entity_is_looked_for(api: httpx.AsyncClient, order: str) -> None:
    refused(await api.put(f"/entity/JSON/{UNKNOWN}", content=b"{"), 400, "BAD_REQUEST", "invalid JSON")
    missing = await api.put(f"/entity/JSON/{UNKNOWN}", json={})
    refused(missing, 404, "ENTITY_NOT_FOUND", "entity not found")
    assert missing.json()["properties"] == {"errorCode": "ENTITY_NOT_FOUND"}
    refused(
        await api.put("/entity/JSON/not-a-uuid", json={}), 400, "BAD_REQUEST",
        "invalid value for parameter 'entityId'", parameter="entityId",
    )  # fmt: skip


async def test_an_entity_id_is_accepted_in_every_form_of_a_uuid(api: httpx.AsyncClient, order: str) -> None:
    for form in (order.upper(), order.replace("-", ""), f"urn:uuid:{order}", f"%7B{order}%7D"):
        assert (await read(api, form))["meta"]["id"] == order


async def test_if_match_is_the_bare_transaction_id_of_the_last_read(api: httpx.AsyncClient, order: str) -> None:
    current = (await read(api, order))["meta"]["transactionId"]
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 2}, headers={"If-Match": current}))
    for stale in (current, f'"{current}"', "*", "W/x"):
        refused(
            await api.put(f"/entity/JSON/{order}", json={"amount": 3}, headers={"If-Match": stale}),
            412, "ENTITY_MODIFIED", STALE, entityId=order,
        )  # fmt: skip
    assert (await read(api, order))["data"] == {"amount": 2}
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 4}, headers={"If-Match": ""}))


async def test_validation_and_transition_errors_win_over_a_stale_if_match(api: httpx.AsyncClient, order: str) -> None:
    stale = {"If-Match": UNKNOWN}
    refused(await api.put(f"/entity/JSON/{order}", json={"amount": "x"}, headers=stale), 400, "INCOMPATIBLE_TYPE")
    refused(await api.put(f"/entity/JSON/{order}/fly", json={}, headers=stale), 400, "TRANSITION_NOT_FOUND")


async def test_a_repeated_if_match_is_refused(api: httpx.AsyncClient, order: str) -> None:
    headers = [("If-Match", UNKNOWN), ("If-Match", UNKNOWN)]
    refused(
        await api.put(f"/entity/JSON/{order}", json={}, headers=headers),
        400,
        "BAD_REQUEST",
        "invalid request parameter",
    )


async def test_of_parallel_updates_each_either_commits_or_is_a_retryable_conflict(
    api: httpx.AsyncClient, order: str
) -> None:
    answers = await asyncio.gather(*(api.put(f"/entity/JSON/{order}", json={"amount": n}) for n in range(16)))
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409, "CONFLICT", "transaction conflict — retry", retryable=True)
    written = sum(answer.status_code == 200 for answer in answers)
    assert written >= 1
    assert len(ok(await api.get(f"/entity/{order}/changes"))) == written + 1


# --- PATCH ------------------------------------------------------------------------------------------------------


async def test_the_order_of_a_patch_s_refusals(api: httpx.AsyncClient) -> None:
    path = f"/entity/JSON/{UNKNOWN}"
    media = "unsupported Content-Type; use application/merge-patch+json or application/json-patch+json"
    json_patch = {"Content-Type": "Application/JSON-Patch+JSON; charset=utf-8"}
    free = {"If-Match": "*"}
    refused(await api.patch("/entity/XML/nonsense", content=b"{"), 400, "BAD_REQUEST", parameter="entityId")
    refused(
        await api.patch(f"/entity/XML/{UNKNOWN}", content=b"{"), 415, "UNSUPPORTED_MEDIA_TYPE",
        "patch supports the JSON format only",
    )  # fmt: skip
    refused(await api.patch(path, content=b"{"), 415, "UNSUPPORTED_MEDIA_TYPE", media)
    refused(await api.patch(path, json={}), 415, "UNSUPPORTED_MEDIA_TYPE", media)
    for headers in (MERGE, json_patch):
        refused(
            await api.patch(path, content=b"{", headers=headers), 428, "PRECONDITION_REQUIRED",
            "missing If-Match: send If-Match: <transactionId> from your last GET of this entity to patch safely, "
            "or If-Match: * to explicitly accept last-writer-wins",
        )  # fmt: skip
    refused(
        await api.patch(path, content=b"{", headers=json_patch | free), 501, "NOT_IMPLEMENTED",
        "RFC 6902 JSON Patch is not implemented; use application/merge-patch+json",
    )  # fmt: skip
    refused(await api.patch(path, content=b"{", headers=MERGE | free), 400, "BAD_REQUEST", "invalid JSON")
    refused(await api.patch(path, json={}, headers=MERGE | free), 404, "ENTITY_NOT_FOUND", "entity not found")


async def test_a_patch_merges_strictly_and_keeps_numbers_exact(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": {"b": 1, "c": 2}, "l": [1], "n": 9007199254740993})
    entity_id = await entity(api, {"a": {"b": 1, "c": 2}, "l": [1, 2], "n": 9007199254740993})
    answer = ok(await api.patch(
        f"/entity/JSON/{entity_id}", json={"a": {"b": 5, "c": None}, "l": [3]}, headers=MERGE | {"If-Match": "*"}
    ))  # fmt: skip
    assert answer["entityIds"] == [entity_id]
    assert (await read(api, entity_id))["data"] == {"a": {"b": 5}, "l": [3], "n": 9007199254740993}


async def test_an_empty_patch_is_a_new_version(api: httpx.AsyncClient, order: str) -> None:
    before = await read(api, order)
    answer = ok(await api.patch(f"/entity/JSON/{order}", json={}, headers=MERGE | {"If-Match": ""}))
    after = await read(api, order)
    assert after["data"] == before["data"]
    assert answer["transactionId"] == after["meta"]["transactionId"] != before["meta"]["transactionId"]


async def test_a_patch_never_extends_the_model_and_its_errors_precede_the_precondition(
    api: httpx.AsyncClient, order: str
) -> None:
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    stale = MERGE | {"If-Match": f'"{(await read(api, order))["meta"]["transactionId"]}"'}
    refused(await api.patch(f"/entity/JSON/{order}", json={"new": 1}, headers=stale), 400, "BAD_REQUEST")
    refused(await api.patch(f"/entity/JSON/{order}", json=[1], headers=stale), 400, "BAD_REQUEST")
    refused(await api.patch(f"/entity/JSON/{order}/fly", json={}, headers=stale), 400, "TRANSITION_NOT_FOUND")
    refused(
        await api.patch(f"/entity/JSON/{order}", json={}, headers=stale), 412, "ENTITY_MODIFIED", STALE, entityId=order
    )


async def test_a_patch_may_fire_a_transition(api: httpx.AsyncClient, order: str) -> None:
    ok(await api.patch(f"/entity/JSON/{order}/approve", json={"amount": 7}, headers=MERGE | {"If-Match": "*"}))
    envelope = await read(api, order)
    assert (envelope["data"]["amount"], envelope["meta"]["state"]) == (7, "APPROVED")


# --- collections ------------------------------------------------------------------------------------------------


def change(entity_id: str, payload: object, **more: object) -> dict[str, Any]:
    return {"id": entity_id, "payload": json.dumps(payload), **more}


async def test_a_collection_update_leaves_out_stale_items_and_commits_the_rest(
    api: httpx.AsyncClient, order: str
) -> None:
    other = await entity(api)
    current = (await read(api, other))["meta"]["transactionId"]
    (chunk,) = ok(await api.put("/entity/JSON", json=[
        change(order, {"amount": 5}, ifMatch=UNKNOWN),
        change(other, {"amount": 6}, ifMatch=current, transition="approve"),
    ]))  # fmt: skip
    assert chunk["entityIds"] == [other]
    assert chunk["failed"] == [
        {"entityId": order, "error": {"code": "ENTITY_MODIFIED", "message": STALE, "itemIndex": 0}}
    ]
    assert (await read(api, order))["data"]["amount"] == 1
    assert (await read(api, other))["meta"]["state"] == "APPROVED"


async def test_when_all_items_are_stale_the_chunk_is_empty_but_has_a_transaction(
    api: httpx.AsyncClient, order: str
) -> None:
    (chunk,) = ok(await api.put("/entity/JSON", json=[change(order, {"amount": 5}, ifMatch=UNKNOWN)]))
    assert chunk["entityIds"] == []
    assert len(chunk["failed"]) == 1
    assert chunk["transactionId"]


async def test_the_same_entity_twice_in_a_chunk_becomes_one_version(api: httpx.AsyncClient, order: str) -> None:
    (chunk,) = ok(await api.put("/entity/JSON", json=[change(order, {"amount": 5}), change(order, {"amount": 6})]))
    assert chunk["entityIds"] == [order, order]
    assert (await read(api, order))["data"] == {"amount": 6}
    assert len(ok(await api.get(f"/entity/{order}/changes"))) == 2


async def test_a_collection_update_is_chunked_and_ends_at_the_first_failure(api: httpx.AsyncClient, order: str) -> None:
    items = [change(order, {"amount": 5}), change(UNKNOWN, {}), change(order, {"amount": 9})]
    first, second = ok(await api.put("/entity/JSON?transactionWindow=1", json=items))
    assert first["entityIds"] == [order]
    assert second == {
        "entityIds": [],
        "error": {
            "code": "ENTITY_NOT_FOUND",
            "message": f"ENTITY_NOT_FOUND: item 0: entity {UNKNOWN} not found",
            "chunkIndex": 1,
        },
    }
    assert (await read(api, order))["data"] == {"amount": 5}


async def test_a_collection_update_of_another_shape_is_refused(api: httpx.AsyncClient, order: str) -> None:
    shape = "invalid JSON array (payload must be a JSON-encoded string)"
    for body in (b"{}", b"[1]", b'[{"id":"x","payload":{}}]', b"[]]"):
        refused(await api.put("/entity/JSON", content=body), 400, "BAD_REQUEST", shape)
    refused(await api.put("/entity/JSON", content=b"[]"), 400, "BAD_REQUEST", "collection is empty")
    refused(
        await api.put("/entity/XML", json=[change(order, {})]), 400, "BAD_REQUEST",
        "collection update accepts JSON only (single-item endpoints accept XML)",
    )  # fmt: skip
    refused(await api.put("/entity/JSON", json=[{"payload": "{}"}]), 400, "BAD_REQUEST", "item 0: missing id")
    refused(
        await api.put("/entity/JSON", json=[change(order, {}), {"id": order}]), 400, "BAD_REQUEST",
        "item 1: invalid JSON payload",
    )  # fmt: skip
    refused(
        await api.put("/entity/JSON", json=[change(order.upper(), {})]), 404, "ENTITY_NOT_FOUND",
        f"item 0: entity {order.upper()} not found",
    )  # fmt: skip
