"""Direct search over HTTP (contract: search 2, 6)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contract.http.steps import MATCH_ALL, entity, model, ok, read, refused

PATH = "/search/direct/order/1"


def simple(path: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


async def amounts(api: httpx.AsyncClient, condition: object, query: str = "") -> list[int]:
    answer = await api.post(f"{PATH}{query}", json=condition)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
    return [json.loads(line)["data"]["amount"] for line in answer.text.splitlines()]


@pytest.fixture
async def orders(api: httpx.AsyncClient) -> list[str]:
    await model(api)
    return [await entity(api, {"amount": amount, "name": f"n{amount}"}) for amount in (3, 1, 2)]


async def test_matches_are_lines_of_complete_envelopes(api: httpx.AsyncClient, orders: list[str]) -> None:
    answer = await api.post(PATH, json=simple("$.amount", "EQUALS", 1))
    assert answer.text.endswith("}\n")
    assert json.loads(answer.text) == await read(api, orders[1])


async def test_no_match_is_an_empty_200(api: httpx.AsyncClient, orders: list[str]) -> None:
    answer = await api.post(PATH, json=simple("$.amount", "EQUALS", 99))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"


async def test_conditions_on_data_and_life_cycle_combine_and_results_are_sorted(
    api: httpx.AsyncClient, orders: list[str]
) -> None:
    created = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "CREATED"}
    group = {"type": "group", "operator": "AND", "conditions": [created, simple("$.amount", "GREATER_THAN", 1)]}
    assert await amounts(api, group, "?sort=amount") == [2, 3]
    assert await amounts(api, MATCH_ALL, "?sort=amount:desc") == [3, 2, 1]


async def test_a_search_sees_the_past(api: httpx.AsyncClient, orders: list[str]) -> None:
    moment = (await read(api, orders[2]))["meta"]["creationDate"]
    ok(await api.put(f"/entity/JSON/{orders[0]}", json={"amount": 50}))
    assert sorted(await amounts(api, MATCH_ALL)) == [1, 2, 50]
    assert sorted(await amounts(api, MATCH_ALL, f"?pointInTime={moment}")) == [1, 2, 3]


async def test_more_matches_than_the_limit_are_a_refusal(api: httpx.AsyncClient, orders: list[str]) -> None:
    assert len(await amounts(api, MATCH_ALL, "?limit=3")) == 3
    refused(
        await api.post(f"{PATH}?limit=2", json=MATCH_ALL), 400, "SEARCH_RESULT_LIMIT",
        "matched result count exceeds the configured limit",
    )  # fmt: skip


async def test_pages_go_on_after_an_entity_in_the_order_of_ids_in_both_directions(api: httpx.AsyncClient) -> None:
    await model(api)
    kept = sorted([await entity(api, {"amount": number, "name": "kept"}) for number in range(7)])
    await entity(api, {"amount": 9, "name": "other"})
    condition = simple("$.name", "EQUALS", "kept")

    async def page(query: str) -> list[str]:
        answer = await api.post(f"{PATH}?limit=3&{query}", json=condition)
        assert answer.status_code == 200, answer.text
        return [json.loads(line)["meta"]["id"] for line in answer.text.splitlines()]

    assert await page("after=") == kept[:3]
    assert await page(f"after={kept[2]}") == kept[3:6]
    assert await page(f"after={kept[5]}") == kept[6:]
    assert await page(f"after={kept[6]}") == []
    assert await page("after=&sort=@id:desc") == kept[:3:-1]
    assert await page(f"after={kept[3]}&sort=@id:desc") == kept[2::-1]
    moment = (await read(api, kept[1]))["meta"]["creationDate"]
    assert set(await page(f"after=&pointInTime={moment}")) <= set(kept)
    refused(await api.post(f"{PATH}?after=x", json=condition), 400, "BAD_REQUEST", "invalid after: not an entity id")
    refused(
        await api.post(f"{PATH}?after=&sort=amount", json=condition), 400, "BAD_REQUEST",
        "pages after an entity are in the order of ids: sort by @id or by nothing",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("limit", "message"),
    [("0", "invalid limit"), ("-1", "invalid limit"), ("x", "invalid limit"), ("10001", "limit exceeds maximum 10000")],
)
async def test_a_limit_out_of_range_is_refused(api: httpx.AsyncClient, limit: str, message: str) -> None:
    refused(await api.post(f"{PATH}?limit={limit}", json=MATCH_ALL), 400, "BAD_REQUEST", message)


async def test_refusals_come_in_the_order_of_the_contract(api: httpx.AsyncClient) -> None:
    refused(await api.post(f"{PATH}?pointInTime=x&limit=x", content=b"{"), 400, "BAD_REQUEST", parameter="pointInTime")
    refused(await api.post(f"{PATH}?trackingRead=x", content=b"{"), 400, "BAD_REQUEST", parameter="trackingRead")
    broken = await api.post(f"{PATH}?limit=x&sort=!", content=b"{")
    refused(broken, 400, "BAD_REQUEST")
    assert broken.json()["detail"].startswith("BAD_REQUEST: invalid condition: ")
    refused(await api.post(f"{PATH}?limit=x&sort=!", json=MATCH_ALL), 400, "INVALID_FIELD_PATH")
    refused(await api.post(PATH, json={}), 400, "BAD_REQUEST")
    refused(await api.post(PATH, json=simple("$.amount", "NONSENSE", 1)), 400, "BAD_REQUEST")
    refused(await api.post(PATH, json=MATCH_ALL), 404, "MODEL_NOT_FOUND", "model order/1 not found")
    await model(api, lock=False)
    refused(await api.post(PATH, json=simple("$.ghost", "EQUALS", 1)), 400, "INVALID_FIELD_PATH")
    refused(await api.post(PATH, json=simple("$.amount", "EQUALS", "x")), 400, "CONDITION_TYPE_MISMATCH")
    refused(await api.post(f"{PATH}?sort=ghost", json=MATCH_ALL), 400, "INVALID_FIELD_PATH")
