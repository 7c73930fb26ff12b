"""Checks of a draft, and versions that imports leave (ours)."""

from __future__ import annotations

import httpx

from tests.contract.http.steps import REVIEW, model, ok, refused

BASE = "/model/order/1/workflow"
QUIET = {**REVIEW, "active": False}


async def test_imports_leave_versions_that_can_be_put_back(api: httpx.AsyncClient) -> None:
    await model(api)
    assert ok(await api.get(f"{BASE}/versions")) == {"versions": []}
    first = await api.post(f"{BASE}/import", json={"workflows": [REVIEW]})
    assert (ok(first), first.headers["etag"]) == ({"success": True}, '"1"')
    ok(await api.post(f"{BASE}/import", json={"importMode": "REPLACE", "workflows": [QUIET]}))
    listed = ok(await api.get(f"{BASE}/versions"))["versions"]
    assert [(each["version"], each["importMode"], each["workflows"]) for each in listed] == [
        (2, "REPLACE", [REVIEW["name"]]), (1, "MERGE", [REVIEW["name"]]),
    ]  # fmt: skip
    assert listed[0]["importedBy"]["kind"] in ("user", "service")
    assert ok(await api.get(f"{BASE}/versions?limit=1")) == {"versions": [listed[0]], "before": 2}
    assert ok(await api.get(f"{BASE}/versions?before=2"))["versions"] == [listed[1]]
    kept = ok(await api.get(f"{BASE}/versions/1"))
    assert (kept["version"], kept["workflows"][0]["active"]) == (1, True)
    restored = {"importMode": "REPLACE", "workflows": kept["workflows"]}
    ok(await api.post(f"{BASE}/import", json=restored, headers={"If-Match": '"2"'}))
    assert ok(await api.get(f"{BASE}/export"))["workflows"] == kept["workflows"]
    refused(await api.post(f"{BASE}/import", json=restored, headers={"If-Match": "2"}), 412, "WORKFLOWS_MODIFIED")
    refused(await api.post(f"{BASE}/import", json=restored, headers={"If-Match": "x"}), 400, "BAD_REQUEST")
    refused(await api.get(f"{BASE}/versions/9"), 404, "WORKFLOW_NOT_FOUND")
    refused(await api.get(f"{BASE}/versions?limit=0"), 400, "BAD_REQUEST")


async def test_a_draft_is_checked_and_nothing_is_saved(api: httpx.AsyncClient) -> None:
    await model(api)
    wrong = {**REVIEW, "initialState": "NOWHERE"}
    answer = ok(await api.post(f"{BASE}/check", json={"workflows": [wrong]}))
    assert (answer["valid"], "workflows" in answer) == (False, False)
    assert answer["issues"][0] == {
        "message": f'workflow "{REVIEW["name"]}": initialState "NOWHERE" is not declared in states',
        "pointer": "/workflows/0/initialState", "severity": "ERROR", "code": "INVALID",
    }  # fmt: skip
    right = ok(await api.post(f"{BASE}/check", json={"workflows": [REVIEW]}))
    assert right["valid"]
    assert {issue["severity"] for issue in right["issues"]} <= {"WARNING", "INFO"}
    refused(await api.get(f"{BASE}/export"), 404, "WORKFLOW_NOT_FOUND")
    ok(await api.post(f"{BASE}/import", json={"workflows": [REVIEW]}))
    assert ok(await api.get(f"{BASE}/export"))["workflows"] == right["workflows"]
    assert ok(await api.post(f"{BASE}/check", content=b"{"))["issues"][0]["code"] == "JSON"
    refused(await api.post(f"{BASE}/check", json={"importMode": "X"}), 400, "BAD_REQUEST")
