"""The wall between tenants, route by route: a stranger gets the bytes of a world without the other tenant.

(contract: entities 1.2, 10.13; identity 15)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cyoda.conf import load
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair
from tests.contract.http.conftest import TickingClock, client_of, no_pages, pem_of
from tests.contract.http.steps import MATCH_ALL, REVIEW, entity, model, ok, read, workflow
from tests.contract.http.test_reports import ended as run_ended
from tests.contract.http.test_search_jobs import ended
from workflows.api.routes import data_plane_routes
from workflows.storage.memory.store import MemoryStorage

MERGE = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
KEYS = {"uniqueKeys": [{"id": "k", "fields": ["$.name"]}]}
INDEXES = {"indexes": [{"id": "by-name", "fields": ["$.name"]}]}
GROUPING = {"groupBy": ["state"]}
MACHINE = {"workflow": [{"id": 1, "name": "review", "entityClassName": "order.1"}], "state": [{"id": 1, "name": "A"}]}
NEW_ITEM = {"model": {"name": "order", "version": 1}, "payload": "{}"}


@dataclass(frozen=True)
class Crossing:
    """How a stranger asks a route for what another tenant owns, and the code it is answered (None: a 200).

    `fresh` answers hold new ids, so that no two of them are the same bytes.
    """

    code: str | None
    query: str = ""
    json: Any = None
    headers: dict[str, str] | None = None
    fresh: bool = False


NO_MODEL, NO_ENTITY = Crossing("MODEL_NOT_FOUND"), Crossing("ENTITY_NOT_FOUND")
NO_REPORT, NO_DEFINITION = Crossing("REPORT_NOT_FOUND"), Crossing("REPORT_DEFINITION_NOT_FOUND")
NO_JOB, NOTHING_THERE = Crossing("SEARCH_JOB_NOT_FOUND"), Crossing(None)

CROSSINGS: dict[str, list[Crossing]] = {
    "GET /model": [NOTHING_THERE],
    "GET /model/": [NOTHING_THERE],
    "GET /model/export/{converter}/{entityName}/{modelVersion}": [NO_MODEL],
    "POST /model/validate/{entityName}/{modelVersion}": [Crossing("MODEL_NOT_FOUND", json={})],
    "PUT /model/{entityName}/{modelVersion}/lock": [NO_MODEL],
    "PUT /model/{entityName}/{modelVersion}/unlock": [NO_MODEL],
    "POST /model/{entityName}/{modelVersion}/changeLevel/{changeLevel}": [NO_MODEL],
    "PUT /model/{entityName}/{modelVersion}/unique-keys": [Crossing("MODEL_NOT_FOUND", json=KEYS)],
    "PUT /model/{entityName}/{modelVersion}/indexes": [Crossing("MODEL_NOT_FOUND", json=INDEXES)],
    "GET /model/{entityName}/{modelVersion}/indexes": [NO_MODEL],
    "DELETE /model/{entityName}/{modelVersion}": [NO_MODEL],
    "POST /model/{entityName}/{modelVersion}/workflow/import": [
        Crossing("MODEL_NOT_FOUND", json={"importMode": "REPLACE", "workflows": [REVIEW]})
    ],
    "GET /model/{entityName}/{modelVersion}/workflow/export": [NO_MODEL],
    "POST /model/{entityName}/{modelVersion}/workflow/check": [Crossing("MODEL_NOT_FOUND", json={"workflows": []})],
    "GET /model/{entityName}/{modelVersion}/workflow/versions": [NO_MODEL],
    "GET /model/{entityName}/{modelVersion}/workflow/versions/{number}": [NO_MODEL],
    "POST /model/{entityName}/{modelVersion}/workflow/simulate": [Crossing("MODEL_NOT_FOUND", json={"entity": {}})],
    "GET /entity/{entityId}/changes": [NO_ENTITY, Crossing("ENTITY_NOT_FOUND", "?pointInTime=2100-01-01")],
    "GET /entity/{entityId}/why": [NO_ENTITY],
    "GET /entity/{entityId}/transitions": [
        NO_ENTITY,
        Crossing("ENTITY_NOT_FOUND", "?pointInTime=2100-01-01T00:00:00Z"),
        Crossing("BAD_REQUEST", "?transactionId={transactionId}"),
    ],
    "GET /platform-api/entity/fetch/transitions": [
        Crossing("ENTITY_NOT_FOUND", "?entityClass=order.1&entityId={entityId}")
    ],
    "GET /entity/stats": [NOTHING_THERE],
    "GET /entity/stats/states": [NOTHING_THERE, Crossing(None, "?states=DRAFT")],
    "GET /entity/stats/{entityName}/{modelVersion}": [NO_MODEL],
    "GET /entity/stats/states/{entityName}/{modelVersion}": [NO_MODEL],
    "GET /messages": [NOTHING_THERE],  # before the stranger has one of its own
    "POST /message/new/{subject}": [Crossing(None, json={"payload": 1}, fresh=True)],
    "GET /message/{messageId}": [NO_ENTITY],
    "DELETE /message/{messageId}": [NO_ENTITY],
    "DELETE /message": [Crossing(None, json=["{messageId}"])],
    "POST /search/async/{entityName}/{modelVersion}": [Crossing("MODEL_NOT_FOUND", json=MATCH_ALL)],
    "GET /search/async": [NOTHING_THERE, Crossing(None, "?before={jobId}")],
    "GET /search/async/{jobId}/details": [NO_JOB],
    "GET /search/async/{jobId}/status": [NO_JOB],
    "GET /search/async/{jobId}": [NO_JOB, Crossing("SEARCH_JOB_NOT_FOUND", "?pageSize=5&pageNumber=1")],
    "PUT /search/async/{jobId}/cancel": [NO_JOB],
    "GET /search/snapshot/{jobId}/status": [NO_JOB],
    "GET /search/snapshot/{jobId}": [NO_JOB],
    "PUT /search/snapshot/{jobId}/cancel": [NO_JOB],
    "POST /search/snapshot/{entityName}/{modelVersion}": [Crossing("MODEL_NOT_FOUND", json=MATCH_ALL)],
    "GET /message/get/{messageId}": [NO_ENTITY],
    "GET /platform-api/statemachine/workflows": [NOTHING_THERE, Crossing(None, "?entityClassName=order.1")],
    "PUT /platform-api/statemachine/persisted/workflows/{workflowId}": [
        Crossing("WORKFLOW_NOT_FOUND", json={"active": False})
    ],
    "POST /platform-api/statemachine/import": [Crossing("MODEL_NOT_FOUND", json=MACHINE)],
    "GET /audit/entity/{entityId}": [NO_ENTITY, Crossing("ENTITY_NOT_FOUND", "?differences=true")],
    "GET /audit/transactions": [NOTHING_THERE],
    "GET /members": [NOTHING_THERE],
    "GET /audit/transactions/{transactionId}": [Crossing("TRANSACTION_NOT_FOUND")],
    "GET /audit/entity/{entityId}/workflow/{transactionId}/finished": [NO_ENTITY],
    "GET /help/workflows/schema-version/versions": [NOTHING_THERE],
    "POST /entity/{format}": [Crossing("MODEL_NOT_FOUND", json=[NEW_ITEM])],
    "PUT /entity/{format}": [Crossing("ENTITY_NOT_FOUND", json=[{"id": "{entityId}", "payload": "{}"}])],
    "POST /entity/{format}/{entityName}/{modelVersion}": [
        Crossing("MODEL_NOT_FOUND", json={}), Crossing("MODEL_NOT_FOUND", json=[{}])
    ],
    "PUT /entity/{format}/{entityId}": [
        Crossing("ENTITY_NOT_FOUND", json={}),
        Crossing("ENTITY_NOT_FOUND", json={}, headers={"If-Match": "{transactionId}"}),
    ],
    "PUT /entity/{format}/{entityId}/{transition}": [Crossing("ENTITY_NOT_FOUND", json={})],
    "PATCH /entity/{format}/{entityId}": [Crossing("ENTITY_NOT_FOUND", json={}, headers=MERGE)],
    "PATCH /entity/{format}/{entityId}/{transition}": [Crossing("ENTITY_NOT_FOUND", json={}, headers=MERGE)],
    "DELETE /entity/{entityId}": [NO_ENTITY],
    "DELETE /entity/{entityName}/{modelVersion}": [NO_MODEL, Crossing("MODEL_NOT_FOUND", json=MATCH_ALL)],
    "GET /entity/{entityId}": [
        NO_ENTITY,
        Crossing("ENTITY_NOT_FOUND", "?pointInTime=2100-01-01"),
        Crossing("ENTITY_NOT_FOUND", "?transactionId={transactionId}"),
    ],
    "GET /entity/{entityName}/{modelVersion}": [NO_MODEL, Crossing("MODEL_NOT_FOUND", "?pointInTime=2100-01-01")],
    "POST /entity/stats/{entityName}/{modelVersion}/query": [Crossing("MODEL_NOT_FOUND", json=GROUPING)],
    "POST /search/direct/{entityName}/{modelVersion}": [Crossing("MODEL_NOT_FOUND", json=MATCH_ALL)],
    "POST /search/{entityName}/{modelVersion}": [Crossing("MODEL_NOT_FOUND", json=MATCH_ALL)],
    "PUT /platform-api/entity/transition": [
        Crossing("ENTITY_NOT_FOUND", "?entityId={entityId}&transitionName=approve")
    ],
    "GET /platform-api/reporting/definitions": [NOTHING_THERE],
    "GET /platform-api/reporting/definitions/{definitionId}": [NO_DEFINITION],
    "PUT /platform-api/reporting/definitions/{definitionId}": [Crossing("REPORT_DEFINITION_NOT_FOUND", json={})],
    "DELETE /platform-api/reporting/definitions/{definitionId}": [
        NO_DEFINITION, Crossing("REPORT_DEFINITION_NOT_FOUND", "?cascade=true"),
        Crossing("REPORT_DEFINITION_NOT_FOUND", "?mode=reports"),
    ],
    "GET /platform-api/reporting/export-by-ids": [
        Crossing("REPORT_DEFINITION_NOT_FOUND", "?includeIds={definitionId}")
    ],
    "GET /platform-api/reporting/types": [NOTHING_THERE],
    "POST /platform-api/reporting/pre": [Crossing("REPORT_DEFINITION_NOT_FOUND", "?gridConfig={definitionId}")],
    "GET /platform-api/reporting/history": [NOTHING_THERE, Crossing(None, "?username=u-1&finished=on")],
    "GET /platform-api/reporting/report/{reportId}/status": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/{groupingVersion}/status": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/{groupingVersion}/stats": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/config": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/{groupingVersion}/groups": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/{groupingVersion}/groups/{group}": [NO_REPORT],
    "GET /platform-api/reporting/report/{reportId}/rows": [NO_REPORT, Crossing("REPORT_NOT_FOUND", "?size=1&page=1")],
    "GET /platform-api/reporting/report/{reportId}/group_rows/{group}": [NO_REPORT],
    "POST /platform-api/reporting/report/{reportId}/cancel": [NO_REPORT],
    "DELETE /platform-api/reporting/report/{reportId}/{groupingVersion}": [NO_REPORT],
    # from here on the stranger has a definition of that name
    "POST /platform-api/reporting/definitions": [Crossing(None, "?name=all", json={"requestClass": "order.1"})],
    "POST /platform-api/reporting/import": [Crossing(None, json={"data": {"value": [{"id": "{definitionId}"}]}})],
    # the last: from here on the stranger has a model of that name
    "POST /model/import/{dataFormat}/{converter}/{entityName}/{modelVersion}": [Crossing(None, json={"name": "b"})],
}  # fmt: skip
IDS = ("{entityId}", "{messageId}", "{jobId}", "{reportId}")


@pytest.fixture
async def nowhere(signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    """The same stranger in a world where the other tenant has never been."""
    identity = {"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(signing_key.private_key)}
    node = build_node(load(identity), MemoryStorage(), fallback=no_pages, clock=TickingClock())
    await node.platform.storage.open()
    async with client_of(node, signing_key, caas_org_id="globex", scopes=["ROLE_M2M"]) as client:
        yield client
    await node.platform.storage.close()


@pytest.fixture
async def owned(api: httpx.AsyncClient) -> dict[str, str]:
    """What the first tenant owns of everything, as values for the places of a path."""
    await model(api)
    await workflow(api)
    ok(await api.put("/model/order/1/indexes", json=INDEXES))
    entity_id = await entity(api)
    (sent,) = ok(await api.post("/message/new/s", json={"payload": 1}))
    job_id = ok(await api.post("/search/async/order/1", json=MATCH_ALL))
    await ended(api, job_id)
    report = {"requestClass": "order.1", "columns": ["name"]}
    definition_id = ok(await api.post("/platform-api/reporting/definitions?name=all", json=report))["content"]
    run = ok(await api.post("/platform-api/reporting/pre", params={"gridConfig": definition_id}))["content"]
    await run_ended(api, run["reportId"])
    (machine,) = ok(await api.get("/platform-api/statemachine/workflows"))
    return {
        "entityName": "order", "modelVersion": "1", "number": "1", "entityId": entity_id,
        "messageId": sent["entityIds"][0],
        "transactionId": (await read(api, entity_id))["meta"]["transactionId"], "jobId": job_id, "subject": "s",
        "format": "JSON", "dataFormat": "JSON", "converter": "SIMPLE_VIEW", "changeLevel": "STRUCTURAL",
        "transition": "approve", "workflowId": machine["id"], "definitionId": definition_id,
        "reportId": run["reportId"], "groupingVersion": run["groupingVersion"], "group": "W10",
    }  # fmt: skip


async def estate(api: httpx.AsyncClient, owned: dict[str, str]) -> list[str]:
    """Everything that the first tenant sees of its own, as text."""
    paths = (
        "/model/", "/model/export/SIMPLE_VIEW/order/1", "/model/order/1/workflow/export", "/entity/order/1",
        "/entity/{entityId}/changes", "/entity/stats", "/entity/stats/states", "/audit/entity/{entityId}",
        "/message/{messageId}", "/messages", "/audit/transactions",
        "/search/async/{jobId}/details", "/search/async/{jobId}/status",
        "/search/async/{jobId}",
        "/platform-api/reporting/definitions/{definitionId}", "/platform-api/reporting/report/{reportId}/rows",
        "/platform-api/reporting/history", "/platform-api/reporting/report/{reportId}/{groupingVersion}/groups",
    )  # fmt: skip
    answers = [await api.get(filled(path, owned)) for path in paths]
    assert [answer.status_code for answer in answers] == [200] * len(paths)
    return [answer.text for answer in answers]


def filled(value: Any, values: dict[str, str]) -> Any:
    """`value` with the places of its texts filled in, at any depth."""
    if isinstance(value, str):
        for name, text in values.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, values) for name, item in value.items()}
    return value


async def crossed(client: httpx.AsyncClient, route: str, crossing: Crossing, owned: dict[str, str]) -> httpx.Response:
    method, _, template = route.partition(" ")
    values = owned | {"converter": "SAMPLE_DATA"} if "/import/" in route else owned
    return await client.request(
        method, filled(template + crossing.query, values), json=filled(crossing.json, owned),
        headers=filled(crossing.headers, owned),
    )  # fmt: skip


def told_apart(route: str, crossing: Crossing, foreign: httpx.Response, missing: httpx.Response) -> str | None:
    """What a stranger learns from the answer that it would not learn in a world without the other; None: nothing."""
    code = None if foreign.status_code == 200 else foreign.json()["properties"]["errorCode"]
    if code != crossing.code:
        return f"{route}{crossing.query}: {code} instead of {crossing.code}"
    here, there = [(answer.status_code, dict(answer.headers), answer.content) for answer in (foreign, missing)]
    return None if crossing.fresh or here == there else f"{route}{crossing.query}: {here} instead of {there}"


async def test_every_route_of_the_data_plane_is_crossed(node: Node) -> None:
    assert {f"{route.method} {route.template}" for route in data_plane_routes(node.platform)} == set(CROSSINGS)


async def test_a_stranger_gets_the_bytes_of_a_world_without_the_owner_and_changes_nothing(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, nowhere: httpx.AsyncClient, owned: dict[str, str]
) -> None:
    before, leaks = await estate(api, owned), []
    for route, crossings in CROSSINGS.items():
        for crossing in crossings:
            foreign, missing = [await crossed(client, route, crossing, owned) for client in (stranger, nowhere)]
            leaks.append(told_apart(route, crossing, foreign, missing))
            assert await estate(api, owned) == before, f"{route} changed what another tenant owns"
    assert [leak for leak in leaks if leak] == []


async def test_nor_does_a_stranger_with_a_model_of_the_same_name_learn_anything_of_an_id(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, nowhere: httpx.AsyncClient, owned: dict[str, str]
) -> None:
    for client in (stranger, nowhere):
        await model(client)
        await workflow(client)
    before, leaks, asked = await estate(api, owned), [], 0
    for route, crossings in CROSSINGS.items():
        for crossing in crossings:
            if not any(name in f"{route} {crossing}" for name in IDS):
                continue
            asked += 1
            foreign, missing = [await crossed(client, route, crossing, owned) for client in (stranger, nowhere)]
            leaks.append(told_apart(route, crossing, foreign, missing))
    assert asked >= 25
    assert [leak for leak in leaks if leak] == []
    assert await estate(api, owned) == before


SAME_NAME: list[tuple[str, str, Any]] = [
    ("GET", "/model/export/SIMPLE_VIEW/order/1", None),
    ("GET", "/model/export/JSON_SCHEMA/order/1", None),
    ("GET", "/model/order/1/indexes", None),
    ("GET", "/model/order/1/workflow/export", None),
    ("GET", "/entity/order/1", None),
    ("GET", "/entity/order/1?pointInTime=2100-01-01", None),
    ("GET", "/entity/stats", None),
    ("GET", "/entity/stats/states", None),
    ("GET", "/entity/stats/order/1", None),
    ("GET", "/entity/stats/states/order/1", None),
    ("POST", "/entity/stats/order/1/query", GROUPING),
    ("POST", "/search/direct/order/1", MATCH_ALL),
    ("POST", "/search/direct/order/1?explain=true", MATCH_ALL),
    ("POST", "/search/order/1", MATCH_ALL),
    ("DELETE", "/entity/order/1?verbose=true", MATCH_ALL),
    ("DELETE", "/entity/order/1", None),
    ("PUT", "/model/order/1/unlock", None),
    ("PUT", "/model/order/1/unique-keys", KEYS),
    ("PUT", "/model/order/1/lock", None),
]
"""Requests about a model of the same name that is the stranger's own, and empty."""


async def test_an_own_model_of_the_same_name_has_nothing_of_the_other_and_gives_it_nothing(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, nowhere: httpx.AsyncClient, owned: dict[str, str]
) -> None:
    before = await estate(api, owned)
    for client in (stranger, nowhere):
        await model(client, sample={"name": "mine", "size": 1.5})
    for method, path, body in SAME_NAME:
        here, there = [await client.request(method, path, json=body) for client in (stranger, nowhere)]
        if "explain" in path:  # each store plans in its own way, over no entity
            assert here.json()["rowsExamined"] == there.json()["rowsExamined"] == 0
        else:
            assert here.content == there.content, f"{method} {path}"
        assert here.status_code == there.status_code, f"{method} {path}"
        assert await estate(api, owned) == before, f"{method} {path}"
    for client in (stranger, nowhere):
        mine = await entity(client, {"name": "a"})  # the name of the other's order, unique here
        assert [one["meta"]["id"] for one in ok(await client.get("/entity/order/1"))] == [mine]
        job_id = ok(await client.post("/search/async/order/1", json=MATCH_ALL))
        assert (await ended(client, job_id))["entitiesCount"] == 1
        page = ok(await client.get(f"/search/async/{job_id}"))
        assert [one["meta"]["id"] for one in page["content"]] == [mine]
        assert (await api.get(f"/search/async/{job_id}/status")).status_code == 404
        assert (await api.get(f"/entity/{mine}")).status_code == 404
        (sent,) = ok(await client.post("/message/new/s", json={"payload": "mine"}))
        assert ok(await client.get(f"/message/{sent['entityIds'][0]}"))["content"] == "mine"
        assert (await api.get(f"/message/{sent['entityIds'][0]}")).status_code == 404
    assert await estate(api, owned) == before
