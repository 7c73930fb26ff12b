"""Asynchronous searches over HTTP (contract: search 3), and the former paths of the same (search 16)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Raw

from cyoda import jsonio
from cyoda.clock import utc_text
from cyoda.errors import (
    ConditionTypeMismatch,
    InvalidCondition,
    InvalidFieldPath,
    ModelNotFound,
    SearchJobAlreadyTerminal,
    SearchJobNotFound,
    StorageUnavailable,
)
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.conditions import Condition
from workflows.api.entity_reads import ActorShape
from workflows.api.wire import POINT_IN_TIME, Entity, ModelKeyShape, Moment, Shape
from workflows.core.search_job import JobStatus, SearchJob
from workflows.services import search_jobs
from workflows.services.entity_reads import MAX_PAGE_NUMBER, MAX_PAGE_SIZE
from workflows.services.envelope import envelope
from workflows.services.platform import Platform

_LEGACY_PAGE_SIZE = 10
_PAGE_NUMBER = query("pageNumber", Annotated[int, Meta(ge=0, le=MAX_PAGE_NUMBER)], "Counted from 0.")
_PAGE_SIZE = query("pageSize", Annotated[int, Meta(le=MAX_PAGE_SIZE)], "1000 unless given; so is anything below 1.")
_JOB_ERRORS = (SearchJobNotFound, StorageUnavailable)
_SUBMIT_ERRORS = (ModelNotFound, InvalidCondition, InvalidFieldPath, ConditionTypeMismatch, StorageUnavailable)


class JobShape(Shape, frozen=True, kw_only=True):
    """`finishTime` once the job has ended; `entitiesCount` once it has succeeded, before that 0."""

    search_job_status: JobStatus
    create_time: Moment
    finish_time: Moment = ""
    entities_count: int
    calculation_time_millis: int
    expiration_date: Moment


class JobDetailsShape(JobShape, frozen=True, kw_only=True):
    """What was asked beside how far it is. `examinedCount` and `foundCount` rise while the job runs; what was found of
    a job that did not succeed is gone."""

    id: UUID
    model_key: ModelKeyShape
    condition: Any
    sort: list[str] = []
    point_in_time: Moment = ""
    submitted_by: ActorShape
    examined_count: int
    found_count: int


class JobListShape(Shape, frozen=True, kw_only=True):
    """`next`: what to ask `before` for older ones; absent when there are none."""

    jobs: list[JobDetailsShape]
    next: str = ""


class LegacyJobShape(Shape, frozen=True, kw_only=True):
    snapshot_status: JobStatus
    create_time: Moment
    finish_time: Moment = ""
    entities_count: int
    calculation_time_millis: int
    expiration_date: Moment


class PageShape(Shape, frozen=True, kw_only=True):
    number: int
    size: int
    total_elements: int
    total_pages: int


class ResultShape(Shape, frozen=True, kw_only=True):
    """The content may be shorter than the page where entities can no longer be read."""

    content: list[Entity]
    page: PageShape


class CancelShape(Shape, frozen=True, kw_only=True):
    is_cancelled: bool
    cancelled: bool
    current_search_job_status: JobStatus


class LegacyCancelShape(Shape, frozen=True, kw_only=True):
    is_cancelled: bool
    current_snapshot_status: JobStatus


@operation(
    "Start a search of the entities of a model; answers the job's id",
    query("sort", list[str], "`path:asc`, `path:desc`; repeatable."),
    POINT_IN_TIME,
    body=Condition,
    body_required=False,
    answer=UUID,
    errors=_SUBMIT_ERRORS,
)
async def submit_search(request: ApiRequest, platform: Platform) -> Response:
    """The search runs in the background over what was committed when it was asked for, or over an earlier moment."""
    key, at = model_key(request), request.query_time("pointInTime")
    condition = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    sort = request.query_list("sort") or ()
    job_id = await search_jobs.submit_search(request.principal, key, condition, at=at, sort=sort, platform=platform)
    return json_response(str(job_id))


@operation("How far a search is", answer=JobShape, errors=_JOB_ERRORS)
async def search_status(request: ApiRequest, platform: Platform) -> Response:
    return await _status(request, platform, "searchJobStatus")


@operation("What a search was asked for and how far it is", answer=JobDetailsShape, errors=_JOB_ERRORS)
async def search_details(request: ApiRequest, platform: Platform) -> Response:
    job = await search_jobs.search_status(request.principal, request.path_uuid("jobId"), platform=platform)
    return json_response(_details(job))


@operation(
    "List the searches, the last one first",
    query("limit", Annotated[int, Meta(ge=1, le=search_jobs.MAX_LISTED)], "100 unless given."),
    query("before", UUID, "Those that were submitted before this one."),
    answer=JobListShape,
    errors=[StorageUnavailable],
)
async def list_searches(request: ApiRequest, platform: Platform) -> Response:
    limit, before = request.query_int32("limit", search_jobs.DEFAULT_LISTED), request.query_uuid("before")
    jobs = await search_jobs.last_searches(request.principal, before=before, limit=limit, platform=platform)
    older = {"next": str(jobs[-1].id)} if len(jobs) == limit else {}
    return json_response({"jobs": [_details(job) for job in jobs], **older})


@operation("How far a search is (older clients)", answer=LegacyJobShape, errors=_JOB_ERRORS, deprecated=True)
async def snapshot_status(request: ApiRequest, platform: Platform) -> Response:
    return await _status(request, platform, "snapshotStatus")


@operation("One page of what a search found", _PAGE_NUMBER, _PAGE_SIZE, answer=ResultShape, errors=_JOB_ERRORS)
async def search_results(request: ApiRequest, platform: Platform) -> Response:
    return await _results(request, platform, search_jobs.DEFAULT_PAGE_SIZE)


@operation(
    "One page of what a search found (older clients)",
    _PAGE_NUMBER,
    query("pageSize", Annotated[int, Meta(le=MAX_PAGE_SIZE)], "10 unless given; so is anything below 1."),
    answer=ResultShape,
    errors=_JOB_ERRORS,
    deprecated=True,
)
async def snapshot_results(request: ApiRequest, platform: Platform) -> Response:
    return await _results(request, platform, _LEGACY_PAGE_SIZE)


@operation("Cancel a running search", answer=CancelShape, errors=(*_JOB_ERRORS, SearchJobAlreadyTerminal))
async def cancel_search(request: ApiRequest, platform: Platform) -> Response:
    return await _cancel(request, platform, {"isCancelled": True, "cancelled": True}, "currentSearchJobStatus")


@operation(
    "Cancel a running search (older clients)",
    answer=LegacyCancelShape,
    errors=(*_JOB_ERRORS, SearchJobAlreadyTerminal),
    deprecated=True,
)
async def cancel_snapshot(request: ApiRequest, platform: Platform) -> Response:
    return await _cancel(request, platform, {"isCancelled": True}, "currentSnapshotStatus")


async def _status(request: ApiRequest, platform: Platform, name: str) -> Response:
    job = await search_jobs.search_status(request.principal, request.path_uuid("jobId"), platform=platform)
    return json_response(_job(job, name))


async def _results(request: ApiRequest, platform: Platform, default_size: int) -> Response:
    job_id = request.path_uuid("jobId")
    size, number = request.query_text("pageSize"), request.query_text("pageNumber")
    page = search_jobs.page_request(size, number, default_size=default_size)
    found = await search_jobs.search_results(request.principal, job_id, page, platform=platform)
    summary = jsonio.dumps(
        {"number": page.number, "size": page.size, "totalElements": found.total, "totalPages": found.total_pages}
    )
    return json_bytes(b'{"content":[%b],"page":%b}' % (b",".join(map(envelope, found.content)), summary))


async def _cancel(request: ApiRequest, platform: Platform, answer: dict[str, object], name: str) -> Response:
    await search_jobs.cancel_search(request.principal, request.path_uuid("jobId"), platform=platform)
    return json_response({**answer, name: JobStatus.CANCELLED})


def _job(job: SearchJob, name: str) -> dict[str, object]:
    members: dict[str, object] = {name: job.status, "createTime": utc_text(job.created_at)}
    if job.finished_at is not None:
        members["finishTime"] = utc_text(job.finished_at)
    return {
        **members,
        "entitiesCount": job.count,
        "calculationTimeMillis": job.calculation_ms,
        "expirationDate": utc_text(job.announced_until),
    }


def _details(job: SearchJob) -> dict[str, object]:
    details: dict[str, object] = {
        "id": job.id,
        "modelKey": {"name": job.model.name, "version": job.model.version},
        "condition": Raw(job.asked),
        "submittedBy": {"id": job.submitter.id, "kind": job.submitter.kind},
        "examinedCount": job.examined,
        "foundCount": job.found,
    }
    if job.sort:
        details["sort"] = [f"{field.key}:{'desc' if field.key.descending else 'asc'}" for field in job.sort]
    if job.at is not None:
        details["pointInTime"] = utc_text(job.at)
    return details | _job(job, "searchJobStatus")
