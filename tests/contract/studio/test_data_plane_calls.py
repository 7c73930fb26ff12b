"""The data-plane calls of AI Studio and the Python templates, as they send them (contract: control plane 7, 7.1)."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cyoda.runtime import Node
from tenants.identity.keys import KeyPair
from tests.contract.http.conftest import api, client_of, clock, node, settings, signing_key
from tests.contract.http.steps import entity, model, ok, read, refused, workflow
from tests.contract.http.test_search_jobs import ended
from tests.contract.stores import empty_store
from workflows.storage.base import Storage

__all__ = ["api", "clock", "node", "settings", "signing_key"]

TREE_NODE = "com.cyoda.tdb.model.treenode.TreeNodeEntity"
MESSAGE_CLASS = "net.cyoda.saas.message.model.EdgeMessage"
ACCEPT = {"Accept": "application/x-ndjson, application/json"}
ALL: dict[str, Any] = {"type": "group", "operator": "AND", "conditions": []}
MACHINE = "/platform-api/statemachine"


@pytest.fixture
def bearers() -> None:
    """A node judges its tokens itself."""


@pytest.fixture
def storage() -> Storage:
    return empty_store(None)


@pytest.fixture
async def order(api: httpx.AsyncClient) -> str:
    """An order in DRAFT."""
    await model(api)
    await workflow(api)
    return await entity(api)


async def as_pasted(api: httpx.AsyncClient, path: str) -> Any:
    """The query as it is written here: nothing is escaped."""
    raw = str(api.base_url).rstrip("/") + path
    answer = await api.send(api.build_request("GET", httpx.URL(raw)))
    return ok(answer)


@pytest.mark.parametrize("path", ["/entity/{id}", "/entity/{id}/changes", "/entity/order/1", "/entity/stats/order/1"])
async def test_moments_are_taken_as_they_are_pasted(api: httpx.AsyncClient, order: str, path: str) -> None:
    for moment in ("2100-01-01T10:00:00+00:00", "2100-01-01T10:00:00.123456+00:00", "2100-01-01T10:00:00Z"):
        await as_pasted(api, f"{path.format(id=order)}?pointInTime={moment}")


async def test_an_entity_is_written_read_counted_and_deleted(api: httpx.AsyncClient, order: str) -> None:
    document = {"amount": 2, "name": "b"}
    (created,) = ok(await api.post("/entity/JSON/order/1?waitForConsistencyAfter=true", json=document))
    second = created["entityIds"][0]
    found = ok(await api.get(f"/entity/{second}"))
    assert (found["data"], found["meta"]["state"]) == (document, "DRAFT")
    saved = ok(await api.put(f"/entity/JSON/{second}?waitForConsistencyAfter=true", json=document | {"amount": 3}))
    assert saved["entityIds"] == [second]
    path = f"/entity/JSON/{second}/approve?transactional=true&waitForConsistencyAfter=true"
    assert ok(await api.put(path, json=document))["transactionId"]
    batch = [{"id": order, "payload": '{"amount": 5, "name": "a"}'}]
    ok(await api.put("/entity/JSON", json=batch))
    listed = ok(await api.get("/entity/order/1"))
    assert {each["meta"]["id"] for each in listed} == {order, second}
    assert ok(await api.get("/entity/stats/order/1"))["count"] == 2
    assert [each["changeType"] for each in ok(await api.get(f"/entity/{second}/changes"))][-1] == "CREATE"
    ok(await api.delete(f"/entity/{second}"))
    ok(await api.delete("/entity/order/1"))
    missing = await api.get(f"/entity/{order}")
    assert (missing.status_code, ok(await api.get("/entity/order/1"))) == (404, [])


async def test_searches_answer_one_array_with_an_upper_time(api: httpx.AsyncClient, order: str) -> None:
    body = {"type": "group", "operator": "AND", "conditions": [
        {"type": "simple", "jsonPath": "$.name", "operatorType": "EQUALS", "value": "a"}]}  # fmt: skip
    before = (await read(api, order))["meta"]["creationDate"]
    await entity(api, {"amount": 7, "name": "a"})
    everything = await api.post("/search/order/1?limit=10000", json=body, headers=ACCEPT)
    assert everything.headers["content-type"].startswith("application/json")
    assert len(ok(everything)) == 2
    raw = f"{str(api.base_url).rstrip('/')}/search/order/1?clientPointTime={before.replace('Z', '+00:00')}&limit=10"
    then = ok(await api.send(api.build_request("POST", httpx.URL(raw), json=body, headers=ACCEPT)))
    assert [each["meta"]["id"] for each in then] == [order]
    assert (then[0]["type"], then[0]["data"]) == ("ENTITY", {"amount": 1, "name": "a"})


async def test_snapshot_searches_of_the_older_template(api: httpx.AsyncClient, order: str) -> None:
    job_id = ok(await api.post("/search/snapshot/order/1", json=ALL))
    await ended(api, job_id)
    assert ok(await api.get(f"/search/snapshot/{job_id}/status"))["snapshotStatus"] == "SUCCESSFUL"
    page = ok(await api.get(f"/search/snapshot/{job_id}"))
    assert [each["meta"]["id"] for each in page["content"]] == [order]


@pytest.mark.parametrize("entity_class", [TREE_NODE, MESSAGE_CLASS])
async def test_transitions_are_listed_and_fired_without_a_body(
    api: httpx.AsyncClient, order: str, entity_class: str
) -> None:
    path = f"/platform-api/entity/fetch/transitions?entityClass={entity_class}&entityId={order}"
    assert "approve" in ok(await api.get(path))
    query = f"entityId={order}&entityClass={entity_class}&transitionName=approve&waitForConsistencyAfter=true"
    ok(await api.put(f"/platform-api/entity/transition?{query}"))
    assert (await read(api, order))["meta"]["state"] == "APPROVED"


async def test_workflows_are_imported_and_exported(api: httpx.AsyncClient, order: str) -> None:
    exported = ok(await api.get("/model/order/1/workflow/export"))
    assert exported.keys() == {"entityName", "modelVersion", "workflows"}
    body = {"workflows": exported["workflows"], "importMode": "REPLACE"}
    ok(await api.post("/model/order/1/workflow/import", json=body))


async def test_messages_are_sent_and_read_in_both_ways(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    payload = {"edge_message_content": {"text": 'ä "quoted"', "number": 1}}
    headers = {"X-Message-ID": "m-1", "X-User-ID": "u-7"}
    body = {"meta-data": {"source": "test"}, "metaData": {"region": "EU"}, "payload": payload}
    (sent,) = ok(await api.post("/message/new/order_1", json=body, headers=headers))
    message_id = sent["entityIds"][0]
    now = ok(await api.get(f"/message/{message_id}"))
    older = ok(await api.get(f"/message/get/{message_id}"))
    assert now["content"] == payload
    assert isinstance(older["content"], str)
    assert httpx.Response(200, content=older["content"]).json() == payload
    assert older["header"] == now["header"]
    assert (older["header"]["subject"], older["header"]["userId"]) == ("order_1", "u-7")
    assert older["metaData"] == {"values": {"region": "EU"}, "indexedValues": {}}
    refused(await stranger.get(f"/message/get/{message_id}"), 404, "ENTITY_NOT_FOUND")


@pytest.fixture
async def stranger(node: Node, signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(node, signing_key, caas_org_id="globex", scopes=["ROLE_M2M"]) as client:
        yield client


# --- the workflow import at a template's start --------------------------------------------------------------------


def parameter(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "valueType": "STRING", "value": {"@type": "String", "value": value}}


DTO: dict[str, Any] = {
    "@bean": "com.cyoda.core.model.stateMachine.dto.FullWorkflowContainerDto",
    "workflow": [
        {"id": "w-1", "name": "start-up", "entityClassName": TREE_NODE, "active": True, "owner": "CYODA",
         "criteriaIds": ["c-model"], "useDecisionTree": False, "decisionTrees": []}
    ],
    "state": [{"id": "s-1", "name": "NEW", "owner": "CYODA"}, {"id": "s-2", "name": "DONE"}],
    "transition": [
        {"id": "t-1", "name": "begin", "workflowId": "w-1", "startStateId": "noneState", "endStateId": "s-1",
         "startStateName": "None", "automated": True, "active": True, "criteriaIds": [], "endProcessesIds": []},
        {"id": "t-2", "name": "finish", "workflowId": "w-1", "startStateId": "s-1", "endStateId": "s-2",
         "automated": False, "active": True, "criteriaIds": ["c-amount"], "endProcessesIds": [
             {"persisted": True, "persistedId": "p-1", "runtimeId": 0}]},
    ],
    "criteria": [
        {"id": "c-model", "name": "is an order", "criteriaChecker": "ConditionCriteriaChecker", "condition": {
            "@bean": "com.cyoda.core.conditions.GroupCondition", "operator": "AND", "conditions": [
                {"@bean": "com.cyoda.core.conditions.nonqueryable.IEquals", "fieldName": "entityModelName",
                 "operation": "IEQUALS", "value": "order"},
                {"fieldName": "entityModelVersion", "operation": "IEQUALS", "value": "1"}]}},
        {"id": "c-amount", "name": "enough", "criteriaChecker": "ConditionCriteriaChecker", "condition": {
            "operator": "AND", "conditions": [
                {"fieldName": "amount", "operation": "GREATER_THAN", "value": 3}]}},
    ],
    "process": [
        {"id": {"persisted": True, "persistedId": "p-1", "runtimeId": 0}, "name": "tell", "syncProcess": False,
         "newTransactionForAsync": True, "parameters": [
             parameter("calculationNodesTags", "cloud_manager_app"), parameter("attachEntity", "true"),
             parameter("calculationResponseTimeoutMs", "5000"), parameter("retryPolicy", "FIXED")]},
    ],
}  # fmt: skip


async def start_up(api: httpx.AsyncClient, dto: dict[str, Any]) -> list[str]:
    """What a template does with one file; the ids of the workflows that it switched off."""
    switched: list[str] = []
    for entry in ok(await api.get(f"{MACHINE}/workflows")):
        if entry["name"] == dto["workflow"][0]["name"]:
            entry["active"] = False
            ok(await api.put(f"{MACHINE}/persisted/workflows/{entry['id']}", json=entry))
            switched.append(entry["id"])
    ok(await api.post(f"{MACHINE}/import?needRewrite=true", json=dto))
    return switched


async def test_a_workflow_that_is_switched_off_is_not_used(api: httpx.AsyncClient, order: str) -> None:
    (listed,) = ok(await api.get(f"{MACHINE}/workflows?entityClassName=order.1"))
    switched = ok(await api.put(f"{MACHINE}/persisted/workflows/{listed['id']}", json=listed | {"active": False}))
    assert switched == listed | {"active": False}
    assert (await read(api, await entity(api, {"amount": 1, "name": "b"})))["meta"]["state"] == "CREATED"
    refused(await api.put(f"{MACHINE}/persisted/workflows/{uuid4()}", json=listed), 404, "WORKFLOW_NOT_FOUND")
    refused(await api.put(f"{MACHINE}/persisted/workflows/{listed['id']}", json={}), 400, "BAD_REQUEST")
    assert ok(await api.get(f"{MACHINE}/workflows?entityClassName=other.1")) == []
    assert ok(await api.get(f"{MACHINE}/workflows?entityClassName={TREE_NODE}")) == []


async def test_without_rewriting_what_exists_stays(api: httpx.AsyncClient) -> None:
    await model(api)
    ok(await api.post(f"{MACHINE}/import?needRewrite=true", json=DTO))
    before = ok(await api.get("/model/order/1/workflow/export"))
    changed = copy.deepcopy(DTO)
    changed["transition"][1]["name"] = "end"
    ok(await api.post(f"{MACHINE}/import?needRewrite=false", json=changed))
    assert ok(await api.get("/model/order/1/workflow/export")) == before


def broken(*path: Any, value: Any) -> dict[str, Any]:
    dto = copy.deepcopy(DTO)
    place: Any = dto
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dto


@pytest.mark.parametrize(
    ("dto", "reason"),
    [
        ({}, "workflow"),
        (broken("workflow", 0, "criteriaIds", value=[]), "entityClassName must be in format"),
        (broken("transition", 1, "endStateId", value="s-9"), "no state s-9"),
        (broken("transition", 1, "endProcessesIds", value=["p-9"]), "no process p-9"),
        (broken("transition", 1, "criteriaIds", value=["c-9"]), "no criteria c-9"),
        (broken("criteria", 1, "condition", value={"fieldName": "a@b", "operation": "EQUALS"}), "cannot be translated"),
        (broken("criteria", 1, "condition", value={"fieldName": "a", "operation": "SOUNDS_LIKE"}), "is not known"),
        (broken("process", 0, "parameters", value=[parameter("responseTimeoutMs", "soon")]), "milliseconds"),
        (broken("state", 0, "initial", value=True) | {"transition": []}, None),
        (broken("transition", value=[]), "exactly one state must be initial"),
    ],
)  # fmt: skip
async def test_what_cannot_be_translated_is_refused_with_its_reason(
    api: httpx.AsyncClient, dto: dict[str, Any], reason: str | None
) -> None:
    await model(api)
    answer = await api.post(f"{MACHINE}/import?needRewrite=true", json=dto)
    if reason is None:
        ok(answer)
        return
    refused(answer, 400, "BAD_REQUEST")
    assert reason in answer.json()["detail"]
    assert ok(await api.get(f"{MACHINE}/workflows")) == []


async def test_a_workflow_of_an_unknown_model_is_refused(api: httpx.AsyncClient) -> None:
    refused(await api.post(f"{MACHINE}/import?needRewrite=true", json=DTO), 404, "MODEL_NOT_FOUND")
