"""Rules of the edge that all endpoints share, asked of the real ones (contract: entities 1.1, 1.3, 1.4, 1.9, 1.10)."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from cyoda.http.response import JSON
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, read, refused, workflow

MEBIBYTE = 1024 * 1024
TEN_MEBIBYTES = 10 * MEBIBYTE


# --- content types, sizes, JSON conventions (1.3) -----------------------------------------------------------------


async def test_answers_carry_a_bare_content_type_and_no_headers_to_cache_or_page_by(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    for answer in (await api.get(f"/entity/{entity_id}"), await api.get("/entity/order/1"), await api.get("/model/")):
        assert answer.headers["content-type"] == JSON.decode()
        assert not {"etag", "link", "x-request-id", "x-total-count"} & set(answer.headers)
    missing = await api.get("/entity/order/2")
    assert missing.headers["content-type"] == "application/problem+json"


async def test_content_type_and_accept_are_ignored(api: httpx.AsyncClient) -> None:
    await model(api)
    headers = {"Content-Type": "text/csv; charset=latin-1", "Accept": "application/xml"}
    created = await api.post("/entity/JSON/order/1", content=b'{"amount":2}', headers=headers)
    (chunk,) = ok(created)
    assert created.headers["content-type"] == "application/json"
    assert ok(await api.get(f"/entity/{chunk['entityIds'][0]}", headers={"Accept": "text/html"}))["data"] == {
        "amount": 2
    }
    found = await api.post("/search/direct/order/1", json=MATCH_ALL, headers={"Accept": "application/json"})
    assert found.headers["content-type"] == "application/x-ndjson"


async def test_unknown_query_parameters_and_members_are_ignored(api: httpx.AsyncClient) -> None:
    await model(api, lock=False)
    keys = {"uniqueKeys": [{"id": "k", "fields": ["$.name"], "more": 1}], "more": 1}
    ok(await api.put("/model/order/1/unique-keys", json=keys, params={"transactional": "true"}))
    ok(await api.put("/model/order/1/lock", params={"x": "1"}))
    item = {"model": {"name": "order", "version": 1, "more": 1}, "payload": '{"amount":1}', "more": 1}
    (chunk,) = ok(await api.post("/entity/JSON", json=[item], params={"transactional": "true"}))
    (entity_id,) = chunk["entityIds"]
    change = {"id": entity_id, "payload": '{"amount":2}', "more": 1, "transition": None, "ifMatch": None}
    ok(await api.put("/entity/JSON", json=[change]))
    assert (await read(api, entity_id))["data"] == {"amount": 2}


@pytest.mark.parametrize(
    ("method", "path", "limit", "status", "message"),
    [
        ("POST", "/model/import/JSON/SAMPLE_DATA/other/1", TEN_MEBIBYTES, 400, "failed to read body"),
        ("POST", "/model/validate/order/1", TEN_MEBIBYTES, 400, "failed to parse request body"),
        ("PUT", "/model/order/1/unique-keys", MEBIBYTE, 400, "failed to parse request body"),
        ("POST", "/entity/JSON/order/1", TEN_MEBIBYTES, 400, "failed to read body"),
        ("POST", "/entity/JSON", TEN_MEBIBYTES, 400, "failed to read body"),
        ("PUT", "/entity/JSON", TEN_MEBIBYTES, 400, "failed to read body"),
        ("PUT", "/entity/JSON/{entity}", TEN_MEBIBYTES, 400, "failed to read body"),
        ("PATCH", "/entity/JSON/{entity}", TEN_MEBIBYTES, 400, "failed to read body"),
        ("POST", "/entity/stats/order/1/query", TEN_MEBIBYTES, 413, "request body exceeds 10 MiB"),
    ],
)
async def test_a_body_may_be_as_long_as_its_limit_and_not_a_byte_longer(
    api: httpx.AsyncClient, method: str, path: str, limit: int, status: int, message: str
) -> None:
    await model(api)
    path = path.replace("{entity}", await entity(api))
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    longest = b"{}" + b" " * (limit - 2)
    assert message not in (await api.request(method, path, content=longest, headers=headers)).text
    before = ok(await api.get("/entity/order/1"))
    answer = await api.request(method, path, content=longest + b" ", headers=headers)
    refused(answer, status, "BAD_REQUEST", message)
    assert ok(await api.get("/entity/order/1")) == before


async def test_a_single_document_may_be_followed_by_anything_and_a_collection_by_nothing(
    api: httpx.AsyncClient,
) -> None:
    assert ok(await api.post("/model/import/JSON/SAMPLE_DATA/order/1", content=b'{"amount":1} {"name":1} ]'))
    ok(await api.put("/model/order/1/lock"))
    entity_id = await entity(api, {"amount": 1})
    ok(await api.put(f"/entity/JSON/{entity_id}", content=b'{"amount":5}]]'))
    headers = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
    ok(await api.patch(f"/entity/JSON/{entity_id}", content=b'{"amount":6} and more', headers=headers))
    assert (await read(api, entity_id))["data"] == {"amount": 6}
    assert ok(await api.post("/model/validate/order/1", content=b'{"amount":1} x'))["success"]
    refused(await api.post("/entity/JSON", content=b"[] x"), 400, "BAD_REQUEST", "invalid JSON array")


async def test_of_duplicate_names_the_last_wins(api: httpx.AsyncClient) -> None:
    await model(api)
    (chunk,) = ok(await api.post("/entity/JSON/order/1", content=b'{"amount":1,"amount":2}'))
    assert (await read(api, chunk["entityIds"][0]))["data"] == {"amount": 2}


# --- binding (1.4) ------------------------------------------------------------------------------------------------


async def test_an_empty_moment_counts_as_absent(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    for path in (f"/entity/{entity_id}", f"/entity/{entity_id}/transitions", "/entity/order/1", "/entity/stats"):
        assert ok(await api.get(path, params={"pointInTime": ""})) == ok(await api.get(path))


async def test_a_parameter_that_does_not_bind_is_named_before_anything_is_looked_up(api: httpx.AsyncClient) -> None:
    for method, path, name in (
        ("GET", "/entity/none/x", "modelVersion"),
        ("GET", "/entity/x/changes", "entityId"),
        ("GET", "/entity/x", "entityId"),
        ("DELETE", "/entity/x", "entityId"),
        ("PUT", "/entity/JSON/x", "entityId"),
        ("GET", "/entity/none/1?pageSize=1.5", "pageSize"),
        ("GET", "/entity/none/1?pageNumber=1&pageNumber=2", "pageNumber"),
        ("GET", "/entity/stats?pointInTime=2026-01-01T00:00:00", "pointInTime"),
        ("DELETE", "/entity/none/1?verbose=yes", "verbose"),
        ("POST", "/entity/JSON/none/1?waitForConsistencyAfter=", "waitForConsistencyAfter"),
        ("POST", "/entity/JSON/none/1?transactionTimeoutMillis=1s", "transactionTimeoutMillis"),
        ("GET", "/message/x", "messageId"),
    ):
        refused(
            await api.request(method, path), 400, "BAD_REQUEST", f"invalid value for parameter '{name}'", parameter=name
        )


# --- routing (1.9) ------------------------------------------------------------------------------------------------


async def test_unknown_paths_wrong_methods_and_trailing_slashes(api: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/entity/order/1/", "/entity", "/platform-api/entity-info/x", "/model/order/1"):
        answer = await api.get(path)
        if path == "/model/order/1":  # known to DELETE only
            assert (answer.status_code, answer.content, answer.headers["allow"]) == (405, b"", "DELETE")
        else:
            assert (answer.status_code, answer.text) == (404, "404 page not found")
            assert answer.headers["content-type"].startswith("text/plain")


async def test_without_a_token_every_path_of_the_api_is_401_and_the_public_ones_answer(node: Node) -> None:
    transport = httpx.ASGITransport(node.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://node/api") as anonymous:
        for path in ("/model/", "/nowhere", "/entity/x", "/help/a/b"):
            refused(await anonymous.get(path), 401, "UNAUTHORIZED", "authentication failed")
        for path in ("/health", "/help", "/help/models", "/help/workflows/schema-version/versions"):
            assert (await anonymous.get(path)).status_code == 200, path


# --- paging (1.10) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pageNumber=-1&pageSize=-1", "invalid pageNumber"),
        ("pageSize=-1&pageNumber=214749", "invalid pageSize"),
        ("pageSize=10001&pageNumber=214749", "pageSize exceeds maximum 10000"),
        ("pageNumber=214749", "pageNumber exceeds maximum 214748"),
    ],
)
async def test_paging_limits_are_checked_in_order_before_the_model(
    api: httpx.AsyncClient, query: str, message: str
) -> None:
    refused(await api.get(f"/entity/none/1?{query}"), 400, "BAD_REQUEST", message)


async def test_pages_are_counted_from_zero_and_may_be_empty(api: httpx.AsyncClient) -> None:
    await model(api)
    ids = sorted([await entity(api) for _ in range(25)])

    async def page(query: str) -> list[str]:
        return [found["meta"]["id"] for found in ok(await api.get(f"/entity/order/1{query}"))]

    assert await page("") == ids[:20]
    assert await page("?pageNumber=1") == ids[20:]
    assert await page("?pageSize=10&pageNumber=2") == ids[20:]
    assert await page("?pageSize=10000&pageNumber=0") == ids
    assert (
        await page("?pageSize=0") == await page("?pageNumber=214748") == await page("?pageSize=25&pageNumber=1") == []
    )


# --- refusals that no other suite provokes -------------------------------------------------------------------------


async def test_with_a_change_level_a_structure_in_another_s_place_is_a_polymorphic_slot(api: httpx.AsyncClient) -> None:
    await model(api, sample={"o": {"x": 1}})
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    before = ok(await api.get("/model/export/SIMPLE_VIEW/order/1"))
    for document in ({"o": 5}, {"o": [1]}):
        refused(await api.post("/entity/JSON/order/1", json=document), 400, "POLYMORPHIC_SLOT")
    assert ok(await api.get("/entity/stats/order/1"))["count"] == 0
    assert ok(await api.get("/model/export/SIMPLE_VIEW/order/1")) == before


async def test_a_partly_filled_or_oversized_unique_key_is_refused_and_nothing_stored(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": "x", "n": 1.5}, lock=False)
    ok(await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [{"id": "k", "fields": ["$.a", "$.n"]}]}))
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/order/1/lock"))
    for body in (b'{"a":"x"}', b'{"n":1}', b'{"a":"x","n":%b}' % (b"7" * 65), b'{"a":"x","n":1e6145}'):
        answer = await api.post("/entity/JSON/order/1", content=body)
        refused(answer, 422, "INVALID_UNIQUE_KEY", "composite unique key incomplete")
    item = {"model": {"name": "order", "version": 1}, "payload": '{"a":"x"}'}
    answer = await api.post("/entity/JSON", json=[item])
    refused(answer, 422, "INVALID_UNIQUE_KEY", "item 0: composite unique key incomplete")
    assert ok(await api.get("/entity/stats/order/1"))["count"] == 0


# --- help (1.1) ---------------------------------------------------------------------------------------------------


async def test_help_is_a_list_of_topics_each_a_page(api: httpx.AsyncClient) -> None:
    topics = ok(await api.get("/help"))["topics"]
    assert {"models", "entities", "search", "errors"} <= {topic["topic"] for topic in topics}
    for topic in topics:
        page = ok(await api.get(topic["path"]))
        assert page["body"].startswith(f"# {topic['title']}\n")
        assert {name: page[name] for name in topic} == topic


async def test_an_unknown_topic_and_a_text_that_can_be_none_are_told_apart(api: httpx.AsyncClient) -> None:
    refused(await api.get("/help/nothing"), 404, "HELP_TOPIC_NOT_FOUND")
    for name in ("Models", "..%2Fsettings", "a%20b", "-"):
        refused(await api.get(f"/help/{name}"), 400, "BAD_REQUEST", "invalid help topic")


async def test_help_tells_which_workflow_versions_can_be_imported(api: httpx.AsyncClient) -> None:
    versions = ok(await api.get("/help/workflows/schema-version/versions"))
    assert versions == {"current": "1.3", "supported": [{"major": 1, "minMinor": 1, "maxMinor": 3}]}


async def test_the_help_on_search_names_every_operator(api: httpx.AsyncClient) -> None:
    words = set(re.findall(r"[A-Z_]{4,}", ok(await api.get("/help/search"))["body"]))
    assert {"EQUALS", "BETWEEN_INCLUSIVE", "MATCHES_PATTERN", "IS_NULL", "LIKE"} <= words


# --- older clients (search 16, engine 10, control plane 7) --------------------------------------------------------


async def test_the_former_search_answers_one_json_array(api: httpx.AsyncClient) -> None:
    await model(api)
    ids = sorted([await entity(api), await entity(api)])
    answer = await api.post("/search/order/1", json=MATCH_ALL)
    assert answer.headers["content-type"] == "application/json"
    assert sorted(found["meta"]["id"] for found in ok(answer)) == ids
    assert ok(answer) == [ok(await api.get(f"/entity/{found['meta']['id']}")) for found in ok(answer)]
    refused(await api.post("/search/order/1?limit=1", json=MATCH_ALL), 400, "SEARCH_RESULT_LIMIT")
    refused(await api.post("/search/none/1", json=MATCH_ALL), 404, "MODEL_NOT_FOUND")


async def test_the_former_search_takes_its_moment_under_either_name(api: httpx.AsyncClient) -> None:
    await model(api)
    first = await read(api, await entity(api))
    await entity(api)
    for name in ("clientPointTime", "pointInTime"):
        answer = await api.post("/search/order/1", json=MATCH_ALL, params={name: first["meta"]["creationDate"]})
        assert ok(answer) == [first]
    refused(
        await api.post("/search/order/1?clientPointTime=x", json=MATCH_ALL), 400, "BAD_REQUEST",
        parameter="clientPointTime",
    )  # fmt: skip


async def test_a_transition_is_fired_without_a_body(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    before = await read(api, await entity(api))
    entity_id = before["meta"]["id"]
    query = {
        "entityId": entity_id,
        "entityClass": "com.cyoda.tdb.model.treenode.TreeNodeEntity",
        "transitionName": "approve",
        "waitForConsistencyAfter": "true",
    }
    answer = ok(await api.put("/platform-api/entity/transition", params=query))
    after = await read(api, entity_id)
    assert answer == {"transactionId": after["meta"]["transactionId"], "entityIds": [entity_id]}
    assert (after["meta"]["state"], after["data"]) == ("APPROVED", before["data"])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "BAD_REQUEST"),
        ({"entityId": "x"}, 400, "BAD_REQUEST"),
        ({"entityId": "x", "transitionName": "go"}, 404, "ENTITY_NOT_FOUND"),
        ({"entityId": "6d798335-e75b-11f1-a067-febab3db59f3", "transitionName": "go"}, 404, "ENTITY_NOT_FOUND"),
    ],
)
async def test_refusals_of_a_transition_without_a_body(
    api: httpx.AsyncClient, query: dict[str, Any], status: int, code: str
) -> None:
    refused(await api.put("/platform-api/entity/transition", params=query), status, code)


async def test_a_transition_that_cannot_be_fired_is_refused_there_too(api: httpx.AsyncClient) -> None:
    await model(api)
    query = {"entityId": await entity(api), "transitionName": "nothing"}
    refused(await api.put("/platform-api/entity/transition", params=query), 400, "TRANSITION_NOT_FOUND")


class TestWithoutAliases:
    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"CYODA_LEGACY_ALIASES": "false"}

    async def test_the_paths_of_older_clients_are_unknown(self, api: httpx.AsyncClient) -> None:
        for method, path in (("POST", "/search/order/1"), ("PUT", "/platform-api/entity/transition")):
            answer = await api.request(method, path, json=MATCH_ALL)
            assert (answer.status_code, answer.text) == (404, "404 page not found")
