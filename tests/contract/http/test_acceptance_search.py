"""The acceptance list of search over HTTP, the rows that have no test elsewhere (contract: search 2, 7, 14.3).

H1, H2, H4, H9 are in `test_searching`, H12 to H16 in `test_search_jobs`, G1 to G13 in `test_grouping`.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.errors import CyodaError
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, read, refused

PATH = "/search/direct/order/1"
OWNER = Principal(tenant="acme", user_id="u-1", kind="user")


def simple(path: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


def nested(depth: int) -> dict[str, Any]:
    """A leaf inside so many groups."""
    condition = simple("$.amount", "EQUALS", 1)
    for _ in range(depth):
        condition = {"type": "group", "operator": "AND", "conditions": [condition]}
    return condition


async def amounts(api: httpx.AsyncClient, condition: object = MATCH_ALL, query: str = "", **headers: str) -> list[int]:
    answer = await api.post(f"{PATH}?sort=amount&{query}", json=condition, headers=headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line)["data"]["amount"] for line in answer.text.splitlines()]


async def test_h3_without_a_limit_a_thousand_are_answered_and_one_more_is_a_refusal(api: httpx.AsyncClient) -> None:
    await model(api)
    ok(await api.post("/entity/JSON/order/1", json=[{"amount": number} for number in range(1_000)]))
    assert await amounts(api) == list(range(1_000))
    await entity(api)
    refused(await api.post(PATH, json=MATCH_ALL), 400, "SEARCH_RESULT_LIMIT")
    assert len(await amounts(api, query="limit=1001")) == 1_001


@pytest.mark.parametrize("body", [b"{}", b"null", b'{"type":"unknown"}', b"[]", b'"text"', b"7", b'{"type":null}'])
async def test_h5_a_body_that_is_no_condition_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    await model(api)
    refused(await api.post(PATH, content=body), 400, "BAD_REQUEST")
    refused(await api.post("/search/async/order/1", content=body), 400, "BAD_REQUEST")


async def test_h6_conditions_are_nested_fifty_deep_and_no_deeper(api: httpx.AsyncClient) -> None:
    await model(api)
    await entity(api)
    assert await amounts(api, nested(50)) == [1]
    refused(await api.post(PATH, json=nested(51)), 400, "BAD_REQUEST")


async def test_h7_an_operator_is_judged_before_the_model(api: httpx.AsyncClient) -> None:
    refused(await api.post(PATH, json=simple("$.amount", "EQUALS", 1)), 404, "MODEL_NOT_FOUND")
    refused(await api.post(PATH, json=simple("$.amount", "NONSENSE", 1)), 400, "BAD_REQUEST")
    refused(await api.post(PATH, json=simple("$.amount", "EQUALS", {"k": 1})), 400, "INVALID_CONDITION")


async def test_h8_the_grammar_of_sorting_is_judged_before_the_operator(api: httpx.AsyncClient) -> None:
    bad = simple("$.amount", "NONSENSE", 1)
    refused(await api.post(f"{PATH}?sort=amount:DESC", json=bad), 400, "INVALID_FIELD_PATH")
    refused(await api.post(PATH, json=bad), 400, "BAD_REQUEST")


async def test_h10_what_is_written_is_found_at_once(api: httpx.AsyncClient) -> None:
    await model(api)
    for amount in range(1, 20):
        order = await entity(api, {"amount": amount})
        assert await amounts(api, simple("$.amount", "EQUALS", amount)) == [amount]
        ok(await api.put(f"/entity/JSON/{order}", json={"amount": -amount}))
        assert await amounts(api, simple("$.amount", "EQUALS", amount)) == []
        assert await amounts(api, simple("$.amount", "EQUALS", -amount)) == [-amount]


async def test_h11_the_moment_of_a_write_shows_what_it_wrote(api: httpx.AsyncClient, clock: ManualClock) -> None:
    await model(api)
    order = await entity(api)
    written = (await read(api, order))["meta"]["creationDate"]
    clock.advance(timedelta(seconds=1))
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 2}))
    changed = (await read(api, order))["meta"]["lastUpdateTime"]
    clock.advance(timedelta(seconds=1))
    ok(await api.delete(f"/entity/{order}"))
    assert await amounts(api) == []
    assert await amounts(api, query=f"pointInTime={written}") == [1]
    assert await amounts(api, query=f"pointInTime={changed}") == [2]
    assert await amounts(api, simple("$.amount", "EQUALS", 1), f"pointInTime={changed}") == []


async def test_h17_a_transaction_finds_its_own_writes_in_their_place_and_others_do_not(
    api: httpx.AsyncClient, node: Node
) -> None:
    await model(api)
    first, second, _ = [await entity(api, {"amount": amount}) for amount in (1, 5, 9)]
    moment = (await read(api, second))["meta"]["creationDate"]
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()  # as while the owner waits for a callout
        token = {"X-Tx-Token": transactions.token(transaction)}
        ok(await api.post("/entity/JSON/order/1", json={"amount": 3}, headers=token))
        ok(await api.delete(f"/entity/{first}", headers=token))
        ok(await api.put(f"/entity/JSON/{second}", json={"amount": 50}, headers=token))
        assert await amounts(api, **token) == [3, 9, 50]
        assert await amounts(api, simple("$.amount", "LESS_THAN", 9), **token) == [3]
        assert await amounts(api) == [1, 5, 9]
        over = await api.post(f"{PATH}?limit=2", json=MATCH_ALL, headers=token)
        refused(over, 400, "SEARCH_RESULT_LIMIT")
        assert 3 not in await amounts(api, query=f"pointInTime={moment}&trackingRead=true", **token)
        await transaction.lock.acquire()
    assert await amounts(api) == [3, 9, 50]


@pytest.mark.parametrize(
    ("tracking", "touched", "fails"),
    [("true", 1, True), ("false", 1, False), ("true", 9, False)],
    ids=["tracked", "untracked", "tracked but not found"],
)
async def test_h18_a_tracked_result_that_another_changes_first_is_a_conflict(
    api: httpx.AsyncClient, node: Node, tracking: str, touched: int, fails: bool
) -> None:
    await model(api)
    orders = {amount: await entity(api, {"amount": amount}) for amount in (1, 5, 9)}
    transactions = node.platform.transactions

    async def joined() -> None:
        async with transactions.run(OWNER) as transaction:
            transaction.lock.release()
            token = {"X-Tx-Token": transactions.token(transaction)}
            found = await amounts(api, simple("$.amount", "LESS_THAN", 5), f"trackingRead={tracking}", **token)
            assert found == [1]
            ok(await api.put(f"/entity/JSON/{orders[5]}", json={"amount": 6}, headers=token))
            ok(await api.put(f"/entity/JSON/{orders[touched]}", json={"amount": touched + 100}))
            await transaction.lock.acquire()

    if fails:
        with pytest.raises(CyodaError) as refusal:
            await joined()
        assert (refusal.value.status, refusal.value.code, refusal.value.retryable) == (409, "CONFLICT", True)
    else:
        await joined()
    assert (await read(api, orders[5]))["data"]["amount"] == (5 if fails else 6)


async def test_parameters_that_do_not_bind_are_named_and_offsets_are_needed(api: httpx.AsyncClient) -> None:
    await model(api)
    moment = "2026-01-01T00:00:00"
    refused(await api.post(f"{PATH}?pointInTime={moment}", json=MATCH_ALL), 400, "BAD_REQUEST", parameter="pointInTime")
    assert await amounts(api, query=f"pointInTime={moment}%2B02:00") == []
    assert await amounts(api, query="trackingRead=t") == []


async def test_several_searches_at_once_answer_each_its_own(api: httpx.AsyncClient) -> None:
    await model(api)
    for amount in range(10):
        await entity(api, {"amount": amount})
    found = await asyncio.gather(*(amounts(api, simple("$.amount", "EQUALS", number)) for number in range(10)))
    assert found == [[number] for number in range(10)]
