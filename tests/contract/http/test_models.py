"""Entity models over HTTP (contract: entities 3, 4)."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

import httpx
import pytest

from tests.contract.http.steps import entity, model, ok, refused

ORDER_ID = str(uuid5(NAMESPACE_URL, "order.1"))


async def test_a_model_is_discovered_listed_exported_locked_and_deleted(api: httpx.AsyncClient) -> None:
    assert ok(await api.get("/model/")) == []
    assert await model(api, lock=False) == ORDER_ID
    (listed,) = ok(await api.get("/model/"))
    assert listed.pop("modelUpdateDate").endswith("Z")
    assert listed == {"id": ORDER_ID, "modelName": "order", "modelVersion": 1, "currentState": "UNLOCKED"}
    exported = await api.get("/model/export/SIMPLE_VIEW/order/1")
    assert exported.content == (b'{"currentState":"UNLOCKED","model":{"$":{".amount":"INTEGER",".name":"STRING"}}}')
    assert ok(await api.put("/model/order/1/lock")) == {
        "success": True,
        "message": "Model order:1 locked",
        "modelId": ORDER_ID,
        "modelKey": {"name": "order", "version": 1},
    }
    assert ok(await api.put("/model/order/1/unlock"))["message"] == "Model order:1 unlocked"
    assert ok(await api.delete("/model/order/1"))["message"] == "model order:1 deleted"
    assert ok(await api.get("/model/")) == []


async def test_the_list_answers_without_the_slash_too(api: httpx.AsyncClient) -> None:
    assert ok(await api.get("/model")) == []


async def test_an_import_merges_into_an_unlocked_model_and_is_refused_by_a_locked_one(api: httpx.AsyncClient) -> None:
    await model(api, sample={"price": 13}, lock=False)
    await model(api, sample={"price": "x"})
    view = ok(await api.get("/model/export/SIMPLE_VIEW/order/1"))
    assert view["model"] == {"$": {".price": "[INTEGER, STRING]"}}
    refused(
        await api.post("/model/import/JSON/SAMPLE_DATA/order/1", content=b"not even JSON"),
        409, "MODEL_ALREADY_LOCKED",
        "cannot save entityModel{name=order, version=1} because this model has already been registered",
        entityName="order", entityVersion=1,
    )  # fmt: skip


async def test_a_json_schema_export_is_offered(api: httpx.AsyncClient) -> None:
    await model(api)
    assert ok(await api.get("/model/export/JSON_SCHEMA/order/1"))["model"] == {
        "properties": {"amount": {"type": "integer"}, "name": {"type": "string"}}, "type": "object",
    }  # fmt: skip


async def test_formats_and_converters_are_checked(api: httpx.AsyncClient) -> None:
    refused(
        await api.post("/model/import/YAML/SAMPLE_DATA/order/1", json={}),
        400,
        "BAD_REQUEST",
        "unsupported data format: YAML",
    )
    for converter in ("JSON_SCHEMA", "SIMPLE_VIEW", "X"):
        refused(
            await api.post(f"/model/import/JSON/{converter}/order/1", json={}),
            400, "BAD_REQUEST", "unsupported import converter",
        )  # fmt: skip
    broken = await api.post("/model/import/JSON/SAMPLE_DATA/order/1", content=b"{")
    refused(broken, 400, "BAD_REQUEST")
    assert broken.json()["detail"].startswith("BAD_REQUEST: parse JSON: ")
    refused(await api.get("/model/export/X/order/1"), 404, "MODEL_NOT_FOUND")
    await model(api)
    refused(await api.get("/model/export/X/order/1"), 400, "BAD_REQUEST", "unsupported export converter")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/model/export/SIMPLE_VIEW/order/1"),
        ("PUT", "/model/order/1/lock"),
        ("PUT", "/model/order/1/unlock"),
        ("DELETE", "/model/order/1"),
        ("POST", "/model/order/1/changeLevel/NONSENSE"),
        ("POST", "/model/validate/order/1"),
        ("PUT", "/model/order/1/unique-keys"),
    ],
)
async def test_an_unknown_model_is_refused_in_the_same_words_everywhere(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    refused(
        await api.request(method, path, content=b"{}"), 404, "MODEL_NOT_FOUND",
        "cannot find model entityName=order, version=1", entityName="order", entityVersion=1,
    )  # fmt: skip


async def test_locking_knows_the_state_it_expects(api: httpx.AsyncClient) -> None:
    await model(api)
    text = "cannot process entityModel{entityName=order, entityVersion=1}. expectedState=UNLOCKED, actualState=LOCKED"
    refused(
        await api.put("/model/order/1/lock"), 409, "MODEL_ALREADY_LOCKED", text,
        entityName="order", entityVersion=1, expectedState="UNLOCKED", actualState="LOCKED",
    )  # fmt: skip
    refused(await api.delete("/model/order/1"), 409, "MODEL_ALREADY_LOCKED")
    ok(await api.put("/model/order/1/unlock"))
    refused(
        await api.put("/model/order/1/unlock"), 409, "MODEL_ALREADY_UNLOCKED",
        entityName="order", entityVersion=1, expectedState="LOCKED", actualState="UNLOCKED",
    )  # fmt: skip


async def test_a_model_with_entities_stays_locked_until_they_are_deleted(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    refused(
        await api.put("/model/order/1/unlock"), 409, "MODEL_HAS_ENTITIES", "cannot unlock: 1 entities exist",
        entityName="order", entityVersion=1, entityCount=1,
    )  # fmt: skip
    ok(await api.delete(f"/entity/{entity_id}"))
    ok(await api.put("/model/order/1/unlock"))


async def test_a_change_level_lets_entities_extend_the_model(api: httpx.AsyncClient) -> None:
    await model(api)
    refused(await api.post("/entity/JSON/order/1", json={"new": 1}), 400, "BAD_REQUEST")
    answer = ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    assert answer["message"] == "model order:1 now at change level STRUCTURAL"
    await entity(api, {"new": 1})
    assert ok(await api.get("/model/export/SIMPLE_VIEW/order/1"))["model"]["$"][".new"] == "INTEGER"


async def test_an_unknown_change_level_names_the_valid_ones(api: httpx.AsyncClient) -> None:
    await model(api)
    refused(
        await api.post("/model/order/1/changeLevel/structural"), 400, "INVALID_CHANGE_LEVEL",
        'invalid change level "structural"; valid values: ARRAY_LENGTH, ARRAY_ELEMENTS, TYPE, STRUCTURAL',
        entityName="order", entityVersion=1, suppliedValue="structural",
        validValues=["ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL"],
    )  # fmt: skip


async def test_validation_answers_200_both_ways(api: httpx.AsyncClient) -> None:
    await model(api)
    passed = ok(await api.post("/model/validate/order/1", json={"amount": 2}))
    assert (passed["success"], passed["message"]) == (True, "Validation passed")
    failed = ok(await api.post("/model/validate/order/1", json={"amount": True}))
    assert failed["success"] is False
    assert failed["message"] == "Validation failed: amount: value of type BOOLEAN is not compatible with [INTEGER]"
    refused(await api.post("/model/validate/order/1", content=b"{"), 400, "BAD_REQUEST", "failed to parse request body")


async def test_unique_keys_are_declared_on_an_unlocked_model_and_enforced(api: httpx.AsyncClient) -> None:
    await model(api, lock=False)
    keys = {"uniqueKeys": [{"id": "by-name", "fields": ["$.name"]}]}
    assert ok(await api.put("/model/order/1/unique-keys", json=keys))["message"] == "unique keys set on model order:1"
    refused(
        await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [{"id": "", "fields": ["$.name"]}]}),
        422, "INVALID_UNIQUE_KEY_DEFINITION",
    )  # fmt: skip
    refused(
        await api.put("/model/order/1/unique-keys", content=b"["), 400, "BAD_REQUEST", "failed to parse request body"
    )
    ok(await api.put("/model/order/1/lock"))
    assert ok(await api.get("/model/export/SIMPLE_VIEW/order/1"))["uniqueKeys"] == keys["uniqueKeys"]
    refused(await api.put("/model/order/1/unique-keys", json=keys), 409, "MODEL_ALREADY_LOCKED")
    await entity(api, {"name": "same"})
    refused(
        await api.post("/entity/JSON/order/1", json={"name": "same"}), 409, "UNIQUE_VIOLATION",
        "a composite unique key constraint was violated",
    )  # fmt: skip


@pytest.mark.parametrize("version", ["x", "1.0", "2147483648", "%20"])
async def test_a_model_version_must_be_a_32_bit_number(api: httpx.AsyncClient, version: str) -> None:
    refused(
        await api.put(f"/model/order/{version}/lock"), 400, "BAD_REQUEST",
        "invalid value for parameter 'modelVersion'", parameter="modelVersion",
    )  # fmt: skip


async def test_names_may_hold_slashes_blanks_and_any_letter_and_versions_be_negative(api: httpx.AsyncClient) -> None:
    model_id = ok(await api.post("/model/import/JSON/SAMPLE_DATA/a%2Fb%20%C3%A9/-1", json={}))
    assert model_id == str(uuid5(NAMESPACE_URL, "a/b é.-1"))
    (listed,) = ok(await api.get("/model/"))
    assert (listed["modelName"], listed["modelVersion"]) == ("a/b é", -1)


async def test_a_dry_run_of_an_import_says_what_it_would_change_and_stores_nothing(api: httpx.AsyncClient) -> None:
    target = "/model/import/JSON/SAMPLE_DATA/order/1?dryRun=true"
    first = ok(await api.post(target, json={"name": "a", "lines": [{"price": 1}]}))
    assert (first["exists"], first["model"]["$"]) == (False, {".name": "STRING", "#.lines": "OBJECT"})
    assert {"path": "$.lines[*].price", "types": "INTEGER"} in first["changes"]
    assert ok(await api.get("/model/")) == []
    await model(api, sample={"name": "a", "amount": 1}, lock=False)
    wider = ok(await api.post(target, json={"name": "b", "amount": 1.5, "gift": True}))
    assert wider["exists"]
    assert wider["changes"] == [
        {"path": "$.amount", "types": "DOUBLE", "before": "INTEGER"}, {"path": "$.gift", "types": "BOOLEAN"}
    ]  # fmt: skip
    assert ok(await api.get("/model/export/SIMPLE_VIEW/order/1"))["model"]["$"] == {
        ".amount": "INTEGER", ".name": "STRING"
    }  # fmt: skip
    ok(await api.put("/model/order/1/lock"))
    assert (await api.post(target, json={})).json()["properties"]["errorCode"] == "MODEL_ALREADY_LOCKED"


async def test_the_list_tells_the_change_level_and_a_validation_each_finding(api: httpx.AsyncClient) -> None:
    await model(api, sample={"name": "a", "lines": [{"price": 1}]})
    ok(await api.post("/model/order/1/changeLevel/TYPE"))
    assert ok(await api.get("/model/"))[0]["changeLevel"] == "TYPE"
    answer = ok(await api.post("/model/validate/order/1", json={"name": "a", "lines": [{"price": "much"}], "x": 1}))
    assert answer["findings"] == [
        {
            "path": "lines[0].price", "fault": "value of type STRING is not compatible with [INTEGER]",
            "expected": ["INTEGER"], "actual": "STRING",
        },
        {"path": "x", "fault": "unexpected field not present in model"},
    ]  # fmt: skip
