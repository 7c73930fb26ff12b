"""Acceptance of an environment's own API, row by row (contract: control plane 12, rows 21 to 25)."""

from __future__ import annotations

import asyncio

import httpx

from cyoda.clock import ManualClock
from cyoda.runtime import Node
from tests.contract.http.conftest import api, clock, node, settings, signing_key
from tests.contract.http.steps import entity, model, ok, read, refused
from tests.contract.http.test_reports import REPORTS, SALES, defined, ended, history, started
from tests.contract.identity.conftest import Start, start
from tests.contract.identity.test_account import QUOTAS, subscribed
from tests.contract.studio.test_data_plane_calls import DTO, MACHINE, bearers, start_up, storage

__all__ = ["api", "bearers", "clock", "node", "settings", "signing_key", "start", "storage"]  # fixtures


async def test_row_21_an_untrusted_token_is_not_let_in(node: Node, api: httpx.AsyncClient) -> None:
    """How clients find out whether an environment exists; with a fresh token the same call is made once more."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.api), base_url="https://client-ann-dev.x") as guest:
        answer = await guest.get("/api/v1", headers={"Authorization": "Bearer a.guest.token"})
    assert answer.status_code == 401
    assert (await api.get("/v1")).status_code == 404


async def test_row_22_an_account_has_its_required_fields(start: Start, clock: ManualClock) -> None:
    await subscribed(clock)
    info = ok(await (await start(**QUOTAS)).admin.get("/account"))["userAccountInfo"]
    assert {"userId", "userName", "legalEntity", "roles", "currentSubscription"} <= set(info)
    assert set(info["legalEntity"]) == {"id", "name"}
    assert all("id" in role for role in info["roles"])
    subscription = info["currentSubscription"]
    assert {"id", "legalEntityId", "status", "tierName", "periodFrom", "limits"} <= set(subscription)
    limits = {limit["entitlementId"]: limit for limit in subscription["limits"]}
    assert all({"entitlementId", "cumulative", "limit"} <= set(limit) for limit in limits.values())
    assert limits["API_REQUEST"]["timeIntervalBound"] == "MINUTES"
    assert "timeIntervalBound" not in limits["NUM_MODELS"]


async def test_row_23_a_report_runs_and_is_in_the_history(api: httpx.AsyncClient) -> None:
    await model(api, "sale", {"amount": 1, "kind": "a", "customer": {"country": "FR"}})
    await entity(api, {"amount": 2, "kind": "a", "customer": {"country": "FR"}}, "sale")
    report_id = await started(api, await defined(api))
    status = ok(await api.get(f"{REPORTS}/report/{report_id}/status"))["content"]["status"]
    assert status in ("STARTED", "RUNNING", "SUCCESSFUL")
    async with asyncio.timeout(3):
        assert (await ended(api, report_id))["status"] == "SUCCESSFUL"
        (run,) = await history(api, sorting="-createTime", size=500, finished="on")
    assert (run["id"], run["status"], run["totalRowsCount"]) == (report_id, "SUCCESSFUL", 1)


async def test_row_24_a_definition_with_executions_is_not_replaced(api: httpx.AsyncClient) -> None:
    await model(api, "sale", {"amount": 1, "kind": "a", "customer": {"country": "FR"}})
    name = await defined(api)
    await ended(api, await started(api, name))
    answer = await api.put(f"{REPORTS}/definitions/{name}", json=SALES | {"description": "new"})
    refused(answer, 422, "REPORT_DEFINITION_IN_USE", definitionId=name, executions=1)
    assert ok(await api.get(f"{REPORTS}/definitions/{name}"))["content"] == SALES


async def test_row_25_a_start_up_import_may_be_repeated(api: httpx.AsyncClient) -> None:
    await model(api)
    assert await start_up(api, DTO) == []
    (listed,) = ok(await api.get(f"{MACHINE}/workflows"))
    assert (listed["entityClassName"], listed["active"], listed["persisted"]) == ("order.1", True, True)
    small = await entity(api)
    assert (await read(api, small))["meta"]["state"] == "NEW"
    assert await start_up(api, DTO) == [listed["id"]]
    assert ok(await api.get(f"{MACHINE}/workflows")) == [listed], "imported again, and active again"
    refused(await api.put(f"/entity/JSON/{small}/finish", json={"amount": 1, "name": "a"}), 400, "WORKFLOW_FAILED")

    (exported,) = ok(await api.get("/model/order/1/workflow/export"))["workflows"]
    assert (exported["name"], exported["initialState"], exported.get("criterion")) == ("start-up", "None", None)
    (finish,) = exported["states"]["NEW"]["transitions"]
    assert finish["manual"] is True
    assert finish["processors"] == [
        {"type": "externalized", "name": "tell", "executionMode": "ASYNC_NEW_TX", "config": {
            "attachEntity": True, "calculationNodesTags": "cloud_manager_app", "responseTimeoutMs": 5000,
            "retryPolicy": "FIXED"}}
    ]  # fmt: skip
