"""Another tenant's data is answered exactly like data that does not exist (contract: entities 1.2, identity 15)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.http.steps import MATCH_ALL, UNKNOWN, entity, model, ok, read, refused

MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}

REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", "/entity/{id}", {}),
    ("GET", "/entity/{id}?pointInTime=2100-01-01", {}),
    ("GET", "/entity/{id}?transactionId={tx}", {}),
    ("GET", "/entity/{id}/changes", {}),
    ("GET", "/entity/{id}/transitions", {}),
    ("GET", "/entity/{id}/transitions?transactionId={tx}", {}),
    ("GET", "/platform-api/entity/fetch/transitions?entityClass=order.1&entityId={id}", {}),
    ("PUT", "/entity/JSON/{id}", {"json": {}}),
    ("PUT", "/entity/JSON/{id}/UPDATE", {"json": {}}),
    ("PATCH", "/entity/JSON/{id}", {"json": {}, "headers": MERGE}),
    ("PUT", "/entity/JSON", {"json": [{"id": "{id}", "payload": "{}"}]}),
    ("DELETE", "/entity/{id}", {}),
]


def filled(value: Any, entity_id: str, transaction_id: str) -> Any:
    """`value` with the placeholders replaced, at any depth."""
    if isinstance(value, str):
        return value.replace("{id}", entity_id).replace("{tx}", transaction_id)
    if isinstance(value, list):
        return [filled(item, entity_id, transaction_id) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, entity_id, transaction_id) for name, item in value.items()}
    return value


@pytest.mark.parametrize(("method", "path", "more"), REQUESTS)
async def test_a_foreign_entity_and_a_missing_one_get_the_same_bytes(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, method: str, path: str, more: dict[str, Any]
) -> None:
    await model(api)
    await model(stranger)
    entity_id = await entity(api)
    before = await read(api, entity_id)
    transaction_id = before["meta"]["transactionId"]
    foreign, missing = [
        await stranger.request(method, filled(path, *ids), **filled(more, *ids))
        for ids in ((entity_id, transaction_id), (UNKNOWN, UNKNOWN.replace("3", "4")))
    ]
    assert foreign.status_code == missing.status_code >= 400
    assert foreign.headers["content-type"] == missing.headers["content-type"]
    expected = missing.text.replace(UNKNOWN, entity_id).replace(UNKNOWN.replace("3", "4"), transaction_id)
    assert foreign.text == expected
    assert await read(api, entity_id) == before


async def test_a_foreign_model_is_unknown_and_the_same_name_may_exist_twice(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    mine = await model(api)
    await entity(api)
    assert ok(await stranger.get("/model/")) == []
    assert ok(await stranger.get("/entity/stats")) == []
    for path in ("/entity/order/1", "/entity/stats/order/1", "/model/export/SIMPLE_VIEW/order/1"):
        refused(await stranger.get(path), 404, "MODEL_NOT_FOUND")
    refused(await stranger.post("/search/direct/order/1", json=MATCH_ALL), 404, "MODEL_NOT_FOUND")
    assert await model(stranger, sample={"other": True}) == mine
    assert ok(await stranger.get("/entity/order/1")) == []
    assert (await stranger.post("/search/direct/order/1", json=MATCH_ALL)).content == b""
    ok(await stranger.delete("/entity/order/1"))
    assert len(ok(await api.get("/entity/order/1"))) == 1


async def test_unique_values_of_two_tenants_do_not_collide(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    for client in (api, stranger):
        await model(client, lock=False)
        keys = {"uniqueKeys": [{"id": "by-name", "fields": ["$.name"]}]}
        ok(await client.put("/model/order/1/unique-keys", json=keys))
        ok(await client.put("/model/order/1/lock"))
        await entity(client, {"name": "same"})
