"""Rows of the contract of models and entities that stand beside its main paths (contract: entities 1.4, 1.6, 4, 5)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow

IMPORT = "/model/import/JSON/SAMPLE_DATA"
VIEW = "/model/export/SIMPLE_VIEW"
MERGE = {"Content-Type": "Application/Merge-Patch+JSON; charset=utf-8", "If-Match": "*"}


# --- binding, options (1.4, 1.6) ----------------------------------------------------------------------------------


async def test_signs_and_leading_zeros_bind_to_the_same_version(api: httpx.AsyncClient) -> None:
    await model(api)
    order = await entity(api)
    for version in ("1", "01", "+1", "%2B1", "0000000000001"):
        (listed,) = ok(await api.get(f"/entity/order/{version}"))
        assert listed["meta"]["id"] == order
    assert ok(await api.post(f"{IMPORT}/order/-0", json={})) == ok(await api.post(f"{IMPORT}/order/0", json={}))


async def test_moments_bind_with_an_offset_whose_plus_may_have_become_a_blank(api: httpx.AsyncClient) -> None:
    await model(api)
    order = await entity(api)
    for moment in (
        "2100-01-01T00:00:00%2B00:00",
        "2100-01-01T00:00:00+00:00",
        "2100-01-01T00:00:00.123456789-05:30",
        "2100-01-01",
    ):
        assert ok(await api.get(f"/entity/{order}?pointInTime={moment}"))["meta"]["id"] == order
    for moment in (
        "2100-01-01 00:00:00Z",
        "2100-01-01t00:00:00Z",
        "2100-01-01T00:00Z",
        "4102444800",
        "2100-02-30",
    ):
        answer = await api.get(f"/entity/{order}?pointInTime={moment}")
        refused(answer, 400, "BAD_REQUEST", "invalid value for parameter 'pointInTime'", parameter="pointInTime")


async def test_options_of_writes_have_no_effect_whatever_their_value(api: httpx.AsyncClient) -> None:
    await model(api)
    options = "transactionTimeoutMillis=-1&waitForConsistencyAfter=T"
    ok(await api.post(f"/entity/JSON/order/1?{options}", json={}))
    (chunk,) = ok(await api.post(f"/entity/JSON?{options}", json=[]))
    order = await entity(api)
    ok(await api.put(f"/entity/JSON/{order}?{options}", json={}))
    ok(await api.patch(f"/entity/JSON/{order}?{options}", json={}, headers=MERGE))
    again = [await api.post("/entity/JSON/order/1", json={}, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert chunk["entityIds"] == []
    assert ok(again[0])[0]["entityIds"] != ok(again[1])[0]["entityIds"]
    for method, path in (("PUT", f"/entity/JSON/{order}"), ("PATCH", f"/entity/JSON/{order}"), ("PUT", "/entity/JSON")):
        for name, value in (("transactionTimeoutMillis", "1e3"), ("waitForConsistencyAfter", "yes")):
            answer = await api.request(method, f"{path}?{name}={value}", json={})
            refused(answer, 400, "BAD_REQUEST", f"invalid value for parameter '{name}'", parameter=name)


async def test_some_queries_look_up_what_others_would_not_bind(api: httpx.AsyncClient) -> None:
    refused(await api.get("/platform-api/entity/fetch/transitions?entityClass=a.1&entityId=x"), 404, "ENTITY_NOT_FOUND")
    refused(await api.post("/entity/stats/order/x/query", json={"groupBy": ["state"]}), 404, "MODEL_NOT_FOUND")
    for entity_class in ("Order", "Order.", ""):
        answer = await api.get(f"/platform-api/entity/fetch/transitions?entityClass={entity_class}&entityId={UNKNOWN}")
        refused(answer, 400, "BAD_REQUEST")


# --- models (4) ---------------------------------------------------------------------------------------------------


async def test_operations_without_a_body_ignore_one(api: httpx.AsyncClient) -> None:
    await model(api, lock=False)
    for method, path in (("POST", "/changeLevel/TYPE"), ("PUT", "/lock"), ("PUT", "/unlock"), ("DELETE", "")):
        ok(await api.request(method, f"/model/order/1{path}", content=b"{not json"))


async def test_a_number_beyond_all_scales_has_no_place_in_a_model(api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{IMPORT}/order/1", content=b'{"amount":1e99999999999}')
    refused(answer, 400, "BAD_REQUEST")
    assert ok(await api.get("/model/")) == []
    await model(api)
    strict = await api.post("/entity/JSON/order/1", content=b'{"amount":1e99999999999}')
    refused(strict, 400, "INCOMPATIBLE_TYPE")
    assert strict.json()["properties"]["actualType"] == "STRING"
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    refused(await api.post("/entity/JSON/order/1", content=b'{"amount":1e99999999999}'), 400, "BAD_REQUEST")
    assert ok(await api.get("/entity/order/1")) == []


async def test_a_model_is_discovered_from_xml(api: httpx.AsyncClient) -> None:
    sample = b'<o id="7"><item q="1">x</item><item q="2">y</item><n/></o>'
    ok(await api.post("/model/import/XML/SAMPLE_DATA/order/1", content=sample))
    ok(await api.put("/model/order/1/lock"))
    (chunk,) = ok(await api.post("/entity/XML/order/1", content=sample))
    data = {"id": 7, "item": [{"q": 1, "_text": "x"}, {"q": 2, "_text": "y"}], "n": {}}
    assert (await read(api, chunk["entityIds"][0]))["data"] == data
    ok(await api.put(f"/entity/XML/{chunk['entityIds'][0]}", content=b"<o id='8'/>"))
    assert (await read(api, chunk["entityIds"][0]))["data"] == {"id": 8}
    for path in ("/entity/XML/order/1", f"/entity/XML/{UNKNOWN}"):
        method = "PUT" if UNKNOWN in path else "POST"
        refused(await api.request(method, path, content=b"[{}]"), 400, "BAD_REQUEST", "invalid XML")
    broken = await api.post("/model/import/XML/SAMPLE_DATA/other/1", content=b"<o>")
    refused(broken, 400, "BAD_REQUEST")
    assert broken.json()["detail"].startswith("BAD_REQUEST: parse XML: ")


async def test_validation_is_strict_at_every_level_and_says_everything(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": 1, "o": {"x": [1]}}, lock=False)
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    document = {"a": True, "c": 1, "o": {"x": [1, "s"], "y": None}}
    answer = ok(await api.post("/model/validate/order/1", json=document))
    assert answer["success"] is False
    prefix, _, told = answer["message"].partition(": ")
    assert prefix == "Validation failed"
    assert sorted(told.split("; ")) == [
        "a: value of type BOOLEAN is not compatible with [INTEGER]",
        "c: unexpected field not present in model",
        "o.x[1]: value of type STRING is not compatible with [INTEGER]",
        "o.y: unexpected field not present in model",
    ]
    for body, got in ((b"null", "<nil>"), (b'"s"', "string"), (b"1", "json.Number"), (b"true", "bool"),
                      (b"[]", "[]interface {}")):  # fmt: skip
        answer = ok(await api.post("/model/validate/order/1", content=body))
        assert answer["message"] == f"Validation failed: expected object, got {got}"
    ok(await api.put("/model/order/1/lock"))
    assert ok(await api.post("/model/validate/order/1", json={"a": None}))["success"] is True


async def test_a_violation_of_the_change_level_names_place_and_level(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": 1, "items": [{"x": 1}]})
    order = await entity(api, {"a": 1})
    ok(await api.post("/model/order/1/changeLevel/ARRAY_LENGTH"))
    for document, what in (
        ({"b": 1}, 'new field "b" at .b requires STRUCTURAL level'),
        ({"a": "x"}, "type change at .a requires TYPE level"),
        ({"items": [{"y": 1}]}, 'new field "y" at .items[].y requires STRUCTURAL level'),
        ({"items": []}, "nullable marker on array element at .items requires ARRAY_ELEMENTS level"),
        ({"items": None}, "nullable marker at .items requires TYPE level"),
    ):
        message = f'change level violation: {what}, but level is "ARRAY_LENGTH"'
        payload = json.dumps(document)
        for answer in (
            await api.post("/entity/JSON/order/1", json=document),
            await api.put(f"/entity/JSON/{order}", json=document),
            await api.post("/entity/JSON", json=[{"model": {"name": "order", "version": 1}, "payload": payload}]),
            await api.put("/entity/JSON", json=[{"id": order, "payload": payload}]),
        ):
            refused(answer, 400, "BAD_REQUEST", message)
            assert answer.json()["properties"] == {"errorCode": "BAD_REQUEST"}
    assert (await read(api, order))["data"] == {"a": 1}
    assert len(ok(await api.get("/entity/order/1"))) == 1


async def test_workflows_outlive_their_model(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    ok(await api.put("/model/order/1/unlock"))
    ok(await api.delete("/model/order/1"))
    await model(api)
    assert (await read(api, await entity(api)))["meta"]["state"] == "DRAFT"


# --- entities (5) -------------------------------------------------------------------------------------------------


async def test_a_patch_that_is_no_object_replaces_all_and_fails_as_such(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": {"b": 1}, "n": 1.5})
    order = await entity(api, {"a": {"b": 1}, "n": 1.5})
    for patch, got in ((None, "<nil>"), ([], "[]interface {}"), (1, "json.Number"), ("x", "string"), (True, "bool")):
        answer = await api.patch(f"/entity/JSON/{order}", content=json.dumps(patch), headers=MERGE)
        refused(answer, 400, "BAD_REQUEST", f"validation failed: expected object, got {got}")
    ok(await api.patch(f"/entity/JSON/{order}", json={"a": None, "ghost": None}, headers=MERGE))
    assert (await read(api, order))["data"] == {"n": 1.5}


async def test_the_history_shows_every_commit_with_its_actor_and_nothing_of_fields(api: httpx.AsyncClient) -> None:
    await model(api)
    order = await entity(api)
    written = ok(await api.put(f"/entity/JSON/{order}", json={}))["transactionId"]
    ok(await api.delete(f"/entity/{order}"))
    deleted, updated, created = ok(await api.get(f"/entity/{order}/changes"))
    assert [one["changeType"] for one in (deleted, updated, created)] == ["DELETE", "UPDATE", "CREATE"]
    assert updated["transactionId"] == written
    members = {"changeType", "timeOfChange", "user", "attributedKind", "executedBy"}
    assert set(deleted) == members
    assert set(updated) == set(created) == members | {"transactionId"}
    for one in (deleted, updated, created):
        assert (one["user"], one["attributedKind"]) == ("u-1", "user")
        assert one["executedBy"] == {"id": "u-1", "kind": "user"}
    times = [datetime.fromisoformat(one["timeOfChange"]) for one in (deleted, updated, created)]
    assert times[0] > times[1] > times[2]


async def test_a_history_is_the_thousand_newest_changes_and_the_older_ones_are_found_by_their_moment(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    order = await entity(api)
    created = (await read(api, order))["meta"]["creationDate"]
    items = [{"id": order, "payload": "{}"}] * 1000
    assert len(ok(await api.put("/entity/JSON?transactionWindow=1", json=items))) == 1000
    changes = ok(await api.get(f"/entity/{order}/changes"))
    assert {change["changeType"] for change in changes} == {"UPDATE"}
    times = [change["timeOfChange"] for change in changes]
    assert len(times) == 1000
    assert times == sorted(times, key=datetime.fromisoformat, reverse=True)
    (oldest,) = ok(await api.get(f"/entity/{order}/changes", params={"pointInTime": created}))
    assert (oldest["changeType"], oldest["timeOfChange"]) == ("CREATE", created)


async def test_a_list_as_of_a_moment_holds_what_lived_then(api: httpx.AsyncClient) -> None:
    await model(api)
    gone, kept = await entity(api), await entity(api)
    moment = (await read(api, kept))["meta"]["creationDate"]
    before = (await read(api, gone))["meta"]["creationDate"]
    ok(await api.delete(f"/entity/{gone}"))
    await entity(api)

    async def listed(at: str) -> set[str]:
        return {one["meta"]["id"] for one in ok(await api.get("/entity/order/1", params={"pointInTime": at}))}

    assert await listed(moment) == {gone, kept}
    assert await listed(before) == {gone}
    deletion = ok(await api.get(f"/entity/{gone}/changes"))[0]["timeOfChange"]
    assert await listed(deletion) == {kept}


@pytest.mark.parametrize("body", [b"[1]", b"[[]]", b'[{"amount":1},null]', b'[{"amount":1}', b"[] x"])
async def test_elements_that_are_no_documents_are_refused_together(api: httpx.AsyncClient, body: bytes) -> None:
    await model(api)
    refused(await api.post("/entity/JSON/order/1", content=body), 400, "BAD_REQUEST")
    assert ok(await api.get("/entity/order/1")) == []


async def test_one_transaction_id_is_told_by_the_write_the_read_and_the_history(api: httpx.AsyncClient) -> None:
    await model(api)
    first, second = [{"amount": n} for n in (1, 2)]
    (chunk,) = ok(await api.post("/entity/JSON/order/1", json=[first, second]))
    metas: list[Any] = [(await read(api, one))["meta"] for one in chunk["entityIds"]]
    assert {meta["transactionId"] for meta in metas} == {chunk["transactionId"]}
    assert {meta["creationDate"] for meta in metas} == {meta["lastUpdateTime"] for meta in metas}
    for one in chunk["entityIds"]:
        (change,) = ok(await api.get(f"/entity/{one}/changes"))
        assert change["transactionId"] == chunk["transactionId"]
