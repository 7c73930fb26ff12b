"""Creating entities over HTTP (contract: entities 5.1-5.4)."""

from __future__ import annotations

import json
from uuid import UUID

import httpx
import pytest

from tests.contract.http.steps import entity, model, ok, read, refused


async def test_one_document_makes_one_entity_and_its_envelope_is_complete(api: httpx.AsyncClient) -> None:
    await model(api)
    answer = await api.post("/entity/JSON/order/1?transactional=true", content=b'{"name": "Zo\xc3\xab", "amount": 2}')
    (chunk,) = ok(answer)
    assert answer.headers["content-type"] == "application/json"
    assert set(chunk) == {"transactionId", "entityIds"}
    (entity_id,) = chunk["entityIds"]
    assert UUID(entity_id).version == UUID(chunk["transactionId"]).version == 1
    envelope = await read(api, entity_id)
    assert (envelope["type"], envelope["data"]) == ("ENTITY", {"name": "Zoë", "amount": 2})
    meta = envelope["meta"]
    assert meta.pop("creationDate") == meta.pop("lastUpdateTime")
    assert meta == {
        "id": entity_id,
        "modelKey": {"name": "order", "version": 1},
        "state": "CREATED",
        "transactionId": chunk["transactionId"],
        "transitionForLatestSave": "loopback",
    }


async def test_numbers_come_back_as_they_were_written(api: httpx.AsyncClient) -> None:
    await model(api, sample={"a": 1.5, "b": 12345678901234567890123456789012345678901})
    (chunk,) = ok(await api.post("/entity/JSON/order/1", content=b'{"a":1.50,"b":123456789012345678901234567890}'))
    text = (await api.get(f"/entity/{chunk['entityIds'][0]}")).text
    assert '"a":1.50' in text
    assert '"b":123456789012345678901234567890' in text


async def test_what_follows_the_first_value_is_ignored(api: httpx.AsyncClient) -> None:
    await model(api)
    ok(await api.post("/entity/JSON/order/1", content=b'{"amount":1} and more'))


async def test_an_array_is_written_in_chunks(api: httpx.AsyncClient) -> None:
    await model(api)
    items = [{"amount": n} for n in range(7)]
    chunks = ok(await api.post("/entity/JSON/order/1?transactionWindow=3", json=items))
    assert [len(chunk["entityIds"]) for chunk in chunks] == [3, 3, 1]
    assert len({chunk["transactionId"] for chunk in chunks}) == 3
    amounts = [(await read(api, i))["data"]["amount"] for chunk in chunks for i in chunk["entityIds"]]
    assert amounts == list(range(7))


async def test_an_empty_array_is_an_empty_transaction(api: httpx.AsyncClient) -> None:
    await model(api)
    (chunk,) = ok(await api.post("/entity/JSON/order/1", content=b"[]"))
    assert chunk["entityIds"] == []
    assert UUID(chunk["transactionId"])


async def test_an_array_after_a_blank_is_one_invalid_document(api: httpx.AsyncClient) -> None:
    await model(api)
    refused(await api.post("/entity/JSON/order/1", content=b' [{"amount":1}]'), 400, "BAD_REQUEST")


async def test_a_later_chunk_that_fails_ends_the_request_and_leaves_the_earlier_ones(api: httpx.AsyncClient) -> None:
    await model(api)
    items = [{"amount": 1}, {"amount": "x"}, {"amount": 2}]
    first, second = ok(await api.post("/entity/JSON/order/1?transactionWindow=1", json=items))
    assert len(first["entityIds"]) == 1
    assert second == {
        "entityIds": [],
        "error": {
            "code": "INCOMPATIBLE_TYPE",
            "message": "INCOMPATIBLE_TYPE: validation failed: "
            "amount: value of type STRING is not compatible with [INTEGER]",
            "chunkIndex": 1,
        },
    }
    assert len(ok(await api.get("/entity/order/1"))) == 1


async def test_a_first_chunk_that_fails_is_an_ordinary_refusal(api: httpx.AsyncClient) -> None:
    await model(api)
    refused(
        await api.post("/entity/JSON/order/1", json=[{"amount": 1}, {"amount": "x"}]), 400, "INCOMPATIBLE_TYPE",
        None, fieldPath="amount", expectedType=["INTEGER"], actualType="STRING", entityName="order", entityVersion="1",
    )  # fmt: skip
    assert ok(await api.get("/entity/order/1")) == []


@pytest.mark.parametrize("window", [0, -1, 1001])
async def test_the_window_is_checked_even_for_one_document(api: httpx.AsyncClient, window: int) -> None:
    await model(api)
    for path in ("/entity/JSON/order/1", "/entity/JSON"):
        answer = await api.post(f"{path}?transactionWindow={window}", json={"amount": 1})
        refused(answer, 400, "BAD_REQUEST", "transactionWindow must be in (0, 1000]")


@pytest.mark.parametrize(
    "query", ["transactionWindow=x", "transactionTimeoutMillis=1.5", "waitForConsistencyAfter=maybe"]
)
async def test_options_without_effect_are_still_type_checked(api: httpx.AsyncClient, query: str) -> None:
    name = query.partition("=")[0]
    refused(
        await api.post(f"/entity/JSON/order/1?{query}", json={}), 400, "BAD_REQUEST",
        f"invalid value for parameter '{name}'", parameter=name,
    )  # fmt: skip


async def test_creation_needs_a_known_and_locked_model_and_a_document(api: httpx.AsyncClient) -> None:
    refused(await api.post("/entity/JSON/order/1", content=b"{"), 404, "MODEL_NOT_FOUND", "model not found")
    await model(api, lock=False)
    refused(await api.post("/entity/JSON/order/1", content=b"{"), 409, "MODEL_NOT_LOCKED", "model is not locked")
    ok(await api.put("/model/order/1/lock"))
    for body in (b"{", b"", b"nope", b'{"a":1', b"\xff"):
        refused(await api.post("/entity/JSON/order/1", content=body), 400, "BAD_REQUEST", "invalid JSON")
    refused(await api.post("/entity/YAML/order/1", json={}), 400, "BAD_REQUEST", "unsupported format")
    assert ok(await api.get("/entity/order/1")) == []


async def test_xml_becomes_a_json_document(api: httpx.AsyncClient) -> None:
    await model(api)
    (chunk,) = ok(await api.post("/entity/XML/order/1", content=b"<o><amount>3</amount><name>x</name></o>"))
    assert (await read(api, chunk["entityIds"][0]))["data"] == {"amount": 3, "name": "x"}
    refused(await api.post("/entity/XML/order/1", content=b"<o>"), 400, "BAD_REQUEST", "invalid XML")


def item(name: str, payload: object, version: object = 1) -> dict[str, object]:
    return {"model": {"name": name, "version": version}, "payload": json.dumps(payload)}


async def test_a_collection_may_hold_several_models(api: httpx.AsyncClient) -> None:
    await model(api, "order")
    await model(api, "invoice", {"total": 1})
    (chunk,) = ok(await api.post("/entity/JSON", json=[item("order", {"amount": 1}), item("invoice", {"total": 2})]))
    keys = [(await read(api, entity_id))["meta"]["modelKey"]["name"] for entity_id in chunk["entityIds"]]
    assert keys == ["order", "invoice"]


@pytest.mark.parametrize("body", [b"{}", b'"x"', b'[{"model":{"name":"order","version":"1"},"payload":"{}"}]',
                                  b'[{"model":{"name":"order","version":1},"payload":{}}]', b"[] []"])  # fmt: skip
async def test_a_collection_of_another_shape_is_refused(api: httpx.AsyncClient, body: bytes) -> None:
    refused(await api.post("/entity/JSON", content=body), 400, "BAD_REQUEST", "invalid JSON array")


async def test_a_collection_names_the_item_that_fails_and_stores_nothing(api: httpx.AsyncClient) -> None:
    await model(api)
    good = item("order", {"amount": 1})
    refused(
        await api.post("/entity/JSON", json=[good, item("ghost", {})]),
        404,
        "MODEL_NOT_FOUND",
        "item 1: model not found",
    )
    empty = {"model": {"name": "order", "version": 1}, "payload": ""}
    refused(await api.post("/entity/JSON", json=[good, empty]), 400, "BAD_REQUEST", "item 1: invalid JSON payload")
    assert ok(await api.get("/entity/order/1")) == []


@pytest.mark.parametrize("body", [b"[]", b"null"])
async def test_an_empty_collection_is_an_empty_transaction(api: httpx.AsyncClient, body: bytes) -> None:
    (chunk,) = ok(await api.post("/entity/JSON", content=body))
    assert chunk["entityIds"] == []


async def test_a_body_over_ten_mebibytes_is_refused_and_nothing_is_stored(api: httpx.AsyncClient) -> None:
    await model(api)
    huge = b'{"name":"' + b"x" * 11 * 1024 * 1024 + b'"}'
    for path in ("/entity/JSON/order/1", "/entity/JSON", "/model/import/JSON/SAMPLE_DATA/other/1"):
        refused(await api.post(path, content=huge), 400, "BAD_REQUEST", "failed to read body")
    refused(await api.post("/model/validate/order/1", content=huge), 400, "BAD_REQUEST", "failed to parse request body")
    refused(
        await api.put("/model/order/1/unique-keys", content=huge), 400, "BAD_REQUEST", "failed to parse request body"
    )
    for path in ("/search/direct/order/1", "/model/order/1/workflow/import"):
        refused(await api.post(path, content=huge), 400, "BAD_REQUEST", "failed to read request body")
    assert ok(await api.get("/entity/order/1")) == []


async def test_the_java_bootstrap_sequence_works(api: httpx.AsyncClient) -> None:
    refused(await api.get("/model/export/SIMPLE_VIEW/x/1"), 404, "MODEL_NOT_FOUND")
    ok(await api.post("/model/import/JSON/SAMPLE_DATA/x/1", json={}))
    ok(await api.post("/model/x/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/x/1/lock"))
    assert (await read(api, await entity(api, {"any": ["thing"]}, "x")))["data"] == {"any": ["thing"]}
