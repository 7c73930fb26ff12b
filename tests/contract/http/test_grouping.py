"""Grouped statistics over HTTP (contract: entities 6.5, search 11, 14.4)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, read, refused, workflow

PATH = "/entity/stats/order/1/query"
OWNER = Principal(tenant="acme", user_id="u-1", kind="user")
Groups = list[tuple[Any, ...]]


@pytest.fixture
def settings() -> dict[str, str]:
    return {"CYODA_STATS_GROUP_MAX": "20", "CYODA_SEARCH_SCAN_BUDGET": "8"}


def question(*group_by: str, figures: Sequence[str] = (), **members: Any) -> dict[str, Any]:
    """A request; figures as `op field`."""
    asked: dict[str, Any] = {"groupBy": list(group_by), **members}
    if figures:
        asked["aggregations"] = [dict(zip(("op", "field"), text.split(), strict=True)) for text in figures]
    return asked


async def ask(api: httpx.AsyncClient, body: object, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    answer = await api.post(PATH, json=body, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    return ok(answer)


async def groups(
    api: httpx.AsyncClient, *group_by: str, figures: Sequence[str] = (), headers: Any = None, **members: Any
) -> Groups:
    """Each group as its values, its count, and its figures if any."""
    rows = await ask(api, question(*group_by, figures=figures, **members), headers)
    return [
        (*(pair["value"] for pair in row["groupKey"]), row["count"], *row.get("aggregations", {}).values())
        for row in rows
    ]


async def orders(api: httpx.AsyncClient, *documents: object) -> list[str]:
    """Create entities, from JSON texts or values, of a model that takes anything."""
    await model(api, sample={"i": 1}, lock=False)
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/order/1/lock"))
    ids: list[str] = []
    for document in documents:
        content = document if isinstance(document, str) else json.dumps(document)
        (chunk,) = ok(await api.post("/entity/JSON/order/1", content=content))
        ids += chunk["entityIds"]
    return ids


def simple(path: str, operator: str, value: object = None) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


def lifecycle(field: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "lifecycle", "field": field, "operatorType": operator, "value": value}


# --- the vectors of the contract ------------------------------------------------------------------------------------


async def test_g1_states_are_counted(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    ids = [await entity(api) for _ in range(3)]
    ok(await api.put(f"/entity/JSON/{ids[1]}/approve", json={}))
    assert await ask(api, question("state")) == [
        {"groupKey": [{"path": "state", "value": "DRAFT"}], "count": 2},
        {"groupKey": [{"path": "state", "value": "APPROVED"}], "count": 1},
    ]


async def test_g2_g3_the_five_figures(api: httpx.AsyncClient) -> None:
    await orders(api, *({"price": price} for price in (10, 20, 30, 40)))
    figures = [f"{op} $.price" for op in ("sum", "avg", "min", "max", "stdev")]
    (row,) = await ask(api, question("state", figures=figures))
    stdev = row["aggregations"].pop("stdev_price")
    assert stdev == pytest.approx(12.909944487358056, rel=1e-9)
    assert row["aggregations"] == {"sum_price": 100, "avg_price": 25, "min_price": 10, "max_price": 40}
    assert list(row) == ["groupKey", "count", "aggregations"]


async def test_g4_only_numbers_are_sampled(api: httpx.AsyncClient) -> None:
    await orders(api, {"p": 1}, {"p": 2.5}, {"p": "7"}, {"p": None}, {"p": 3}, {"x": 1}, {"p": True}, {"q": [9]})
    assert await groups(api, "state", figures=["sum p", "avg p", "min p", "max p", "sum q"]) == [
        ("CREATED", 8, 6.5, pytest.approx(6.5 / 3), 1, 3, None),
    ]  # fmt: skip


async def test_g5_what_is_no_scalar_has_no_value(api: httpx.AsyncClient) -> None:
    await orders(api, {"i": 1}, {"meta": None}, {"meta": {"a": {"z": 1}}}, {"meta": {"a": {}}}, {"meta": {}})
    assert await groups(api, "$.meta") == [(None, 5)]
    assert await groups(api, "$.meta.a.b") == [(None, 5)]


async def test_g6_a_number_and_its_text_share_a_group(api: httpx.AsyncClient) -> None:
    await orders(api, {"v": 42}, {"v": "42"}, {"v": True}, {"v": "true"}, {"v": False}, {"v": ""}, {"v": None})
    assert await groups(api, "v") == [("42", 2), ("true", 2), (None, 1), ("", 1), ("false", 1)]


async def test_g7_one_sample_has_no_deviation(api: httpx.AsyncClient) -> None:
    await orders(api, {"v": 3}, {"w": 3})
    (group,) = await groups(api, "state", figures=["stdev v", "sum v", "sum x"])
    assert group == ("CREATED", 2, None, 3, None)


async def test_g8_equal_counts_are_ordered_by_key_null_first(api: httpx.AsyncClient) -> None:
    await orders(api, {"k": "b"}, {"k": None}, {"k": "a"}, {"k": "ä"}, {"k": "Z"}, {"k": "\U0001f600"}, {"k": "\uffee"})
    assert [group[0] for group in await groups(api, "k")] == [None, "Z", "a", "b", "ä", "\uffee", "\U0001f600"]


async def test_g9_g10_g11_requests_that_make_no_sense(api: httpx.AsyncClient) -> None:
    await orders(api)
    for body, code in (
        (question("state", limit=1_000_000_000), "INVALID_LIMIT"),
        (question("state", "state"), "DUPLICATE_GROUP_BY"),
        (question("$.i[0]"), "INVALID_GROUP_BY_PATH"),
        (question(), "MISSING_GROUP_BY"),
        (question("state", agregations=[]), "MALFORMED_REQUEST"),
    ):
        refused(await api.post(PATH, json=body), 400, code)


async def test_g12_an_unknown_path_matches_nothing(api: httpx.AsyncClient) -> None:
    await orders(api, {"i": 1})
    assert await ask(api, question("state", condition=simple("$.ghost", "EQUALS", 1))) == []


async def test_g13_a_range_needs_two_bounds(api: httpx.AsyncClient) -> None:
    await orders(api)
    body = question("state", condition=simple("$.i", "BETWEEN", 5))
    refused(await api.post(PATH, json=body), 400, "INVALID_CONDITION")


# --- groups ---------------------------------------------------------------------------------------------------------


async def test_numbers_are_grouped_by_the_text_they_were_written_with(api: httpx.AsyncClient) -> None:
    texts = [
        "1",
        "1.0",
        "1.50",
        "1.5",
        "1e2",
        "100",
        "1.5E+1",
        "0.0000001",
        "-0",
        "0",
        "-0.0",
        "12345678901234567890123",
    ]
    await orders(api, *(f'{{"n": {text}, "t": "1e5"}}' for text in texts), '{"\\u006e":1e2,"n":7,"\\u006e":1e2}')
    found = await groups(api, "n")
    assert found[0] == ("1e2", 2)
    assert sorted(key for key, _ in found) == sorted(texts)


async def test_texts_that_look_like_anything_are_kept(api: httpx.AsyncClient) -> None:
    texts = ["null", '"', "a\u0000b", "{}", "é\n", "x" * 5000]
    await orders(api, *({"k": text} for text in texts))
    assert {key for key, _ in await groups(api, "k")} == set(texts)


async def test_several_paths_make_a_key_in_the_order_of_the_request(api: httpx.AsyncClient) -> None:
    await orders(api, {"a": {"b": "x"}, "c": 1}, {"a": {"b": "x"}, "c": 2}, {"a": {"b": "x"}, "c": 2}, {"c": 1})
    (first, *_) = await ask(api, question("c", "$['a']['b']", "state"))
    assert first == {
        "groupKey": [
            {"path": "$.c", "value": "2"}, {"path": "$.a.b", "value": "x"}, {"path": "state", "value": "CREATED"},
        ],
        "count": 2,
    }  # fmt: skip
    assert await groups(api, "a.b", "c") == [("x", "2", 2), (None, "1", 1), ("x", "1", 1)]


async def test_state_is_reserved_and_its_data_twin_is_not(api: httpx.AsyncClient) -> None:
    await orders(api, {"state": "mine"})
    assert await groups(api, "state", "$.state") == [("CREATED", "mine", 1)]


async def test_a_limit_cuts_after_sorting(api: httpx.AsyncClient) -> None:
    await orders(api, {"k": "c"}, {"k": "b"}, {"k": "a"}, {"k": "c"})
    assert await groups(api, "k", limit=2) == [("c", 2), ("a", 1)]
    assert await groups(api, "k", limit=20, aggregations=None, pointInTime=None) == [("c", 2), ("a", 1), ("b", 1)]


async def test_more_groups_than_the_maximum_are_refused_whatever_the_limit(api: httpx.AsyncClient) -> None:
    await orders(api, *({"k": number} for number in range(20)))
    assert len(await groups(api, "k")) == 20
    await entity(api, {"k": 20})
    for body in (question("k"), question("k", limit=1), question("state", "k", condition=MATCH_ALL)):
        refused(
            await api.post(PATH, json=body), 422, "GROUP_CARDINALITY_EXCEEDED",
            "group cardinality exceeds the configured maximum",
        )  # fmt: skip
    assert await groups(api, "state") == [("CREATED", 21)]


async def test_no_entities_make_no_groups(api: httpx.AsyncClient) -> None:
    (only,) = await orders(api, {"i": 1})
    ok(await api.delete(f"/entity/{only}"))
    assert await ask(api, question("state", figures=["sum i"])) == []


# --- figures --------------------------------------------------------------------------------------------------------


async def test_aliases_name_the_figures_and_repetitions_are_dropped(api: httpx.AsyncClient) -> None:
    await orders(api, {"a": {"b": 2}, "c": 3})
    body = question("state") | {
        "aggregations": [
            {"op": "sum", "field": "$.a.b", "as": "total"}, {"op": "sum", "field": "$.a.b", "as": "again"},
            {"op": "avg", "field": "$['a']['b']"}, {"op": "max", "field": "c", "as": ""},
            {"op": "min", "field": "$.a.b", "as": None},
        ]
    }  # fmt: skip
    (row,) = await ask(api, body)
    assert row["aggregations"] == {"total": 2, "avg_a.b": 2, "max_c": 3, "min_a.b": 2}
    assert list(row["aggregations"]) == ["total", "avg_a.b", "max_c", "min_a.b"]


async def test_numbers_beyond_doubles_are_passed_over(api: httpx.AsyncClient) -> None:
    await orders(api, '{"v":1e400}', '{"v":-1e400}', '{"v":2}', '{"v":1e-400}', f'{{"v":{"9" * 400}}}')
    (group,) = await groups(api, "state", figures=["sum v", "avg v", "min v", "max v"])
    assert group == ("CREATED", 5, 2, 1, 0, 2)


async def test_a_sum_beyond_doubles_is_none(api: httpx.AsyncClient) -> None:
    await orders(api, '{"v":1.7e308}', '{"v":1.7e308}')
    (group,) = await groups(api, "state", figures=["sum v", "max v"])
    assert group == ("CREATED", 2, None, 1.7e308)


async def test_deviations_are_stable_far_from_zero(api: httpx.AsyncClient) -> None:
    await orders(api, *({"v": 1_000_000_000 + number} for number in (4, 7, 13, 16)))
    (group,) = await groups(api, "state", figures=["stdev v"])
    assert group == ("CREATED", 4, pytest.approx(5.477225575051661, rel=1e-9))


# --- conditions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (MATCH_ALL, 4),
        (simple("$.i", "GREATER_THAN", 1), 2),
        (simple("i", "EQUALS", 3), 1),
        (simple("$.s", "EQUALS", "a"), 2),
        (simple("$.s", "NOT_NULL"), 3),
        (simple("$.s", "IS_NULL"), 1),
        (simple("$.b", "EQUALS", True), 1),
        (simple("$.s", "EQUALS", "\u0000"), 0),
        (simple("$.i", "EQUALS", "text"), 0),
        (lifecycle("state", "EQUALS", "CREATED"), 4),
        (lifecycle("state", "NOT_EQUAL", "CREATED"), 0),
        (lifecycle("creationDate", "GREATER_THAN", "2026-01-01"), 4),
        (lifecycle("creationDate", "LESS_THAN", "2026-01-01"), 0),
        (lifecycle("creationDate", "LESS_THAN", "9999-12-31T23:59:59.999Z"), 4),
        ({"type": "array", "jsonPath": "$.tags", "values": ["x"]}, 1),
        (simple("$.tags[*]", "EQUALS", "y"), 1),
    ],
)
async def test_a_condition_selects(api: httpx.AsyncClient, condition: object, count: int) -> None:
    await orders(api, {"i": 1, "s": "a"}, {"i": 2, "s": "a", "b": True}, {"i": 3, "s": "b"}, {"tags": ["x", "y"]})
    rows = await groups(api, "state", condition=condition)
    assert rows == ([("CREATED", count)] if count else [])


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (None, "INVALID_CONDITION"),
        ({}, "INVALID_CONDITION"),
        ([], "INVALID_CONDITION"),
        ({"type": "nonsense"}, "INVALID_CONDITION"),
        (simple("$.i", "NONSENSE", 1), "INVALID_CONDITION"),
        (simple("$.i", "EQUALS", {}), "INVALID_CONDITION"),
        (simple("$.s", "MATCHES_PATTERN", "("), "INVALID_CONDITION"),
        ({"type": "group", "operator": "NOT", "conditions": []}, "INVALID_CONDITION"),
        ({"type": "function", "function": {"name": "f"}}, "INVALID_CONDITION"),
        (simple("", "EQUALS", 1), "INVALID_FIELD_PATH"),
        (lifecycle("current_state", "EQUALS", "x"), "INVALID_FIELD_PATH"),
        (lifecycle("creationDate", "EQUALS", "x"), "CONDITION_TYPE_MISMATCH"),
    ],
)
async def test_a_condition_may_be_refused(api: httpx.AsyncClient, condition: object, code: str) -> None:
    await orders(api)
    refused(await api.post(PATH, json=question("state", condition=condition)), 400, code)


async def test_only_entities_that_may_not_count_use_up_the_budget(api: httpx.AsyncClient) -> None:
    await orders(api, *({"i": number} for number in range(9)))
    assert await groups(api, "state") == [("CREATED", 9)]
    body = question("state", condition=simple("$.i", "NOT_EQUAL", 100))
    refused(
        await api.post(PATH, json=body), 400, "SCAN_BUDGET_EXHAUSTED",
        "scan budget exhausted; narrow the query or add an indexable predicate",
    )  # fmt: skip


# --- time and transactions ------------------------------------------------------------------------------------------


async def test_the_past_is_counted_as_it_was(api: httpx.AsyncClient) -> None:
    first, second = await orders(api, {"k": "a"}, {"k": "b"})
    moment = (await read(api, second))["meta"]["lastUpdateTime"]
    ok(await api.put(f"/entity/JSON/{first}", json={"k": "b"}))
    ok(await api.delete(f"/entity/{second}"))
    await entity(api, {"k": "c"})
    assert await groups(api, "k", pointInTime=moment) == [("a", 1), ("b", 1)]
    assert await groups(api, "k", pointInTime=moment, condition=simple("$.k", "EQUALS", "b")) == [("b", 1)]
    assert await groups(api, "k", pointInTime="2020-01-01T00:00:00+01:00") == []
    assert await groups(api, "k", pointInTime="2100-01-01T00:00:00Z") == await groups(api, "k") == [("b", 1), ("c", 1)]


async def test_a_transaction_counts_its_own_writes_and_tracks_no_reads(api: httpx.AsyncClient, node: Node) -> None:
    first, second, third = await orders(api, {"k": "a", "n": 1}, {"k": "a", "n": 2}, {"k": "b", "n": 4})
    moment = (await read(api, third))["meta"]["lastUpdateTime"]
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()
        joined = {"X-Tx-Token": transactions.token(transaction)}
        ok(await api.put(f"/entity/JSON/{first}", json={"k": "b", "n": 10}, headers=joined))
        ok(await api.delete(f"/entity/{second}", headers=joined))
        await api.post("/entity/JSON/order/1", json={"k": "c"}, headers=joined)
        ok(await api.put(f"/entity/JSON/{third}", json={"k": "z", "n": 100}))
        await entity(api, {"k": "outside"})
        expected = [("b", 2, 14), ("c", 1, None)]
        assert await groups(api, "k", figures=["sum n"], headers=joined) == expected
        assert await groups(api, "k", headers=joined, condition=simple("$.n", "GREATER_THAN", 5)) == [("b", 1)]
        assert await groups(api, "k", headers=joined, condition=simple("$.k", "EQUALS", "b")) == [("b", 2)]
        assert await groups(api, "k", headers=joined, pointInTime=moment) == [("a", 2), ("b", 1)]
        await transaction.lock.acquire()
    assert await groups(api, "k") == [("b", 1), ("c", 1), ("outside", 1), ("z", 1)]


async def test_a_token_is_judged_before_the_request(api: httpx.AsyncClient) -> None:
    answer = await api.post(PATH, content=b"!", headers={"X-Tx-Token": "forged"})
    refused(answer, 401, "UNAUTHORIZED", "invalid transaction token")


# --- refusals, in the contract's order ------------------------------------------------------------------------------


async def test_refusals_come_in_order(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    """Each request repairs what the one before was refused for."""
    body: dict[str, Any] = {
        "groupBy": [], "aggregations": [{"op": "median", "field": "$.i[*]"}], "limit": 0, "condition": None,
    }  # fmt: skip
    refused(
        await api.post(PATH, content=b" " * (10 * 1024 * 1024 + 1)), 413, "BAD_REQUEST", "request body exceeds 10 MiB"
    )
    refused(await api.post(PATH, json=body | {"pointInTime": "2026-01-01"}), 400, "MALFORMED_REQUEST")
    refused(await api.post(PATH, json=body), 400, "MISSING_GROUP_BY", "groupBy is required")
    body["groupBy"] = ["", "state", "state"]
    refused(await api.post(PATH, json=body), 400, "INVALID_GROUP_BY_PATH", "path is empty")
    body["groupBy"] = ["state", "state"]
    refused(await api.post(PATH, json=body), 400, "DUPLICATE_GROUP_BY", "duplicate groupBy entry: state")
    body["groupBy"] = ["state"]
    refused(await api.post(PATH, json=body), 400, "INVALID_AGGREGATION_OP", "unknown op: median")
    body["aggregations"] = [{"op": "sum", "field": "$.i[*]"}]
    refused(await api.post(PATH, json=body), 400, "INVALID_AGGREGATION_FIELD", "$.i[*]")
    body["aggregations"] = [{"op": op, "field": "i", "as": "x"} for op in ("sum", "avg")]
    refused(await api.post(PATH, json=body), 400, "DUPLICATE_AGGREGATION_ALIAS", "x")
    del body["aggregations"]
    refused(await api.post(PATH, json=body), 400, "INVALID_LIMIT", "limit must be positive and <= 20")
    body["limit"] = 20
    for path in (PATH, PATH.replace("/1/", "/x/"), PATH.replace("/1/", "/99999999999/")):
        refused(await api.post(path, json=body), 404, "MODEL_NOT_FOUND", "model not found")
    await model(api, lock=False)
    refused(await api.post(PATH, json=body), 400, "INVALID_CONDITION")
    del body["condition"]
    assert await ask(api, body) == []
    refused(await stranger.post(PATH, json=body), 404, "MODEL_NOT_FOUND", "model not found")


async def test_strangers_count_their_own(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await orders(api, {"i": 1})
    await orders(stranger, {"i": 2}, {"i": 3})
    assert await groups(api, "state", figures=["sum i"]) == [("CREATED", 1, 1)]
    assert await groups(stranger, "state", figures=["sum i"]) == [("CREATED", 2, 5)]
