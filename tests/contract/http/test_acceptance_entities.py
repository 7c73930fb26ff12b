"""The acceptance list and the error table of models and entities, as far as no other suite asks them over HTTP.

(contract: entities 1.8, 10; the numbers in the names of the sections are those of 10)
"""

from __future__ import annotations

import json
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
import pytest

from cyoda import jsonio
from cyoda.http.problem import TITLES
from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow
from tests.unit.schema.test_change_level import ROWS
from tests.unit.schema.test_views import ONE, VIEWS, compact
from workflows.core.schema.change_level import ChangeLevel

MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
CODES = {"BR": "BAD_REQUEST", "IT": "INCOMPATIBLE_TYPE", "PS": "POLYMORPHIC_SLOT"}
IMPORT = "/model/import/JSON/SAMPLE_DATA"
VIEW = "/model/export/SIMPLE_VIEW"
TAKEN = "a composite unique key constraint was violated"
PARTIAL = "composite unique key incomplete"
KEY = {"id": "k", "fields": ["$.org", "$.no"]}


def problem(answer: httpx.Response, status: int, code: str, message: str, **properties: object) -> None:
    """The whole problem document, without any other member (contract: entities 1.7)."""
    path = answer.request.url.path.removeprefix("/api")
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert answer.json() == {
        "type": "about:blank", "title": TITLES[status], "status": status, "detail": f"{code}: {message}",
        "instance": path, "properties": {"errorCode": code, **properties},
    }  # fmt: skip
    assert answer.status_code == status


def item(payload: object, name: str = "order") -> dict[str, Any]:
    return {"model": {"name": name, "version": 1}, "payload": json.dumps(payload)}


def change(entity_id: str, payload: object, **more: object) -> dict[str, Any]:
    return {"id": entity_id, "payload": json.dumps(payload), **more}


async def world(api: httpx.AsyncClient) -> list[str]:
    """Models, schemas, entities and counts as text: what a refusal must leave as it was."""
    models = ok(await api.get("/model/"))
    paths = [f"{VIEW}/{one['modelName']}/1" for one in models] + [f"/entity/{one['modelName']}/1" for one in models]
    return [json.dumps(models), *[(await api.get(path)).text for path in paths]]


# --- models (1, 2, 4, 5) ------------------------------------------------------------------------------------------


async def test_a_model_has_one_id_wherever_it_is_named(api: httpx.AsyncClient) -> None:
    expected = str(uuid5(NAMESPACE_URL, "order.1"))
    assert await model(api, lock=False) == expected
    assert [one["id"] for one in ok(await api.get("/model/"))] == [expected]
    actions = [
        await api.post("/model/order/1/changeLevel/TYPE"), await api.post("/model/validate/order/1", json={}),
        await api.put("/model/order/1/unique-keys", json={}), await api.put("/model/order/1/lock"),
    ]  # fmt: skip
    assert ok(await api.delete("/entity/order/1"))["entityModelClassId"] == expected
    actions += [await api.put("/model/order/1/unlock"), await api.delete("/model/order/1")]
    assert {ok(action)["modelId"] for action in actions} == {expected}
    assert all(ok(action)["modelKey"] == {"name": "order", "version": 1} for action in actions)


async def test_views_of_merged_samples_are_the_same_bytes_from_every_store(api: httpx.AsyncClient) -> None:
    for number, (samples, view) in enumerate(VIEWS):
        for sample in [*samples, samples[-1]]:  # the same sample again changes nothing
            ok(await api.post(f"{IMPORT}/m{number}/1", content=sample))
        exported = await api.get(f"{VIEW}/m{number}/1")
        assert exported.text == f'{{"currentState":"UNLOCKED","model":{compact(view)}}}', samples
    schema = (await api.get("/model/export/JSON_SCHEMA/m0/1")).text
    assert VIEWS[0][0] == [ONE]
    assert '"obj":{"properties":{"x":{"type":"integer"}},"type":"object"}' in schema
    assert schema == json.dumps(json.loads(schema), separators=(",", ":"), sort_keys=True)


@pytest.mark.parametrize("level", list(ChangeLevel))
async def test_the_matrix_of_change_levels_decides_what_is_stored(api: httpx.AsyncClient, level: ChangeLevel) -> None:
    for number, (_, sample, payload, outcomes, after) in enumerate(ROWS):
        name = f"m{number}"
        ok(await api.post(f"{IMPORT}/{name}/1", content=sample))
        ok(await api.post(f"/model/{name}/1/changeLevel/{level.name}"))
        ok(await api.put(f"/model/{name}/1/lock"))
        before = ok(await api.get(f"{VIEW}/{name}/1"))
        outcome = outcomes.split()[level]
        answer = await api.post(f"/entity/JSON/{name}/1", content=payload)
        view = ok(await api.get(f"{VIEW}/{name}/1"))
        count = ok(await api.get(f"/entity/stats/{name}/1"))["count"]
        if outcome == "ok":
            ok(answer)
            assert view["model"] == (before["model"] if after == "same" else jsonio.parse(after)), (sample, payload)
            assert count == 1
        else:
            refused(answer, 400, CODES[outcome])
            assert (view, count) == (before, 0)


async def test_refusals_of_model_changes_are_whole_and_change_nothing(api: httpx.AsyncClient) -> None:
    await model(api)
    await model(api, "open", lock=False)
    key: dict[str, Any] = {"entityName": "order", "entityVersion": 1}
    states: dict[str, object] = {"expectedState": "UNLOCKED", "actualState": "LOCKED"}
    told = "entityModel{entityName=order, entityVersion=1}. expectedState=UNLOCKED, actualState=LOCKED"
    before = await world(api)
    problem(await api.delete("/model/order/1"), 409, "MODEL_ALREADY_LOCKED", f"cannot delete {told}", **key, **states)
    problem(
        await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [{"id": "", "fields": []}]}),
        409, "MODEL_ALREADY_LOCKED", f"cannot process {told}", **key, **states,
    )  # fmt: skip
    problem(
        await api.put("/model/open/1/unlock"), 409, "MODEL_ALREADY_UNLOCKED",
        "cannot process entityModel{entityName=open, entityVersion=1}. expectedState=LOCKED, actualState=UNLOCKED",
        entityName="open", entityVersion=1, expectedState="LOCKED", actualState="UNLOCKED",
    )  # fmt: skip
    # the converter is judged before the lock, the lock before the format
    problem(await api.post("/model/import/YAML/X/order/1"), 400, "BAD_REQUEST", "unsupported import converter")
    refused(await api.post("/model/import/YAML/SAMPLE_DATA/order/1"), 409, "MODEL_ALREADY_LOCKED", **key)
    assert await world(api) == before


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([{"id": "", "fields": ["$.name"]}], "key ID must not be empty"),
        ([{"id": "k", "fields": ["$.name"]}] * 2, 'duplicate key ID "k"'),
        ([{"id": "k", "fields": []}], 'key "k" has no fields'),
        ([{"id": "k", "fields": ["$.name", "$.name"]}], 'key "k": duplicate field "$.name"'),
        ([{"id": "k", "fields": ["name"]}], 'key "k": field "name" is not a known scalar leaf'),
        ([{"id": "k", "fields": ["$.ghost"]}], 'key "k": field "$.ghost" is not a known scalar leaf'),
    ],
)
async def test_a_wrong_unique_key_is_refused_with_its_reason(
    api: httpx.AsyncClient, keys: list[Any], reason: str
) -> None:
    await model(api, lock=False)
    answer = await api.put("/model/order/1/unique-keys", json={"uniqueKeys": keys})
    problem(answer, 422, "INVALID_UNIQUE_KEY_DEFINITION", reason, entityName="order", entityVersion=1)
    assert "uniqueKeys" not in ok(await api.get(f"{VIEW}/order/1"))


async def test_a_schema_never_grows_over_a_unique_key(api: httpx.AsyncClient) -> None:
    await model(api, sample={"no": None}, lock=False)
    ok(await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [{"id": "k", "fields": ["$.no"]}]}))
    before = await world(api)
    answer = await api.post(f"{IMPORT}/order/1", json={"no": {"x": 1}})
    problem(
        answer, 422, "INVALID_UNIQUE_KEY_DEFINITION",
        're-import invalidates existing unique key definitions: key "k": field "$.no" is not a known scalar leaf',
        entityName="order", entityVersion=1,
    )  # fmt: skip
    assert await world(api) == before
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/order/1/lock"))
    refused(await api.post("/entity/JSON/order/1", json={"no": {"x": 1}}), 422, "INVALID_UNIQUE_KEY_DEFINITION")
    assert ok(await api.get(f"{VIEW}/order/1"))["model"] == {"$": {".no": "NULL"}}
    assert ok(await api.get("/entity/order/1")) == []


async def test_only_an_import_changes_the_date_of_a_model(api: httpx.AsyncClient) -> None:
    async def date() -> str:
        (listed,) = ok(await api.get("/model/"))
        return listed["modelUpdateDate"]

    await model(api, lock=False)
    first = await date()
    ok(await api.put("/model/order/1/unique-keys", json={}))
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/order/1/lock"))
    await entity(api, {"more": 1})
    ok(await api.delete("/entity/order/1"))
    ok(await api.put("/model/order/1/unlock"))
    assert await date() == first
    await model(api, sample={"other": 1})
    assert await date() > first
    view = ok(await api.get(f"{VIEW}/order/1"))["model"]["$"]
    assert set(view) == {".amount", ".name", ".more", ".other"}
    await entity(api, {"again": 1})  # the change level survives unlocking and importing


async def test_a_deleted_model_leaves_the_history_of_its_entities(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    ok(await api.delete(f"/entity/{entity_id}"))
    ok(await api.put("/model/order/1/unlock"))
    ok(await api.delete("/model/order/1"))
    refused(await api.get("/entity/order/1"), 404, "MODEL_NOT_FOUND", "model order/1 not found")
    assert [one["changeType"] for one in ok(await api.get(f"/entity/{entity_id}/changes"))] == ["DELETE", "CREATE"]


# --- writing in chunks (6, 8) -------------------------------------------------------------------------------------


async def test_a_window_takes_one_to_a_thousand_items(api: httpx.AsyncClient) -> None:
    await model(api)
    items = [{"amount": n} for n in range(101)]
    for window, sizes in (("", [100, 1]), ("?transactionWindow=1000", [101])):
        for path, body in (("/entity/JSON/order/1", items), ("/entity/JSON", [item(one) for one in items])):
            chunks = ok(await api.post(f"{path}{window}", json=body))
            assert [len(chunk["entityIds"]) for chunk in chunks] == sizes
            assert all(UUID(chunk["transactionId"]).version == 1 for chunk in chunks)
    assert [len(c["entityIds"]) for c in ok(await api.post("/entity/JSON?transactionWindow=1", json=[item({})] * 2))] \
        == [1, 1]  # fmt: skip


async def test_a_stale_item_is_counted_within_its_chunk_and_compared_with_what_is_committed(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    one, two, three, four = [await entity(api) for _ in range(4)]
    first = (await read(api, three))["meta"]["transactionId"]
    items = [
        change(one, {"amount": 2}), change(two, {"amount": 2}),
        change(three, {"amount": 3}, ifMatch=first), change(four, {"amount": 3}, ifMatch=UNKNOWN),
        change(three, {"amount": 4}, ifMatch=first), change(three, {"amount": 4}),
    ]  # fmt: skip
    chunks = ok(await api.put("/entity/JSON?transactionWindow=2", json=items))
    assert [chunk["entityIds"] for chunk in chunks] == [[one, two], [three], [three]]
    assert [[(f["entityId"], f["error"]["itemIndex"]) for f in c.get("failed", [])] for c in chunks] == [
        [], [(four, 1)], [(three, 0)],
    ]  # fmt: skip
    # twice in one chunk: the second is compared with what is committed, not with what the first staged
    current = (await read(api, one))["meta"]["transactionId"]
    twice = [change(one, {"amount": n}, ifMatch=current) for n in (8, 9)]
    (chunk,) = ok(await api.put("/entity/JSON", json=twice))
    assert (chunk["entityIds"], "failed" in chunk) == ([one, one], False)
    assert (await read(api, one))["data"] == {"amount": 9}


async def test_a_collection_on_an_unlocked_model_or_with_a_misfit_names_what_is_wrong(api: httpx.AsyncClient) -> None:
    await model(api)
    await model(api, "open", lock=False)
    before = await world(api)
    problem(
        await api.post("/entity/JSON", json=[item({}), item({}, "open")]),
        409, "MODEL_NOT_LOCKED", "item 1: model is not locked",
    )  # fmt: skip
    problem(
        await api.post("/entity/XML", json=[item({}), item({"amount": "x"})]), 400, "INCOMPATIBLE_TYPE",
        "validation failed: amount: value of type STRING is not compatible with [INTEGER]", fieldPath="amount",
        expectedType=["INTEGER"], actualType="STRING", entityName="order", entityVersion="1",
    )  # fmt: skip
    assert await world(api) == before


# --- unique keys (14) ---------------------------------------------------------------------------------------------


@pytest.fixture
async def keyed(api: httpx.AsyncClient) -> None:
    """Orders whose organisation and number are unique together."""
    await model(api, sample={"org": "a", "no": 1.5, "memo": "m"}, lock=False)
    ok(await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [KEY]}))
    ok(await api.put("/model/order/1/lock"))


async def posted(api: httpx.AsyncClient, text: str) -> httpx.Response:
    return await api.post("/entity/JSON/order/1", content=text)


@pytest.mark.usefixtures("keyed")
async def test_values_are_compared_exactly_and_a_key_without_values_is_exempt(api: httpx.AsyncClient) -> None:
    ok(await posted(api, '{"org":"a","no":42}'))
    before = await world(api)
    for number in ("42", "42.0", "4.2e1", "0.42E2"):
        problem(await posted(api, f'{{"org":"a","no":{number}}}'), 409, "UNIQUE_VIOLATION", TAKEN)
    problem(await posted(api, '{"org":"a"}'), 422, "INVALID_UNIQUE_KEY", PARTIAL)
    problem(await posted(api, '{"org":"a","no":null}'), 422, "INVALID_UNIQUE_KEY", PARTIAL)
    assert await world(api) == before
    for text in ('{"org":"b","no":42}', '{"org":"a","no":42.5}', "{}", '{"memo":"x","org":null}', "{}"):
        ok(await posted(api, text))


@pytest.mark.usefixtures("keyed")
async def test_every_kind_of_write_is_held_to_the_key(api: httpx.AsyncClient) -> None:
    await entity(api, {"org": "a", "no": 1})
    other = await entity(api, {"org": "a", "no": 2})
    before = await world(api)
    taken, partial = {"org": "a", "no": 1}, {"org": "a"}
    for answer in (
        await api.put(f"/entity/JSON/{other}", json=taken),
        await api.patch(f"/entity/JSON/{other}", json={"no": 1}, headers=MERGE),
        await api.put("/entity/JSON", json=[change(other, taken)]),
        await api.post("/entity/JSON", json=[item({"org": "new", "no": 1}), item(taken)]),
        await api.post("/entity/JSON/order/1", json=[{"org": "n", "no": 7}, {"org": "n", "no": 7.0}]),
    ):
        problem(answer, 409, "UNIQUE_VIOLATION", TAKEN)
    for answer in (
        await api.put(f"/entity/JSON/{other}", json=partial),
        await api.patch(f"/entity/JSON/{other}", json={"no": None}, headers=MERGE),
    ):
        problem(answer, 422, "INVALID_UNIQUE_KEY", PARTIAL)
    for answer in (
        await api.put("/entity/JSON", json=[change(other, {"memo": "x"}), change(other, partial)]),
        await api.post("/entity/JSON", json=[item({}), item(partial)]),
    ):
        problem(answer, 422, "INVALID_UNIQUE_KEY", f"item 1: {PARTIAL}")
    assert await world(api) == before
    ok(await api.put(f"/entity/JSON/{other}", json={"org": "a", "no": 2.0, "memo": "its own value"}))


@pytest.mark.usefixtures("keyed")
async def test_a_value_is_free_again_once_it_is_changed_cleared_or_deleted(api: httpx.AsyncClient) -> None:
    value = {"org": "a", "no": 1}
    holder = await entity(api, value)
    ok(await api.put(f"/entity/JSON/{holder}", json=value | {"no": 2}))
    holder = await entity(api, value)
    ok(await api.patch(f"/entity/JSON/{holder}", json={"org": None, "no": None}, headers=MERGE))
    holder = await entity(api, value)
    ok(await api.delete(f"/entity/{holder}"))
    await entity(api, value)
    condition = {"type": "simple", "jsonPath": "$.no", "operatorType": "EQUALS", "value": 1}
    ok(await api.request("DELETE", "/entity/order/1", json=condition))
    await entity(api, value)
    ok(await api.delete("/entity/order/1"))
    holder = await entity(api, value)
    problem(await api.post("/entity/JSON/order/1", json=value), 409, "UNIQUE_VIOLATION", TAKEN)
    # one transaction frees the value and then takes it
    other = await entity(api, {"org": "b", "no": 1})
    ok(await api.put("/entity/JSON", json=[change(holder, {}), change(other, value)]))
    assert (await read(api, other))["data"] == value


@pytest.mark.usefixtures("keyed")
async def test_what_a_processor_makes_of_a_document_is_held_to_the_key(api: httpx.AsyncClient, node: Node) -> None:
    go = {"name": "go", "next": "B", "manual": True, "processors": [{"name": "p", "executionMode": "SYNC"}]}
    states = {"A": {"transitions": [go]}, "B": {}}
    await workflow(api, definition={"version": "1.3", "name": "w", "initialState": "A", "states": states})
    await entity(api, {"org": "a", "no": 1})
    order = await entity(api, {"org": "a", "no": 2})
    before, made = await read(api, order), {"org": "a", "no": 1}

    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": True, "payload": {"type": "TREE", "data": made}}

    InProcessMember(node, work)
    fired = await api.put(f"/entity/JSON/{order}/go", json={"org": "a", "no": 3})
    problem(fired, 409, "UNIQUE_VIOLATION", TAKEN)
    made = {"org": "a"}
    problem(
        await api.put(f"/entity/JSON/{order}/go", json={"org": "a", "no": 3}), 422, "INVALID_UNIQUE_KEY",
        "one or more unique key fields are null or invalid",
    )  # fmt: skip
    assert await read(api, order) == before
    made = {"org": "a", "no": 4}
    ok(await api.put(f"/entity/JSON/{order}/go", json={"org": "a", "no": 3}))
    assert (await read(api, order))["data"] == made
    ok(await posted(api, '{"org":"a","no":3}'))


# --- transitions, history, bulk deletion (1.8, 12, 15) ------------------------------------------------------------

WATCHED: dict[str, Any] = {
    "version": "1.3", "name": "watched", "initialState": "A",
    "states": {
        "A": {"transitions": [
            {"name": "auto", "next": "B", "criterion": {
                "type": "simple", "jsonPath": "$.amount", "operatorType": "GREATER_THAN", "value": 10}},
            {"name": "later", "next": "B", "schedule": {"delayMs": 3_600_000}},
            {"name": "off", "next": "B", "manual": True, "disabled": True},
        ]},
        "B": {},
    },
}  # fmt: skip


async def test_a_transition_that_may_not_fire_leaves_the_entity_alone(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api, definition=WATCHED)
    order = await entity(api)
    before = await world(api)
    for headers in ({}, {"If-Match": UNKNOWN}):
        answer = await api.put(f"/entity/JSON/{order}/auto", json={"amount": 2}, headers=headers)
        problem(answer, 400, "WORKFLOW_FAILED", 'transition "auto" criterion not matched')
        for name in ("later", "off", "none"):
            answer = await api.put(f"/entity/JSON/{order}/{name}", json={"amount": 99}, headers=headers)
            refused(answer, 400, "TRANSITION_NOT_FOUND")
            assert answer.json()["detail"].endswith(": transition not found")
            assert answer.json()["properties"] == {"errorCode": "TRANSITION_NOT_FOUND"}
        answer = await api.put("/entity/JSON", json=[change(order, {"amount": 2}, transition="auto")])
        refused(answer, 400, "WORKFLOW_FAILED")
    assert await world(api) == before
    ok(await api.put(f"/entity/JSON/{order}/auto", json={"amount": 11}))
    assert (await read(api, order))["meta"]["state"] == "B"


async def test_a_refused_condition_deletes_nothing(api: httpx.AsyncClient) -> None:
    await model(api)
    await entity(api)
    before = await world(api)
    leaf: dict[str, Any] = {"type": "simple", "jsonPath": "$.amount", "operatorType": "EQUALS", "value": 1}
    for condition, code in (
        ({}, "INVALID_CONDITION"),
        (leaf | {"operatorType": "LIKELY"}, "BAD_REQUEST"),  # as in a search (contract: search 7)
        (leaf | {"jsonPath": "$.name", "operatorType": "MATCHES_PATTERN", "value": "("}, "INVALID_CONDITION"),
        (leaf | {"jsonPath": "$.ghost"}, "INVALID_FIELD_PATH"),
        ({"type": "lifecycle", "field": "ghost", "operatorType": "EQUALS", "value": 1}, "INVALID_FIELD_PATH"),
        (leaf | {"value": "many"}, "CONDITION_TYPE_MISMATCH"),
    ):
        answer = await api.request("DELETE", "/entity/order/1", json=condition)
        refused(answer, 400, code)
        assert answer.json()["properties"] == {"errorCode": code}
    assert await world(api) == before


async def test_more_than_a_thousand_matches_are_deleted(api: httpx.AsyncClient) -> None:
    await model(api)
    ok(await api.post("/entity/JSON/order/1?transactionWindow=1000", json=[{"amount": n} for n in range(1100)]))
    condition = {"type": "simple", "jsonPath": "$.amount", "operatorType": "GREATER_OR_EQUAL", "value": 50}
    answer = ok(await api.request("DELETE", "/entity/order/1?verbose=true", json=condition))
    assert answer["deleteResult"] == {"numberOfEntitites": 1050, "numberOfEntititesRemoved": 1050, "idToError": {}}
    assert len(set(answer["ids"])) == 1050
    assert ok(await api.get("/entity/stats/order/1"))["count"] == 50


async def test_an_unknown_id_is_named_by_reads_and_deletion_and_not_by_writes(api: httpx.AsyncClient) -> None:
    await model(api)
    told: dict[str, object] = {"entityId": UNKNOWN}
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/changes")):
        answer = await api.request(method, f"/entity/{UNKNOWN}{path}")
        problem(answer, 404, "ENTITY_NOT_FOUND", f"entity id={UNKNOWN} not found", **told)
    problem(await api.get(f"/entity/{UNKNOWN}/transitions"), 404, "ENTITY_NOT_FOUND", f"entity {UNKNOWN} not found")
    problem(await api.get("/entity/nonsense/transitions"), 404, "ENTITY_NOT_FOUND", "entity nonsense not found")
    problem(await api.put(f"/entity/JSON/{UNKNOWN}", json={}), 404, "ENTITY_NOT_FOUND", "entity not found")
    answer = await api.patch(f"/entity/JSON/{UNKNOWN}", json={}, headers=MERGE)
    problem(answer, 404, "ENTITY_NOT_FOUND", "entity not found")
