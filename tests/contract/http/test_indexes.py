"""Declared indexes over HTTP, and what explain tells of searches; both are ours beside the contract."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.contract.http.steps import MATCH_ALL, entity, model, ok, refused
from workflows.storage.base import Storage
from workflows.storage.memory.store import MemoryStorage

PATH = "/model/order/1/indexes"
SEARCH = "/search/direct/order/1"
BY_NAME = {"id": "by-name", "fields": ["$.name"]}


def simple(path: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


async def declare(api: httpx.AsyncClient, *indexes: dict[str, Any]) -> None:
    """Declare them and wait until they are ready."""
    ok(await api.put(PATH, json={"indexes": indexes}))
    async with asyncio.timeout(30):
        while any(index["state"] != "ready" for index in ok(await api.get(PATH))["indexes"]):
            await asyncio.sleep(0.01)


async def explained(api: httpx.AsyncClient, condition: object, query: str = "") -> dict[str, Any]:
    answer = await api.post(f"{SEARCH}?explain=true{query}", json=condition)
    assert answer.headers["content-type"] == "application/json", answer.text
    return ok(answer)


async def test_indexes_are_declared_on_locked_models_and_shown_with_their_state(api: httpx.AsyncClient) -> None:
    await model(api)
    assert ok(await api.get(PATH)) == {"indexes": []}
    indexes = [BY_NAME, {"id": "others", "fields": ["$.amount", "@state"]}]
    answer = ok(await api.put(PATH, json={"indexes": indexes}))
    assert (answer["success"], answer["message"]) == (True, "indexes set on model order:1")
    await declare(api, *indexes)
    shown = ok(await api.get(PATH))
    assert shown == {"indexes": [{**index, "state": "ready", "progress": 1.0} for index in indexes]}
    await declare(api)
    assert ok(await api.get(PATH)) == {"indexes": []}


@pytest.mark.parametrize(
    ("indexes", "message"),
    [
        ([{"id": "", "fields": ["$.name"]}], "index ID must not be empty"),
        ([{"fields": ["$.name"]}], "index ID must not be empty"),
        ([BY_NAME, BY_NAME], 'duplicate index ID "by-name"'),
        ([{"id": "x", "fields": []}], 'index "x" has no fields'),
        ([{"id": "x", "fields": ["$.name", "$.name"]}], 'index "x": duplicate field "$.name"'),
        ([{"id": "x", "fields": ["$.ghost"]}], 'index "x": field "$.ghost" is not a known scalar leaf'),
        ([{"id": "x", "fields": ["name"]}], 'index "x": field "name" is not a known scalar leaf'),
        ([{"id": "x", "fields": ["$"]}], 'index "x": field "$" is not a known scalar leaf'),
        ([{"id": "x", "fields": ["$.tags[*]"]}], 'index "x": field "$.tags[*]" is not a known scalar leaf'),
        ([{"id": "x", "fields": ["$.c\n"]}], 'index "x": field "$.c\n" is not a known scalar leaf'),
        ([{"id": "x", "fields": [f"$.n{number}" for number in range(33)]}], "more than 32 fields are indexed"),
    ],
)
async def test_an_impossible_index_is_refused_and_changes_nothing(
    api: httpx.AsyncClient, indexes: list[object], message: str
) -> None:
    sample = {"name": "a", "tags": ["x"], "c\n": 1, **{f"n{number}": 1 for number in range(33)}}
    await model(api, sample=sample)
    await declare(api, BY_NAME)
    refused(
        await api.put(PATH, json={"indexes": indexes}), 422, "INVALID_INDEX_DEFINITION", message, entityName="order",
        entityVersion=1,
    )  # fmt: skip
    assert [index["id"] for index in ok(await api.get(PATH))["indexes"]] == ["by-name"]


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"indexes":1}', b'{"indexes":[{"id":1}]}', b"\xff"])
async def test_a_body_that_is_no_list_of_indexes_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    await model(api)
    refused(await api.put(PATH, content=body), 400, "BAD_REQUEST", "failed to parse request body")


async def test_indexes_of_an_unknown_or_foreign_model_are_not_found(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await model(api)
    await declare(api, BY_NAME)
    for client, path in ((api, "/model/ghost/1/indexes"), (stranger, PATH)):
        for answer in (await client.get(path), await client.put(path, json={"indexes": []})):
            refused(answer, 404, "MODEL_NOT_FOUND")
    assert len(ok(await api.get(PATH))["indexes"]) == 1


async def test_searches_answer_the_same_with_and_without_indexes(api: httpx.AsyncClient) -> None:
    await model(api)
    for number in range(20):
        await entity(api, {"amount": number % 5, "name": f"n{number}"})
    asked = [simple("$.amount", "EQUALS", 3), simple("$.name", "STARTS_WITH", "n1"), simple("$.name", "IS_NULL", None)]
    before = [(await api.post(f"{SEARCH}?sort=name", json=condition)).text for condition in asked]
    await declare(api, BY_NAME, {"id": "by-amount", "fields": ["$.amount"]})
    assert [(await api.post(f"{SEARCH}?sort=name", json=condition)).text for condition in asked] == before
    assert [text.count("\n") for text in before] == [4, 11, 0]


async def test_explain_tells_index_or_scan_what_was_examined_and_the_residual(
    api: httpx.AsyncClient, storage: Storage
) -> None:
    await model(api)
    for number in range(3):
        documents = [{"amount": number, "name": f"n{number}-{other}"} for other in range(400)]
        ok(await api.post("/entity/JSON/order/1?transactionWindow=1000", json=documents))
    await declare(api, BY_NAME)
    in_memory = isinstance(storage, MemoryStorage)
    name = simple("$.name", "EQUALS", "n1-7")
    by_index = {
        "plan": "index", "index": ["by-name"], "narrowing": "exact", "rowsExamined": 1, "rowsJudged": 0,
        "rowsMatched": 1, "residual": False,
    }  # fmt: skip
    scanned = {**by_index, "plan": "scan", "index": [], "rowsExamined": 1200, "rowsJudged": 1200, "residual": True}
    assert await explained(api, name) == (scanned if in_memory else by_index)
    found = await explained(api, simple("$.amount", "EQUALS", 2), "&limit=1")
    assert found == (scanned if in_memory else {**scanned, "rowsJudged": 0, "residual": False}) | {"rowsMatched": 400}
    found = await explained(api, {**simple("$.name", "LIKE", "n1-7_")})
    assert (found["narrowing"], found["residual"], found["rowsMatched"]) == ("superset", True, 10)
    assert found["rowsJudged"] == (1200 if in_memory else 11)
    assert (await explained(api, MATCH_ALL))["narrowing"] == "exact"


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return getattr(request, "param", {})


@pytest.mark.parametrize("settings", [{"CYODA_SEARCH_SCAN_BUDGET": "3"}], indirect=True)
async def test_the_scan_budget_counts_what_has_to_be_judged_again(api: httpx.AsyncClient, storage: Storage) -> None:
    await model(api)
    for number in range(4):
        await entity(api, {"amount": 1, "name": f"n{number}" if number % 2 else "m"})
    judged = {**simple("$.name", "ENDS_WITH", "")}  # the store hands over all four
    for query in ("", "?explain=true"):
        refused(await api.post(f"{SEARCH}{query}", json=judged), 400, "SCAN_BUDGET_EXHAUSTED")
    answer = await api.post(SEARCH, json=simple("$.name", "LIKE", "n_%"))
    both = {"type": "group", "operator": "AND", "conditions": [judged, simple("$.name", "STARTS_WITH", "n")]}
    others = [await api.post(SEARCH, json=both), await api.post(SEARCH, json=simple("$.name", "NOT_NULL", None))]
    if isinstance(storage, MemoryStorage):
        assert [each.status_code for each in (answer, *others)] == [400, 400, 400]
    else:  # two have to be judged again, two again, and none
        assert [each.text.count("\n") for each in (answer, *others)] == [2, 2, 4]


async def test_explain_refuses_what_a_search_refuses(api: httpx.AsyncClient) -> None:
    for query in ("explain=x", "explain=true&limit=x"):
        refused(await api.post(f"{SEARCH}?{query}", json=MATCH_ALL), 400, "BAD_REQUEST")
    refused(await api.post(f"{SEARCH}?explain=true", json=MATCH_ALL), 404, "MODEL_NOT_FOUND")
    await model(api)
    await entity(api)
    answer = await api.post(f"{SEARCH}?explain=false", json=MATCH_ALL)
    assert json.loads(answer.text)["data"] == {"amount": 1, "name": "a"}
