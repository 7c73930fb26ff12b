"""Asynchronous searches over gRPC, where they are called snapshots (contract: grpc 10.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from cyoda.errors import BadRequest, SearchJobAlreadyTerminal
from cyoda.permissions import Action
from workflows.core.predicates.parsing import parse_condition
from workflows.core.search_job import JobStatus
from workflows.grpc.payloads import NIL_ID, ModelSpec, entity_id, instant
from workflows.grpc.reads import NO_ENTITY, OrderBy, UnparsableCondition, entity
from workflows.grpc.routes import Answer, Call, Frames, Unary, always, payload
from workflows.services import search_jobs

_DEFAULT_PAGE_SIZE = 10


class SubmitRequest(msgspec.Struct, rename="camel"):
    model: ModelSpec
    condition: msgspec.Raw
    point_in_time: str | None = None
    order_by: list[OrderBy] | None = None


class SnapshotRequest(msgspec.Struct, rename="camel"):
    snapshot_id: str


class PageRequest(msgspec.Struct, rename="camel"):
    snapshot_id: str
    page_size: int | None = None
    page_number: int | None = None


async def submit(call: Call) -> Answer:
    """Always answered as running, also when it has already ended."""
    request = payload(call, SubmitRequest)
    condition = bytes(request.condition)
    parse_condition(condition, UnparsableCondition)
    job_id = await search_jobs.submit_search(
        call.principal,
        request.model.key,
        condition,
        at=instant(request.point_in_time),
        sort=[key.text for key in request.order_by or ()],
        platform=call.platform,
    )
    return _status(job_id, JobStatus.RUNNING, 0)


async def status(call: Call) -> Answer:
    return await _current(call, entity_id(payload(call, SnapshotRequest).snapshot_id))


async def cancel(call: Call) -> Answer:
    """A finished search stays as it is, which is no refusal here."""
    job_id = entity_id(payload(call, SnapshotRequest).snapshot_id)
    try:
        await search_jobs.cancel_search(call.principal, job_id, platform=call.platform)
    except SearchJobAlreadyTerminal:
        pass
    return await _current(call, job_id)


async def results(call: Call) -> AsyncIterator[Answer]:
    request = payload(call, PageRequest)
    size = _DEFAULT_PAGE_SIZE if request.page_size is None else request.page_size
    if size < 0:
        raise BadRequest("invalid pageSize")
    page = search_jobs.page_request(str(size), str(request.page_number or 0))
    job_id = entity_id(request.snapshot_id)
    found = await search_jobs.search_results(call.principal, job_id, page, platform=call.platform)
    for version in found.content:
        yield Answer(entity(version))


async def _current(call: Call, job_id: UUID) -> Answer:
    job = await search_jobs.search_status(call.principal, job_id, platform=call.platform)
    return _status(job.id, job.status, job.count)


def _status(job_id: UUID, job_status: JobStatus, count: int) -> Answer:
    return Answer({"status": {"snapshotId": str(job_id), "status": job_status, "entitiesCount": count}})


_REPLY = "EntitySnapshotSearchResponse"
_FAILED = always({"status": {"snapshotId": NIL_ID, "status": JobStatus.FAILED}})

ROUTES = {
    "EntitySnapshotSearchRequest": Unary(reply=_REPLY, action=Action.READ, handle=submit, placeholder=_FAILED),
    "SnapshotGetStatusRequest": Unary(reply=_REPLY, action=Action.READ, handle=status, placeholder=_FAILED),
    "SnapshotCancelRequest": Unary(reply=_REPLY, action=Action.READ, handle=cancel, placeholder=_FAILED),
}
FRAMES = {
    "SnapshotGetRequest": Frames(reply="EntityResponse", action=Action.READ, handle=results, placeholder=NO_ENTITY)
}
