"""Asynchronous searches over gRPC (contract: grpc 10.4, search 12)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import grpc
import grpc.aio
import pytest

from tests.contract.grpc.conftest import Client, Node
from workflows.services.search_runs import run_search_job

ORDER = {"name": "order", "version": 1}
MATCH_ALL = {"type": "group", "operation": "AND", "conditions": []}
NIL = str(UUID(int=0))
REPLY = "EntitySnapshotSearchResponse"


@pytest.fixture
async def orders(client: Client) -> Client:
    """A client of a tenant with 25 orders."""
    imported = {"model": ORDER, "converter": "SAMPLE_DATA", "dataFormat": "JSON", "payload": {"total": 1}}
    await client.one("entityModelManage", "EntityModelImportRequest", imported)
    await client.one("entityModelManage", "EntityModelTransitionRequest", {"model": ORDER, "transition": "LOCK"})
    payloads = [{"model": ORDER, "data": {"total": total}} for total in range(25)]
    created = {"dataFormat": "JSON", "payloads": payloads}
    ((_, reply),) = await client.many("entityManageCollection", "EntityCreateCollectionRequest", created)
    assert reply["success"]
    return client


async def asked(client: Client, event_type: str, bearer: str = "acme-user", **members: Any) -> dict[str, Any]:
    reply_type, reply = await client.one("entitySearch", event_type, members, bearer=bearer)
    assert reply_type == REPLY
    assert reply.pop("id") == "c1"
    return reply


async def submitted(client: Client, **members: Any) -> str:
    request = {"model": ORDER, "condition": MATCH_ALL} | members
    reply = await asked(client, "EntitySnapshotSearchRequest", **request)
    job_id = reply["status"]["snapshotId"]
    assert reply == {
        "success": True, "status": {"snapshotId": job_id, "status": "RUNNING", "entitiesCount": 0}
    }  # fmt: skip
    return job_id


async def status(client: Client, job_id: str) -> tuple[str, int]:
    reply = await asked(client, "SnapshotGetStatusRequest", snapshotId=job_id)
    assert reply["success"]
    assert reply["status"]["snapshotId"] == job_id
    return reply["status"]["status"], reply["status"]["entitiesCount"]


async def results(client: Client, job_id: str, bearer: str = "acme-user", **members: Any) -> list[dict[str, Any]]:
    request = {"snapshotId": job_id} | members
    frames = await client.many("entitySearchCollection", "SnapshotGetRequest", request, bearer=bearer)
    assert {reply_type for reply_type, _ in frames} <= {"EntityResponse"}
    return [reply for _, reply in frames]


async def run(node: Node, job_id: str) -> None:
    await run_search_job("acme", UUID(job_id), platform=node.platform)


def failure(reply: dict[str, Any]) -> str:
    assert not reply["success"]
    assert reply["error"]["code"] == "CLIENT_ERROR"
    return reply["error"]["message"]


async def test_a_snapshot_is_searched_and_read_in_pages(node: Node, orders: Client) -> None:
    job_id = await submitted(orders, orderBy=[{"path": "total", "desc": True}])
    assert await status(orders, job_id) == ("RUNNING", 0)
    await run(node, job_id)
    assert await status(orders, job_id) == ("SUCCESSFUL", 25)
    everything = await results(orders, job_id, pageSize=0)
    assert [reply["payload"]["data"]["total"] for reply in everything] == list(reversed(range(25)))
    assert everything[0]["requestId"] == "c1"
    assert set(everything[0]["payload"]) == {"type", "data", "meta"}
    assert "pointInTime" not in everything[0]["payload"]["meta"]
    assert await results(orders, job_id) == everything[:10]
    assert await results(orders, job_id, pageNumber=2) == everything[20:]
    assert await results(orders, job_id, pageSize=7, pageNumber=1) == everything[7:14]
    assert await results(orders, job_id, pageNumber=3) == []


async def test_results_stay_as_they_were_at_submission(node: Node, orders: Client) -> None:
    job_id = await submitted(orders)
    await orders.many("entityManageCollection", "EntityDeleteAllRequest", {"model": ORDER})
    await run(node, job_id)
    assert len(await results(orders, job_id, pageSize=100)) == 25


async def test_cancelling_answers_the_status_also_of_a_finished_search(node: Node, orders: Client) -> None:
    running, done = await submitted(orders), await submitted(orders)
    await run(node, done)
    for job_id, current in ((running, ("CANCELLED", 0)), (done, ("SUCCESSFUL", 25))):
        for _ in range(2):
            reply = await asked(orders, "SnapshotCancelRequest", snapshotId=job_id)
            assert reply["success"]
            assert (reply["status"]["status"], reply["status"]["entitiesCount"]) == current
        assert await status(orders, job_id) == current


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"model": {"name": "nothing", "version": 1}}, "MODEL_NOT_FOUND: model nothing/1 not found"),
        ({"orderBy": [{"path": "total"}, {"path": "total", "desc": True}]}, "INVALID_FIELD_PATH: "),
        ({"orderBy": [{"path": "@state"}]}, "INVALID_FIELD_PATH: "),
        (
            {"condition": {"type": "simple", "jsonPath": "$.x", "operation": "EQUALS", "value": 1}},
            "INVALID_FIELD_PATH: ",
        ),
        (
            {"condition": {"type": "simple", "jsonPath": "$.total", "operation": "EQUALS", "value": "x"}},
            "CONDITION_TYPE_MISMATCH: ",
        ),
    ],
)
async def test_a_bad_question_is_refused_at_once(orders: Client, members: dict[str, Any], message: str) -> None:
    request = {"model": ORDER, "condition": MATCH_ALL} | members
    reply = await asked(orders, "EntitySnapshotSearchRequest", **request)
    assert failure(reply).startswith(message)
    assert reply["status"] == {"snapshotId": NIL, "status": "FAILED"}


async def test_a_condition_that_is_none_is_an_invalid_argument(orders: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked(orders, "EntitySnapshotSearchRequest", model=ORDER, condition={"type": "nonsense"})
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (caught.value.details() or "").startswith("invalid condition: ")


async def test_an_unknown_snapshot_and_a_foreign_one_are_the_same(node: Node, orders: Client) -> None:
    job_id, missing = await submitted(orders), str(uuid4())
    await run(node, job_id)
    for event_type in ("SnapshotGetStatusRequest", "SnapshotCancelRequest"):
        for one in (job_id, missing):
            reply = await asked(orders, event_type, bearer="other-m2m", snapshotId=one)
            assert failure(reply) == f"SEARCH_JOB_NOT_FOUND: search job not found: {one}"
            assert reply["status"] == {"snapshotId": NIL, "status": "FAILED"}
    for one in (job_id, missing):
        (reply,) = await results(orders, one, bearer="other-m2m")
        assert failure(reply) == f"SEARCH_JOB_NOT_FOUND: search job not found: {one}"
        assert reply["payload"] == {"type": "JSON"}
    assert await status(orders, job_id) == ("SUCCESSFUL", 25)


async def test_pages_of_an_unfinished_search_are_refused(orders: Client) -> None:
    job_id = await submitted(orders)
    (reply,) = await results(orders, job_id)
    assert failure(reply) == f"BAD_REQUEST: job {job_id} is not complete (status: RUNNING)"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"pageSize": -1}, "invalid pageSize"),
        ({"pageSize": 10_001}, "pageSize exceeds maximum 10000"),
        ({"pageNumber": -1}, "invalid pageNumber"),
        ({"pageNumber": 214_749}, "pageNumber exceeds maximum 214748"),
    ],
)
async def test_a_page_out_of_bounds_is_refused_before_the_lookup(
    orders: Client, members: dict[str, Any], message: str
) -> None:
    (reply,) = await results(orders, NIL, **members)
    assert failure(reply) == f"BAD_REQUEST: {message}"
