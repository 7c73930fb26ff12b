"""Workflow import and export over HTTP (contract: engine 1.1, 1.2)."""

from __future__ import annotations

import httpx

from tests.contract.http.steps import REVIEW, entity, model, ok, read, refused, workflow

IMPORT, EXPORT = "/model/order/1/workflow/import", "/model/order/1/workflow/export"
UNKNOWN_MODEL = "cannot find model entityName=order, version=1"


async def test_an_imported_workflow_is_exported_and_drives_entities(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    exported = ok(await api.get(EXPORT))
    assert (exported["entityName"], exported["modelVersion"]) == ("order", 1)
    assert [(each["name"], each["version"], each["active"]) for each in exported["workflows"]] == [
        ("review", "1.3", True)
    ]
    assert (await read(api, await entity(api)))["meta"]["state"] == "DRAFT"
    assert ok(await api.post(IMPORT, json={"importMode": "REPLACE", "workflows": exported["workflows"]}))
    assert ok(await api.get(EXPORT)) == exported


async def test_an_unknown_model_and_one_without_workflows_are_told_apart(api: httpx.AsyncClient) -> None:
    for answer in (await api.get(EXPORT), await api.post(IMPORT, json={"workflows": [REVIEW]})):
        refused(answer, 404, "MODEL_NOT_FOUND", UNKNOWN_MODEL, entityName="order", entityVersion=1)
    await model(api, lock=False)
    missing = await api.get(EXPORT)
    refused(missing, 404, "WORKFLOW_NOT_FOUND", "no workflows found for model order/1")
    assert missing.json()["properties"] == {"errorCode": "WORKFLOW_NOT_FOUND"}
    assert ok(await api.post(IMPORT, json={})) == {"success": True}


async def test_the_shape_is_checked_before_the_model(api: httpx.AsyncClient) -> None:
    refused(await api.post(IMPORT, json={"oops": 1}), 400, "BAD_REQUEST", 'invalid JSON: json: unknown field "oops"')
    refused(
        await api.post(IMPORT, content=b"{} {}"), 400, "BAD_REQUEST", "invalid JSON: trailing data after request object"
    )
    refused(await api.post(IMPORT, json={"importMode": "add"}), 400, "BAD_REQUEST", "unknown importMode: ADD")
    future = REVIEW | {"version": "9.0"}
    refused(await api.post(IMPORT, json={"workflows": [future]}), 400, "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED")
    refused(
        await api.post("/model/order/x/workflow/import", json={}), 400, "BAD_REQUEST",
        "invalid value for parameter 'modelVersion'", parameter="modelVersion",
    )  # fmt: skip


async def test_a_bad_workflow_changes_nothing(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    before = ok(await api.get(EXPORT))
    lost = REVIEW | {"initialState": "NOWHERE"}
    refused(await api.post(IMPORT, json={"workflows": [lost]}), 400, "VALIDATION_FAILED")
    refused(await api.post(IMPORT, json={"importMode": "REPLACE"}), 400, "VALIDATION_FAILED")
    assert ok(await api.get(EXPORT)) == before
