"""Where the reference is undefined or defective and this server has decided (contract: engine 12)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import entity, model, ok, read, refused, workflow

IMPORT = "/model/order/1/workflow/import"


def document(version: str = "1.3", **transition: Any) -> dict[str, Any]:
    """A leads to B, automatically unless told otherwise."""
    go = {"name": "go", "next": "B", **transition}
    return {"version": version, "name": "w", "initialState": "A", "states": {"A": {"transitions": [go]}, "B": {}}}


class TestStrict:
    """A server that is set to the letter of the checklist."""

    @pytest.fixture
    def settings(self) -> dict[str, str]:
        return {"CYODA_WORKFLOW_VERSION_STRICT": "true"}

    @pytest.mark.parametrize("version", ["1", "1.0", "1.0.0", "2.0"])
    async def test_a_strict_server_refuses_retired_schema_versions(self, api: httpx.AsyncClient, version: str) -> None:
        await model(api)
        answer = await api.post(IMPORT, json={"workflows": [document(version)]})
        refused(answer, 400, "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED")
        ok(await api.post(IMPORT, json={"workflows": [document("1.1")]}))


@pytest.mark.parametrize("version", ["1", "1.0"])
async def test_retired_schema_versions_are_read_as_the_oldest_one_in_use(api: httpx.AsyncClient, version: str) -> None:
    await model(api)
    await workflow(api, definition=document(version))
    (exported,) = ok(await api.get("/model/order/1/workflow/export"))["workflows"]
    assert exported["version"] == "1.3"
    for wrong in ("1.0.0", "2.0", "1.9", ""):
        refused(
            await api.post(IMPORT, json={"workflows": [document(wrong)]}), 400, "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED"
        )  # fmt: skip


async def test_an_entity_that_is_not_attached_stays_so_through_export_and_import(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api, definition=document(processors=[{"name": "p", "config": {"attachEntity": False}}]))
    exported = await api.get("/model/order/1/workflow/export")
    body = {"importMode": "REPLACE", "workflows": ok(exported)["workflows"]}
    assert '"attachEntity":false' in exported.text
    ok(await api.post(IMPORT, json=body))
    assert (await api.get("/model/order/1/workflow/export")).content == exported.content


async def test_a_processor_that_answers_null_leaves_the_entity_as_it_is(api: httpx.AsyncClient, node: Node) -> None:
    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": True, "payload": {"type": "JSON", "data": None}}

    InProcessMember(node, work)
    await model(api)
    await workflow(api, definition=document(processors=[{"name": "p"}]))
    found = await read(api, await entity(api, {"amount": 3, "name": "x"}))
    assert (found["meta"]["state"], found["data"]) == ("B", {"amount": 3, "name": "x"})


async def test_a_function_in_a_group_is_asked_only_when_it_decides_and_its_pre_check_holds(
    api: httpx.AsyncClient, node: Node
) -> None:
    asked: list[str] = []

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request["criteriaName"])
        return {"success": True, "matches": True}

    def more_than(amount: int) -> dict[str, Any]:
        return {"type": "simple", "jsonPath": "$.amount", "operatorType": "GREATER_THAN", "value": amount}

    checked = {"type": "function", "function": {"name": "isFine", "criterion": more_than(5)}}
    guard = {"type": "group", "operator": "AND", "conditions": [more_than(2), checked]}
    InProcessMember(node, work)
    await model(api)
    await workflow(api, definition=document(criterion=guard))
    states = [(await read(api, await entity(api, {"amount": amount})))["meta"]["state"] for amount in (1, 4, 9)]
    assert (states, asked) == (["A", "A", "B"], ["isFine"])


async def test_a_segment_inside_a_joined_callback_is_refused_before_anything_is_committed(
    api: httpx.AsyncClient, node: Node
) -> None:
    """The outer processor creates a note whose own processor wants to commit before its dispatch."""
    answers: list[httpx.Response] = []
    seen: list[Any] = []

    async def work(request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
        answers.append(await api.post("/entity/JSON/note/1", json={"amount": 1, "name": "a"}, headers=joined))
        seen.append([ok(await api.get(f"/entity/{kind}/1")) for kind in ("order", "note")])
        return {"success": True}

    InProcessMember(node, work)
    await model(api)
    await workflow(api, definition=document(processors=[{"name": "outer"}]))
    await model(api, "note")
    segmenting = {"name": "inner", "executionMode": "COMMIT_BEFORE_DISPATCH"}
    await workflow(api, "note", document(processors=[segmenting]))
    order = await entity(api)
    (answer,) = answers
    refused(answer, 400, "WORKFLOW_FAILED")
    assert "a joined callback cannot segment the transaction it takes part in" in answer.json()["detail"]
    assert seen == [[[], []]]
    assert ok(await api.get("/entity/note/1")) == []
    assert (await read(api, order))["meta"]["state"] == "B"


async def test_the_audit_of_a_refused_write_is_not_kept(api: httpx.AsyncClient, node: Node) -> None:
    async def fail(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": False, "error": {"message": "no"}}

    await model(api)
    await workflow(api, definition=document(manual=True, processors=[{"name": "p"}]))
    order = await entity(api)
    before = ok(await api.get(f"/audit/entity/{order}"))
    InProcessMember(node, fail)
    refused(await api.put(f"/entity/JSON/{order}/go", json={"amount": 1}), 400, "WORKFLOW_FAILED")
    assert ok(await api.get(f"/audit/entity/{order}")) == before
