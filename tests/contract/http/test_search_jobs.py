"""Asynchronous searches over HTTP (contract: search 3, 14.3 H12-H16, 16)."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock, utc_text
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, UNKNOWN, entity, model, ok, read, refused
from workflows.core.entity import ModelKey
from workflows.core.search_job import SearchJob
from workflows.services.background import remove_expired
from workflows.services.platform import NoWorkers, Platform
from workflows.services.search_jobs import submit_search
from workflows.services.search_runs import run_search_job

PATH = "/search/async/order/1"
ANN = Principal(tenant="acme", user_id="u-1", kind="user")


def simple(path: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


@pytest.fixture
async def orders(api: httpx.AsyncClient) -> list[str]:
    await model(api)
    return [await entity(api, {"amount": amount, "name": f"n{amount}"}) for amount in (3, 1, 2)]


@pytest.fixture
async def unattended(node: Node, orders: list[str]) -> Platform:
    """The node's platform, whose jobs nobody runs."""
    return replace(node.platform, workers=NoWorkers())


async def submitted(platform: Platform, **options: Any) -> uuid.UUID:
    """A job that runs for as long as nobody works on it."""
    return await submit_search(ANN, ModelKey("order", 1), b"", platform=platform, **options)


async def ended(api: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    """The status of a job that is no longer running."""
    async with asyncio.timeout(20):
        while (status := ok(await api.get(f"/search/async/{job_id}/status")))["searchJobStatus"] == "RUNNING":
            await asyncio.sleep(0.01)
    return status


async def started(api: httpx.AsyncClient, condition: object = MATCH_ALL, query: str = "") -> str:
    return ok(await api.post(f"{PATH}{query}", json=condition))


async def amounts(api: httpx.AsyncClient, condition: object = MATCH_ALL, query: str = "") -> list[int]:
    """What a job finds, in the order of its pages of two."""
    job_id = await started(api, condition, query)
    assert (await ended(api, job_id))["searchJobStatus"] == "SUCCESSFUL"
    found: list[int] = []
    for number in range(10):
        page = ok(await api.get(f"/search/async/{job_id}?pageSize=2&pageNumber={number}"))
        found += [one["data"]["amount"] for one in page["content"]]
    return found


async def test_searches_are_listed_with_what_was_asked_the_last_one_first(
    api: httpx.AsyncClient, orders: list[str], unattended: Platform
) -> None:
    moment = (await read(api, orders[0]))["meta"]["creationDate"]
    condition = simple("$.amount", "GREATER_THAN", 1)
    first = await started(api, condition, f"?sort=amount:desc&pointInTime={moment}")
    await ended(api, first)
    second = str(await submitted(unattended))
    assert [job["id"] for job in ok(await api.get("/search/async"))["jobs"]] == [second, first]
    page = ok(await api.get("/search/async?limit=1"))
    assert (page["jobs"][0]["id"], page["next"]) == (second, second)
    older = ok(await api.get(f"/search/async?limit=5&before={second}"))
    (listed,) = older["jobs"]
    assert "next" not in older
    assert listed == ok(await api.get(f"/search/async/{first}/details"))
    assert listed.items() >= {
        "modelKey": {"name": "order", "version": 1}, "condition": condition, "sort": ["amount:desc"],
        "pointInTime": moment, "searchJobStatus": "SUCCESSFUL", "entitiesCount": 1, "foundCount": 1,
    }.items()  # fmt: skip
    assert (page["jobs"][0]["condition"], page["jobs"][0]["searchJobStatus"]) == (MATCH_ALL, "RUNNING")
    assert ok(await api.get(f"/search/async?before={UNKNOWN}"))["jobs"] == []
    refused(await api.get("/search/async?limit=0"), 400, "BAD_REQUEST")
    refused(await api.get("/search/async?before=x"), 400, "BAD_REQUEST", parameter="before")


async def test_a_search_is_submitted_runs_and_is_read_in_pages(api: httpx.AsyncClient, orders: list[str]) -> None:
    answer = await api.post(f"{PATH}?sort=amount", json=simple("$.amount", "GREATER_THAN", 1))
    assert answer.headers["content-type"] == "application/json"
    job_id = ok(answer)
    assert answer.text == f'"{job_id}"'
    assert uuid.UUID(job_id).version == 1
    status = await ended(api, job_id)
    assert set(status) == {
        "searchJobStatus", "createTime", "finishTime", "entitiesCount", "calculationTimeMillis", "expirationDate"
    }  # fmt: skip
    assert (status["searchJobStatus"], status["entitiesCount"]) == ("SUCCESSFUL", 2)
    assert status["finishTime"] > status["createTime"]
    assert status["calculationTimeMillis"] > 0
    page = ok(await api.get(f"/search/async/{job_id}"))
    assert page["content"] == [await read(api, orders[2]), await read(api, orders[0])]
    assert page["page"] == {"number": 0, "size": 1000, "totalElements": 2, "totalPages": 1}
    second = ok(await api.get(f"/search/async/{job_id}?pageSize=1&pageNumber=1"))
    assert second["content"] == page["content"][1:]
    assert second["page"] == {"number": 1, "size": 1, "totalElements": 2, "totalPages": 2}
    beyond = ok(await api.get(f"/search/async/{job_id}?pageSize=1&pageNumber=7"))
    assert beyond == {"content": [], "page": {"number": 7, "size": 1, "totalElements": 2, "totalPages": 2}}


async def test_results_come_in_sort_order_or_by_id(api: httpx.AsyncClient, orders: list[str]) -> None:
    assert await amounts(api, query="?sort=amount") == [1, 2, 3]
    assert await amounts(api, query="?sort=amount:desc") == [3, 2, 1]
    assert await amounts(api, query="?sort=@state&sort=name:desc") == [3, 2, 1]
    by_id = sorted(zip(orders, (3, 1, 2), strict=True), key=lambda pair: uuid.UUID(pair[0]).int)
    assert await amounts(api) == [amount for _, amount in by_id]
    assert await amounts(api, simple("$.amount", "EQUALS", 9)) == []


async def test_nothing_found_is_no_page(api: httpx.AsyncClient, orders: list[str]) -> None:
    job_id = await started(api, simple("$.amount", "EQUALS", 9))
    await ended(api, job_id)
    assert ok(await api.get(f"/search/async/{job_id}")) == {
        "content": [], "page": {"number": 0, "size": 1000, "totalElements": 0, "totalPages": 0}
    }  # fmt: skip


async def test_a_body_of_no_bytes_matches_everything(api: httpx.AsyncClient, orders: list[str]) -> None:
    job_id = ok(await api.post(PATH, content=b""))
    assert (await ended(api, job_id))["entitiesCount"] == 3


async def test_results_show_entities_as_they_were_at_submission(
    api: httpx.AsyncClient, orders: list[str], unattended: Platform
) -> None:
    """H14: also when the job runs after the changes."""
    before = [await read(api, entity_id) for entity_id in orders]
    late = await submitted(unattended)
    early = await started(api)
    await ended(api, early)
    ok(await api.put(f"/entity/JSON/{orders[0]}", json={"amount": 50}))
    ok(await api.delete(f"/entity/{orders[1]}"))
    await entity(api, {"amount": 4})
    await run_search_job("acme", late, platform=unattended)
    for job_id in (early, str(late)):
        page = ok(await api.get(f"/search/async/{job_id}"))
        assert sorted(page["content"], key=lambda one: one["meta"]["id"]) == sorted(
            before, key=lambda one: one["meta"]["id"]
        )
        assert page["page"]["totalElements"] == 3


async def test_a_search_sees_the_past_and_the_future_is_now(
    api: httpx.AsyncClient, node: Node, orders: list[str]
) -> None:
    moment = (await read(api, orders[2]))["meta"]["creationDate"]
    ok(await api.put(f"/entity/JSON/{orders[0]}", json={"amount": 50}))
    assert await amounts(api, query=f"?pointInTime={moment}&sort=amount") == [1, 2, 3]
    assert await amounts(api, query="?pointInTime=2000-01-01") == []
    future = await started(api, query="?pointInTime=2100-01-01&sort=amount")
    await ended(api, future)
    ok(await api.put(f"/entity/JSON/{orders[0]}", json={"amount": 60}))
    page = ok(await api.get(f"/search/async/{future}"))
    assert [one["data"]["amount"] for one in page["content"]] == [1, 2, 50]


async def test_a_running_search_has_no_results_yet(api: httpx.AsyncClient, unattended: Platform) -> None:
    """H12"""
    job_id = await submitted(unattended)
    status = ok(await api.get(f"/search/async/{job_id}/status"))
    created = status["createTime"]
    job = await unattended.storage.search_job("acme", job_id)
    assert isinstance(job, SearchJob)
    assert status == {
        "searchJobStatus": "RUNNING", "createTime": created, "entitiesCount": 0, "calculationTimeMillis": 0,
        "expirationDate": utc_text(job.created_at + timedelta(hours=24)),
    }  # fmt: skip
    refused(
        await api.get(f"/search/async/{job_id}"), 400, "BAD_REQUEST",
        f"job {job_id} is not complete (status: RUNNING)",
    )  # fmt: skip


async def test_a_running_search_is_cancelled_for_good(api: httpx.AsyncClient, unattended: Platform) -> None:
    job_id = await submitted(unattended)
    assert ok(await api.put(f"/search/async/{job_id}/cancel")) == {
        "isCancelled": True, "cancelled": True, "currentSearchJobStatus": "CANCELLED"
    }  # fmt: skip
    status = ok(await api.get(f"/search/async/{job_id}/status"))
    assert (status["searchJobStatus"], status["entitiesCount"]) == ("CANCELLED", 0)
    assert status["calculationTimeMillis"] == 0
    assert "finishTime" in status
    await run_search_job("acme", job_id, platform=unattended)
    assert ok(await api.get(f"/search/async/{job_id}/status")) == status
    message = f"job {job_id} is not complete (status: CANCELLED)"
    refused(await api.get(f"/search/async/{job_id}"), 400, "BAD_REQUEST", message)


@pytest.mark.parametrize("outcome", ["SUCCESSFUL", "CANCELLED"])
async def test_a_search_that_has_ended_is_not_cancelled(
    api: httpx.AsyncClient, unattended: Platform, outcome: str
) -> None:
    """H15"""
    job_id = await submitted(unattended)
    if outcome == "CANCELLED":
        ok(await api.put(f"/search/async/{job_id}/cancel"))
    else:
        await run_search_job("acme", job_id, platform=unattended)
    before = ok(await api.get(f"/search/async/{job_id}/status"))
    refused(
        await api.put(f"/search/async/{job_id}/cancel"), 400, "SEARCH_JOB_ALREADY_TERMINAL",
        f"snapshot by id={job_id} is not running. current status={outcome}",
        currentStatus=outcome, snapshotId=str(job_id),
    )  # fmt: skip
    assert ok(await api.get(f"/search/async/{job_id}/status")) == before


JOB_REQUESTS = [
    ("GET", "/search/async/{}/status"),
    ("GET", "/search/async/{}"),
    ("GET", "/search/async/{}?pageSize=5&pageNumber=1"),
    ("PUT", "/search/async/{}/cancel"),
    ("GET", "/search/snapshot/{}/status"),
    ("GET", "/search/snapshot/{}"),
    ("PUT", "/search/snapshot/{}/cancel"),
]


@pytest.mark.parametrize(("method", "path"), JOB_REQUESTS)
async def test_a_foreign_job_and_a_missing_one_get_the_same_bytes(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, unattended: Platform, method: str, path: str
) -> None:
    """H16, of running and of successful jobs."""
    running, done = await submitted(unattended), await submitted(unattended)
    await run_search_job("acme", done, platform=unattended)
    before = [ok(await api.get(f"/search/async/{job_id}/status")) for job_id in (running, done)]
    missing = await stranger.request(method, path.format(UNKNOWN))
    refused(missing, 404, "SEARCH_JOB_NOT_FOUND", f"search job not found: {UNKNOWN}")
    for job_id in map(str, (running, done)):
        foreign = await stranger.request(method, path.format(job_id))
        assert (foreign.status_code, foreign.text) == (404, missing.text.replace(UNKNOWN, job_id))
        assert foreign.headers["content-type"] == missing.headers["content-type"]
    assert [ok(await api.get(f"/search/async/{job_id}/status")) for job_id in (running, done)] == before


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pageSize=x", "invalid pageSize"),
        ("pageSize=1.0", "invalid pageSize"),
        ("pageSize=99999999999999999999", "invalid pageSize"),
        ("pageSize=100000", "pageSize exceeds maximum 10000"),  # H13
        ("pageSize=10001", "pageSize exceeds maximum 10000"),
        ("pageNumber=x", "invalid pageNumber"),
        ("pageNumber=-1", "invalid pageNumber"),
        ("pageNumber=214749", "pageNumber exceeds maximum 214748"),
    ],
)
async def test_the_page_is_checked_before_the_job_is_looked_up(
    api: httpx.AsyncClient, query: str, message: str
) -> None:
    refused(await api.get(f"/search/async/{UNKNOWN}?{query}"), 400, "BAD_REQUEST", message)


@pytest.mark.parametrize("size", ["0", "-7", "+1000", "01000"])
async def test_sizes_below_one_mean_the_default(api: httpx.AsyncClient, unattended: Platform, size: str) -> None:
    job_id = await submitted(unattended)
    await run_search_job("acme", job_id, platform=unattended)
    page = ok(await api.get(f"/search/async/{job_id}", params={"pageSize": size, "pageNumber": "214748"}))
    assert page["page"] == {"number": 214748, "size": 1000, "totalElements": 3, "totalPages": 1}


async def test_a_job_id_must_be_one(api: httpx.AsyncClient) -> None:
    for method, path in JOB_REQUESTS:
        answer = await api.request(method, path.format("nonsense"))
        refused(answer, 400, "BAD_REQUEST", "invalid value for parameter 'jobId'", parameter="jobId")


async def test_a_bad_question_makes_no_job(api: httpx.AsyncClient, node: Node, orders: list[str]) -> None:
    match_name = simple("$.name", "EQUALS", "x")
    for query, body, status, code in (
        ("?pointInTime=x", b"{", 400, "BAD_REQUEST"),
        ("?sort=!", b"{", 400, "BAD_REQUEST"),
        ("?sort=name:DESC", simple("$.name", "NOT_EQUALS", 1), 400, "INVALID_FIELD_PATH"),
        ("", simple("$.name", "NOT_EQUALS", 1), 400, "BAD_REQUEST"),
        ("", {}, 400, "BAD_REQUEST"),
        ("", simple("$.other", "EQUALS", 1), 400, "INVALID_FIELD_PATH"),
        ("", simple("$.amount", "EQUALS", "x"), 400, "CONDITION_TYPE_MISMATCH"),
        ("", {"type": "function", "function": {"name": "f"}}, 400, "INVALID_CONDITION"),
        ("?sort=other", match_name, 400, "INVALID_FIELD_PATH"),
    ):
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        refused(await api.post(f"{PATH}{query}", **content), status, code)
    answer = await api.post("/search/async/nothing/1", json=MATCH_ALL)
    refused(answer, 404, "MODEL_NOT_FOUND", "model nothing/1 not found")
    refused(await api.post("/search/async/order/x", json={}), 400, "BAD_REQUEST", parameter="modelVersion")
    large = await api.post(PATH, content=b" " * (10 * 1024 * 1024 + 1))
    refused(large, 400, "BAD_REQUEST", "failed to read request body")
    later = node.platform.clock() + timedelta(days=9)
    work = await node.platform.storage.take_due_work("search", now=later, again_at=later, limit=1000)
    assert [one for one in work if one.tenant == "acme" and await exists(node, one.id)] == []


async def exists(node: Node, job_id: uuid.UUID) -> bool:
    return await node.platform.storage.search_job("acme", job_id) is not None


async def test_a_search_that_looks_at_too_much_fails_and_does_not_say_why(
    api: httpx.AsyncClient, unattended: Platform
) -> None:
    tight = replace(unattended, limits=replace(unattended.limits, scan_budget=2))
    narrow = await submit_search(
        ANN, ModelKey("order", 1), b'{"type":"simple","jsonPath":"$.name","operator":"ICONTAINS","value":"n"}',
        platform=tight,
    )  # fmt: skip
    everything = await submitted(tight)
    for job_id in (narrow, everything):
        await run_search_job("acme", job_id, platform=tight)
    status = ok(await api.get(f"/search/async/{narrow}/status"))
    assert (status["searchJobStatus"], status["entitiesCount"]) == ("FAILED", 0)
    assert "budget" not in str(status)
    job = await tight.storage.search_job("acme", narrow)
    assert job is not None
    assert job.error.startswith("SCAN_BUDGET_EXHAUSTED")
    message = f"job {narrow} is not complete (status: FAILED)"
    refused(await api.get(f"/search/async/{narrow}"), 400, "BAD_REQUEST", message)
    assert ok(await api.get(f"/search/async/{everything}/status"))["searchJobStatus"] == "SUCCESSFUL"


async def test_a_search_is_there_for_a_day_and_then_gone(
    api: httpx.AsyncClient, unattended: Platform, clock: ManualClock
) -> None:
    """Q13: never before its announced expiry."""
    done, running = await submitted(unattended), await submitted(unattended)
    await run_search_job("acme", done, platform=unattended)
    status = ok(await api.get(f"/search/async/{done}/status"))
    clock.advance(timedelta(hours=23, minutes=59))
    await remove_expired(platform=unattended)
    job = await unattended.storage.search_job("acme", done)
    assert job is not None
    assert utc_text(job.announced_until) == status["expirationDate"]
    clock.advance(timedelta(minutes=1))
    await remove_expired(platform=unattended)
    assert await unattended.storage.search_job("acme", done) is None
    assert await unattended.storage.search_job("acme", running) is not None


async def test_a_job_ignores_the_transaction_it_is_submitted_in(api: httpx.AsyncClient, orders: list[str]) -> None:
    answer = await api.post(PATH, json=MATCH_ALL, headers={"X-Tx-Token": "forged"})
    assert (await ended(api, ok(answer)))["entitiesCount"] == 3


async def test_older_clients_find_the_same_under_former_names(api: httpx.AsyncClient, unattended: Platform) -> None:
    job_id = ok(await api.post("/search/snapshot/order/1", json=MATCH_ALL))
    await ended(api, job_id)
    status = ok(await api.get(f"/search/snapshot/{job_id}/status"))
    assert (status["snapshotStatus"], status["entitiesCount"]) == ("SUCCESSFUL", 3)
    assert "searchJobStatus" not in status
    page = ok(await api.get(f"/search/snapshot/{job_id}"))
    assert page["content"] == ok(await api.get(f"/search/async/{job_id}"))["content"]
    assert page["page"] == {"number": 0, "size": 10, "totalElements": 3, "totalPages": 1}
    running = await submitted(unattended)
    assert ok(await api.put(f"/search/snapshot/{running}/cancel")) == {
        "isCancelled": True, "currentSnapshotStatus": "CANCELLED"
    }  # fmt: skip
