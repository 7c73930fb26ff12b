"""The error table row by row: code, status, properties exactly, and nothing changed (contract: entities 1.7, 1.8)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.cluster.tokens import JoinTokens
from cyoda.http.error_reference import documented_errors
from cyoda.http.problem import TITLES
from cyoda.ids import TimeIds
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import MATCH_ALL, UNKNOWN, entity, model, ok, refused, workflow

SECRET = "5e" * 32
MERGE = {"Content-Type": "application/merge-patch+json"}
ANY = MERGE | {"If-Match": "*"}
BIG = {"type": "simple", "jsonPath": "$.memo", "operatorType": "ENDS_WITH", "value": ""}
WORKFLOW: dict[str, Any] = {
    "version": "1.3", "name": "w", "initialState": "A",
    "states": {
        "A": {"transitions": [
            {"name": "go", "next": "B", "manual": True, "processors": [
                {"name": "p", "executionMode": "SYNC",
                 "config": {"calculationNodesTags": "t", "retryPolicy": "NONE", "responseTimeoutMs": 40}}]},
        ]},
        "B": {},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A request and the refusal that it gets; `{order}` stands for the entity's id, `{job}` for a search's."""

    code: str
    status: int
    request: str
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    properties: dict[str, Any] = field(default_factory=dict)


ORDER_KEY = {"entityName": "order", "entityVersion": 1}
LOCKED = {"expectedState": "UNLOCKED", "actualState": "LOCKED"}
LEVELS = ["ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL"]
MISFIT = {
    "fieldPath": "no", "expectedType": ["INTEGER"], "actualType": "STRING", "entityName": "order", "entityVersion": "1"
}  # fmt: skip
GROUPED = "POST /entity/stats/order/1/query"
ONE_FIELD = {"groupBy": ["state"]}


def summed(*fields: str, op: str = "sum", **more: str) -> dict[str, Any]:
    return ONE_FIELD | {"aggregations": [{"op": op, "field": each, **more} for each in fields]}


ROWS = [
    Row("BAD_REQUEST", 400, "GET /entity/x", properties={"parameter": "entityId"}),
    Row("BAD_REQUEST", 400, "PUT /entity/JSON/{order}", json="text"),
    Row("BAD_REQUEST", 400, "POST /entity/YAML/order/1", json={}),
    Row("BAD_REQUEST", 400, "POST /model/import/JSON/X/order/1", json={}),
    Row("BAD_REQUEST", 400, "POST /entity/JSON/order/1", json={"unknown": 1}),
    Row("BAD_REQUEST", 400, "POST /entity/JSON/level/1", json={"unknown": 1}),
    Row("BAD_REQUEST", 400, "GET /entity/order/1?pageSize=-1"),
    *(
        Row("INCOMPATIBLE_TYPE", 400, request, json={"no": "x"}, headers=ANY, properties=MISFIT)
        for request in ("POST /entity/JSON/order/1", "PUT /entity/JSON/{order}", "PATCH /entity/JSON/{order}")
    ),
    Row("POLYMORPHIC_SLOT", 400, "POST /entity/JSON/level/1", json={"o": 5}),
    Row("POLYMORPHIC_SLOT", 400, "POST /entity/JSON/level/1", json=5),
    Row("INVALID_CHANGE_LEVEL", 400, "POST /model/order/1/changeLevel/type",
        properties=ORDER_KEY | {"suppliedValue": "type", "validValues": LEVELS}),
    Row("TRANSITION_NOT_FOUND", 400, "PUT /entity/JSON/{order}/none", json={"no": 9, "memo": "m"}),
    Row("TRANSITION_NOT_FOUND", 400, "PATCH /entity/JSON/{order}/none", json={"no": 2}, headers=ANY),
    Row("INVALID_CONDITION", 400, "DELETE /entity/order/1", json={}),
    Row("INVALID_CONDITION", 400, GROUPED, json=ONE_FIELD | {"condition": {}}),
    Row("INVALID_FIELD_PATH", 400, "DELETE /entity/order/1", json=BIG | {"jsonPath": "$.ghost"}),
    Row("CONDITION_TYPE_MISMATCH", 400, "DELETE /entity/order/1",
        json=BIG | {"jsonPath": "$.no", "operatorType": "EQUALS", "value": "x"}),
    Row("SCAN_BUDGET_EXHAUSTED", 400, "DELETE /entity/many/1", json=BIG),
    Row("MALFORMED_REQUEST", 400, GROUPED, json={"x": 1}),
    Row("MISSING_GROUP_BY", 400, GROUPED, json={}),
    Row("INVALID_GROUP_BY_PATH", 400, GROUPED, json={"groupBy": ["$.a[*]"]}),
    Row("DUPLICATE_GROUP_BY", 400, GROUPED, json={"groupBy": ["state", "state"]}),
    Row("INVALID_AGGREGATION_OP", 400, GROUPED, json=summed("no", op="count")),
    Row("INVALID_AGGREGATION_FIELD", 400, GROUPED, json=summed("")),
    Row("DUPLICATE_AGGREGATION_ALIAS", 400, GROUPED, json=summed("no", "memo", **{"as": "x"})),
    Row("INVALID_LIMIT", 400, GROUPED, json=ONE_FIELD | {"limit": 0}),
    Row("GROUP_CARDINALITY_EXCEEDED", 422, "POST /entity/stats/many/1/query", json={"groupBy": ["memo"]}),
    Row("MODEL_NOT_FOUND", 404, "PUT /model/ghost/1/lock", properties={"entityName": "ghost", "entityVersion": 1}),
    *(Row("MODEL_NOT_FOUND", 404, request, json={}) for request in ("GET /entity/ghost/1", "POST /entity/JSON/ghost/1",
                                                                    "GET /entity/stats/ghost/1")),
    *(Row("ENTITY_NOT_FOUND", 404, request, properties={"entityId": UNKNOWN})
      for request in (f"GET /entity/{UNKNOWN}", f"DELETE /entity/{UNKNOWN}", f"GET /entity/{UNKNOWN}/changes")),
    Row("ENTITY_NOT_FOUND", 404, f"PUT /entity/JSON/{UNKNOWN}", json={}),
    Row("MODEL_NOT_LOCKED", 409, "POST /entity/JSON/open/1", json={}),
    Row("MODEL_ALREADY_LOCKED", 409, "PUT /model/order/1/lock", properties=ORDER_KEY | LOCKED),
    Row("MODEL_ALREADY_LOCKED", 409, "DELETE /model/order/1", properties=ORDER_KEY | LOCKED),
    Row("MODEL_ALREADY_LOCKED", 409, "PUT /model/order/1/unique-keys", json={}, properties=ORDER_KEY | LOCKED),
    Row("MODEL_ALREADY_LOCKED", 409, "POST /model/import/JSON/SAMPLE_DATA/order/1", json={}, properties=ORDER_KEY),
    Row("MODEL_ALREADY_UNLOCKED", 409, "PUT /model/open/1/unlock",
        properties={"entityName": "open", "entityVersion": 1, "expectedState": "LOCKED", "actualState": "UNLOCKED"}),
    Row("MODEL_HAS_ENTITIES", 409, "PUT /model/order/1/unlock", properties=ORDER_KEY | {"entityCount": 2}),
    Row("UNIQUE_VIOLATION", 409, "POST /entity/JSON/order/1", json={"no": 1, "memo": "m"}),
    Row("ENTITY_MODIFIED", 412, "PUT /entity/JSON/{order}", json={"memo": "m", "no": 1}, headers={"If-Match": UNKNOWN},
        properties={"entityId": "{order}"}),
    Row("ENTITY_MODIFIED", 412, "PATCH /entity/JSON/{order}", json={}, headers=MERGE | {"If-Match": UNKNOWN},
        properties={"entityId": "{order}"}),
    Row("UNSUPPORTED_MEDIA_TYPE", 415, "PATCH /entity/JSON/{order}", json={}),
    Row("UNSUPPORTED_MEDIA_TYPE", 415, "PATCH /entity/XML/{order}", json={}, headers=ANY),
    Row("INVALID_UNIQUE_KEY", 422, "PUT /entity/JSON/{order}", json={"no": 5}),
    Row("INVALID_UNIQUE_KEY_DEFINITION", 422, "PUT /model/open/1/unique-keys",
        json={"uniqueKeys": [{"id": "k", "fields": ["$.x"]}]}, properties={"entityName": "open", "entityVersion": 1}),
    Row("INVALID_INDEX_DEFINITION", 422, "PUT /model/order/1/indexes",
        json={"indexes": [{"id": "i", "fields": ["$.x"]}]}, properties=ORDER_KEY),
    Row("PRECONDITION_REQUIRED", 428, "PATCH /entity/JSON/{order}", json={}, headers=MERGE),
    Row("NOT_IMPLEMENTED", 501, "PATCH /entity/JSON/{order}", json={},
        headers={"Content-Type": "application/json-patch+json", "If-Match": "*"}),
    Row("UNAUTHORIZED", 401, "PUT /entity/JSON/{order}", json={"no": 7, "memo": "m"}, headers={"Authorization": "x"}),
    Row("UNAUTHORIZED", 401, "PUT /entity/JSON/{order}", json={"no": 7, "memo": "m"}, headers={"X-Tx-Token": "forged"}),
    Row("TRANSACTION_NOT_FOUND", 404, "DELETE /entity/{order}", headers={"X-Tx-Token": "{finished}"}),
    Row("FORBIDDEN", 403, "DELETE /entity/{order}", headers={"X-Tx-Token": "{foreign}"}),
    Row("TRANSACTION_EXPIRED", 410, "DELETE /entity/{order}", headers={"X-Tx-Token": "{expired}"}),
    Row("TRANSACTION_NODE_UNAVAILABLE", 503, "DELETE /entity/{order}", headers={"X-Tx-Token": "{elsewhere}"}),
    Row("NO_COMPUTE_MEMBER_FOR_TAG", 503, "PUT /entity/JSON/{order}/go", json={"no": 7, "memo": "m"},
        properties={"retryable": True}),
    Row("WORKFLOW_NOT_FOUND", 404, "GET /model/open/1/workflow/export"),
    Row("WORKFLOW_NOT_FOUND", 404, "GET /model/order/1/workflow/versions/99"),
    Row("WORKFLOWS_MODIFIED", 412, "POST /model/order/1/workflow/import", json={}, headers={"If-Match": "99"},
        properties={"currentVersion": 1}),
    Row("VALIDATION_FAILED", 400, "POST /model/order/1/workflow/import",
        json={"importMode": "REPLACE", "workflows": [WORKFLOW | {"initialState": "NOWHERE"}]}),
    Row("WORKFLOW_SCHEMA_VERSION_UNSUPPORTED", 400, "POST /model/order/1/workflow/import",
        json={"importMode": "REPLACE", "workflows": [WORKFLOW | {"version": "9.0"}]}),
    Row("SEARCH_JOB_NOT_FOUND", 404, f"GET /search/async/{UNKNOWN}/status"),
    Row("SEARCH_JOB_ALREADY_TERMINAL", 400, "PUT /search/async/{job}/cancel",
        properties={"currentStatus": "SUCCESSFUL", "snapshotId": "{job}"}),
    Row("SEARCH_RESULT_LIMIT", 400, "POST /search/direct/order/1?limit=1", json=MATCH_ALL),
    Row("REPORT_DEFINITION_NOT_FOUND", 404, "DELETE /platform-api/reporting/definitions/ghost?cascade=true",
        properties={"definitionId": "ghost"}),
    Row("REPORT_NOT_FOUND", 404, f"GET /platform-api/reporting/report/{UNKNOWN}/status"),
    Row("HELP_TOPIC_NOT_FOUND", 404, "GET /help/nothing"),
]  # fmt: skip

BY_A_MEMBER = {"WORKFLOW_FAILED", "COMPUTE_MEMBER_DISCONNECTED", "DISPATCH_TIMEOUT"}
ELSEWHERE = {
    "CONFLICT": "http/test_updating.py",
    "DISPATCH_FORWARD_FAILED": "cluster/test_three_processes.py",
    "FEATURE_DISABLED": "identity/test_trusted_keys.py",
    "INVALID_REPORT_DEFINITION": "http/test_reports.py",
    "KEYPAIR_NOT_FOUND": "identity/test_keypairs.py",
    "KEY_OWNED_BY_DIFFERENT_TENANT": "identity/test_trusted_keys.py",
    "M2M_CLIENT_NOT_FOUND": "identity/test_clients.py",
    "OIDC_INVALID_TENANT": "identity/test_oidc_providers.py",
    "OIDC_PROVIDER_DUPLICATE": "identity/test_oidc_providers.py",
    "OIDC_PROVIDER_INACTIVE": "identity/test_oidc_providers.py",
    "OIDC_PROVIDER_NOT_FOUND": "identity/test_oidc_providers.py",
    "OIDC_SSRF_BLOCKED": "identity/test_oidc_providers.py",
    "QUOTA_EXCEEDED": "identity/test_limits.py",
    "REPORT_DEFINITION_EXISTS": "http/test_reports.py",
    "REPORT_DEFINITION_IN_USE": "http/test_reports.py",
    "SCHEDULE_FUNCTION_INVALID_RESULT": "http/test_timers.py",
    "SERVER_ERROR": "unit/http/test_problems.py",
    "STORAGE_UNAVAILABLE": "conformance/test_postgres_outage.py",
    "TOO_MANY_REQUESTS": "identity/test_limits.py",
    "TRUSTED_KEY_CAP_REACHED": "identity/test_trusted_keys.py",
    "TRUSTED_KEY_NOT_FOUND": "identity/test_trusted_keys.py",
    "UNSUPPORTED_ALGORITHM": "identity/test_keypairs.py",
    "UNSUPPORTED_KEY_TYPE": "identity/test_trusted_keys.py",
}
"""Codes whose provocation needs more than a request, and what provokes them."""


@pytest.fixture
def settings() -> dict[str, str]:
    return {"CYODA_SEARCH_SCAN_BUDGET": "2", "CYODA_STATS_GROUP_MAX": "2", "CYODA_HMAC_SECRET": SECRET}


@pytest.fixture
async def values(api: httpx.AsyncClient, node: Node, clock: ManualClock) -> AsyncIterator[dict[str, str]]:
    """Models in every state, two orders, three others, and the texts for the places of a row."""
    await model(api, "order", {"no": 1, "memo": "m"}, lock=False)
    ok(await api.put("/model/order/1/unique-keys", json={"uniqueKeys": [{"id": "k", "fields": ["$.no", "$.memo"]}]}))
    ok(await api.put("/model/order/1/lock"))
    await workflow(api, definition=WORKFLOW)
    await model(api, "open", {"a": 1}, lock=False)
    await model(api, "level", {"o": {"x": 1}})
    ok(await api.post("/model/level/1/changeLevel/TYPE"))
    await model(api, "many", {"memo": "m"})
    order, _ = await entity(api, {"no": 1, "memo": "m"}), await entity(api, {"no": 2, "memo": "m"})
    ok(await api.post("/entity/JSON/many/1", json=[{"memo": text} for text in "abc"]))
    job = ok(await api.post("/search/async/order/1", json=MATCH_ALL))
    async with asyncio.timeout(20):
        while ok(await api.get(f"/search/async/{job}/status"))["searchJobStatus"] == "RUNNING":
            await asyncio.sleep(0.01)
    transactions = node.platform.transactions
    async with transactions.run(Principal(tenant="acme", user_id="u", kind="user")) as transaction:
        finished = transactions.token(transaction)
    expired, elsewhere = [
        JoinTokens(bytes.fromhex(SECRET), node_id=name, lifetime=timedelta(minutes=minutes), clock=clock).mint(
            TimeIds()()
        )
        for name, minutes in (("local", -1), ("elsewhere", 1))
    ]
    async with transactions.run(Principal(tenant="globex", user_id="u", kind="user")) as transaction:
        yield {
            "order": order, "job": job, "finished": finished, "expired": expired, "elsewhere": elsewhere,
            "foreign": transactions.token(transaction),
        }  # fmt: skip


def filled(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**values)
    return {name: filled(text, values) for name, text in value.items()} if isinstance(value, dict) else value


async def world(api: httpx.AsyncClient) -> list[str]:
    """Models, schemas, workflows, entities with their transactions, and the states of all: as text."""
    paths = ["/model/", "/entity/stats/states", "/model/order/1/workflow/export", "/model/order/1/indexes"]
    for name in ("order", "open", "level", "many"):
        paths += [f"/model/export/SIMPLE_VIEW/{name}/1", f"/entity/{name}/1"]
    return [ok_text(await api.get(path)) for path in paths]


def ok_text(answer: httpx.Response) -> str:
    ok(answer)
    return answer.text


async def test_each_refusal_is_told_whole_and_changes_nothing(api: httpx.AsyncClient, values: dict[str, str]) -> None:
    before = await world(api)
    for row in ROWS:
        method, _, path = filled(row.request, values).partition(" ")
        answer = await api.request(method, path, json=row.json, headers=filled(row.headers, values))
        where = f"{row.request} {row.json}: {answer.text}"
        assert answer.status_code == row.status, where
        assert answer.headers["content-type"] == "application/problem+json", where
        problem = answer.json()
        assert problem.pop("detail").startswith(f"{row.code}: "), where
        assert problem == {
            "type": "about:blank", "title": TITLES[row.status], "status": row.status,
            "instance": path.partition("?")[0],
            "properties": {"errorCode": row.code} | filled(row.properties, values),
        }, where  # fmt: skip
        assert await world(api) == before, where


def test_every_code_has_its_row() -> None:
    codes = {kind.code for kind in documented_errors()}
    assert codes - {row.code for row in ROWS} - BY_A_MEMBER == set(ELSEWHERE)


async def test_what_a_member_fails_at_is_told_whole_and_changes_nothing(
    api: httpx.AsyncClient, node: Node, values: dict[str, str]
) -> None:
    async def refuse(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": False, "error": {"code": "X", "message": "out of stock"}}

    async def sleep(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    async def leave(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        members[-1].leave(node)
        return {"success": True}

    before, members = await world(api), list[InProcessMember]()
    for work, status, code, properties in (
        (refuse, 400, "WORKFLOW_FAILED", {}),
        (sleep, 503, "DISPATCH_TIMEOUT", {"retryable": True}),
        (leave, 503, "COMPUTE_MEMBER_DISCONNECTED", {"retryable": True}),
    ):
        members.append(InProcessMember(node, work, tags=("t",)))
        answer = await api.put(f"/entity/JSON/{values['order']}/go", json={"no": 9, "memo": "m"})
        refused(answer, status, code)
        assert answer.json()["properties"] == {"errorCode": code, **properties}
        assert ("out of stock" in answer.text) == (work is refuse)
        members[-1].leave(node)
        assert await world(api) == before
