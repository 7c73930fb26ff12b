"""Recent transactions over HTTP: our own addition to the audit trail (contract: engine 6; ui 4.2)."""

from __future__ import annotations

from typing import Any

import httpx

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow

Run = dict[str, Any]


def going(mode: str = "SYNC", **config: Any) -> dict[str, Any]:
    work = {"name": 'the "p"', "executionMode": mode, "config": config}
    go = {"name": "go", "next": "B", "manual": True, "processors": [work]}
    return {"version": "1.3", "name": "w", "initialState": "A", "states": {"A": {"transitions": [go]}, "B": {}}}


async def listed(api: httpx.AsyncClient, **query: object) -> list[Run]:
    return ok(await api.get("/audit/transactions", params=query))["items"]


async def paged(api: httpx.AsyncClient, **query: object) -> list[Run]:
    """All pages of two."""
    found: list[Run] = []
    cursor = ""
    while True:
        page = ok(await api.get("/audit/transactions", params={**query, "limit": 2, "cursor": cursor}))
        assert len(page["items"]) <= 2
        found += page["items"]
        cursor = page.get("nextCursor", "")
        if not cursor:
            return found


async def go(api: httpx.AsyncClient, entity_id: str) -> httpx.Response:
    return await api.put(f"/entity/JSON/{entity_id}/go", json={"amount": 1, "name": "a"})


async def test_a_run_tells_what_it_did_with_whom_and_how_long_it_took(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    await workflow(api, definition=going())
    member = InProcessMember(node)
    order = await entity(api)
    ok(await go(api, order))
    newest, first = await listed(api)
    assert (first["firstState"], first["lastState"], first["status"]) == ("", "A", "FINISHED")
    moved = (await read(api, order))["meta"]["transactionId"]
    wanted = {
        "transactionId": moved, "entityId": order, "entities": 1, "models": [{"name": "order", "version": 1}],
        "firstState": "A", "lastState": "B", "transitions": ["go"], "processors": ['the "p"'],
        "members": [str(member._member.id)], "errors": 0, "status": "FINISHED",
    }  # fmt: skip
    assert newest.items() >= wanted.items()
    assert newest["durationMillis"] >= 0
    detail = ok(await api.get(f"/audit/transactions/{moved}"))
    assert detail.items() >= wanted.items()
    assert (detail["actor"], detail["isCut"]) == ("u-1", False)
    types = [event["eventType"] for event in detail["items"]]
    assert types == [
        "STATE_MACHINE_START", "PAUSE_FOR_PROCESSING", "STATE_PROCESS_RESULT", "TRANSITION_MAKE", "STATE_MACHINE_FINISH"
    ]  # fmt: skip
    (call,) = detail["items"][2]["calls"]
    assert call.pop("durationMillis") > 0
    assert call == {"kind": "processor", "name": 'the "p"', "outcome": "answered", "memberId": wanted["members"][0]}


FOUND: list[tuple[dict[str, object], int]] = [
    ({"entityName": "order"}, 2), ({"entityName": "other"}, 0), ({"entityName": "order", "modelVersion": 2}, 0),
    ({"state": "B"}, 1), ({"state": "A"}, 2), ({"processor": 'the "p"'}, 1), ({"member": UNKNOWN}, 0),
    ({"status": "FAILED"}, 0), ({"errors": "true"}, 0), ({"fromUtcTime": "2000-01-01T00:00:00Z"}, 2),
    ({"toUtcTime": "2000-01-01T00:00:00Z"}, 0), ({"fromUtcTime": "2100-01-01T00:00:00Z"}, 0),
]  # fmt: skip


async def test_runs_are_found_by_what_they_did(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    await workflow(api, definition=going())
    InProcessMember(node)
    ok(await go(api, await entity(api)))
    for query, found in FOUND:
        assert len(await listed(api, **query)) == found, query
        assert len(await paged(api, **query)) == found, query


async def test_a_refused_run_is_remembered_among_those_that_were_committed(api: httpx.AsyncClient, node: Node) -> None:
    async def refuse(_request: Any, _joined: Any) -> dict[str, Any]:
        return {"success": False, "error": {"code": "X", "message": "out of paper"}}

    await model(api)
    await workflow(api, definition=going())
    orders = [await entity(api) for _ in range(3)]
    member = InProcessMember(node, refuse)
    for order in orders:
        refused(await go(api, order), 400, "WORKFLOW_FAILED")
        await entity(api)
    found = await listed(api)
    assert [run["status"] for run in found] == ["FINISHED", "FAILED"] * 3 + ["FINISHED"] * 3
    assert await paged(api) == found
    assert [run["entityId"] for run in await paged(api, status="FAILED")] == orders[::-1]
    failed = found[1]
    assert "out of paper" in failed["error"]
    assert (failed["errors"], failed["members"]) == (3, [str(member._member.id)])
    detail = ok(await api.get(f"/audit/transactions/{failed['transactionId']}"))
    assert (detail["code"], detail["actor"]) == ("WORKFLOW_FAILED", "u-1")
    assert [event["failure"] for event in detail["items"] if "failure" in event][-1].startswith("Processor failed")
    assert [call["outcome"] for event in detail["items"] for call in event.get("calls", ())] == ["refused"]


async def test_of_a_run_that_fails_after_a_segment_both_parts_are_one(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    await workflow(api, definition=going("COMMIT_BEFORE_DISPATCH"))
    order = await entity(api)
    assert (await go(api, order)).status_code == 503
    failed, _ = await listed(api)
    assert (failed["status"], failed["entityId"]) == ("FAILED", order)
    assert await paged(api) == await listed(api)
    detail = ok(await api.get(f"/audit/transactions/{failed['transactionId']}"))
    types = [event["eventType"] for event in detail["items"]]
    assert types[:2] == ["STATE_MACHINE_START", "PAUSE_FOR_PROCESSING"]
    assert types[-1] == "STATE_PROCESS_RESULT"
    assert detail["items"][-2]["calls"][0]["outcome"] == "no_member"


async def test_what_was_asked_wrongly_is_refused(api: httpx.AsyncClient) -> None:
    refused(await api.get(f"/audit/transactions/{UNKNOWN}"), 404, "TRANSACTION_NOT_FOUND")
    for query in ("cursor=x", "cursor=1", "cursor=-1.2", "limit=0", "limit=501", "errors=maybe", "fromUtcTime=x"):
        refused(await api.get(f"/audit/transactions?{query}"), 400, "BAD_REQUEST")
