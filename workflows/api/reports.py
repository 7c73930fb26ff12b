"""Runs of reports over HTTP: start, history, status, cancel (contract: control plane 9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from cyoda.clock import moment_of_micros, utc_text
from cyoda.errors import (
    BadRequest,
    InvalidParameter,
    InvalidReportDefinition,
    ReportDefinitionNotFound,
    ReportNotFound,
    StorageUnavailable,
)
from cyoda.http import binding
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.hal import PAGING, HalPage, Links, asked_page, hal_page, members, self_link, sliced
from workflows.api.report_definitions import DefinitionAnswer
from workflows.api.wire import Int64, Json, Moment
from workflows.core.report.plan import ReportPlan
from workflows.core.search_job import JobStatus, SearchJob
from workflows.services import reports
from workflows.services.models import list_models
from workflows.services.platform import Platform
from workflows.storage.base import ReportFilter

STARTED = "STARTED"
BUSINESS = "BUSINESS"
_ENDED = (JobStatus.SUCCESSFUL, JobStatus.FAILED, JobStatus.CANCELLED)
_STATUSES: Mapping[str, tuple[JobStatus, ...]] = {
    "running": (JobStatus.RUNNING,),
    "finished": _ENDED,
    "success": (JobStatus.SUCCESSFUL,),
    "failed": (JobStatus.FAILED,),
    "canceled": (JobStatus.CANCELLED,),
}
"""What each switch of the history lets through."""
_ERRORS = (ReportNotFound, StorageUnavailable)

Status = Literal["STARTED", "RUNNING", "SUCCESSFUL", "CANCELLED", "FAILED"]
"""STARTED until a worker has taken the run."""


class RunIds(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    report_id: UUID
    grouping_version: UUID


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: RunIds


class Strings(msgspec.Struct, frozen=True, kw_only=True):
    strings: list[str]


class ReportHistoryFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those that were asked for."""

    id: UUID | UnsetType = UNSET
    config_name: str | UnsetType = UNSET
    create_time: Moment | UnsetType = UNSET
    finish_time: Moment | UnsetType | None = UNSET
    type: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    description: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    total_rows_count: Int64 | UnsetType = UNSET
    report_failed: bool | UnsetType = UNSET
    regrouping_possible: bool | UnsetType = UNSET
    grouping_columns: list[str] | UnsetType = UNSET
    grouping_version: UUID | UnsetType = UNSET


class HistoryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    report_history_fields: ReportHistoryFields


class History(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    report_history_fields_views: list[HistoryView]


class ReportStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`duration` in milliseconds."""

    status: Status
    start_time: Moment
    finish_time: Moment | None
    duration: Int64


class StatusAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: ReportStatus
    links: Links = msgspec.field(name="_links")


class ReportStatistics(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`errorMessage` tells why a run failed; `pointTime` is null for a run over what was committed at its start."""

    report_id: UUID
    grouping_version: UUID
    status: Status
    total_rows_count: Int64
    examined_count: Int64
    attempts: int
    failed_shards: list[Json] = []
    point_time: Moment | None
    start_time: Moment
    finish_time: Moment | None
    duration: Int64
    error_message: str


class StatisticsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: ReportStatistics
    links: Links = msgspec.field(name="_links")


@operation(
    "Run a report; answers the run's id",
    query("gridConfig", str, "The definition's id.", required=True),
    answer=RunAnswer,
    errors=[ReportDefinitionNotFound, InvalidReportDefinition, StorageUnavailable],
)
async def run_report(request: ApiRequest, platform: Platform) -> Response:
    """It runs in the background, over what was committed when it was asked for, or at the definition's `pointTime`."""
    name = request.required_text("gridConfig")
    report_id = await reports.run_report(request.principal, name, read_instant=binding.date_time, platform=platform)
    return json_response(RunAnswer(content=RunIds(report_id=report_id, grouping_version=report_id)))


@operation(
    "List what reports can be of: the models",
    query("entityType", str, "Every model is BUSINESS."),
    answer=HalPage[Strings],
    errors=[StorageUnavailable],
)
async def list_report_types(request: ApiRequest, platform: Platform) -> Response:
    kind, page = request.query_text("entityType"), asked_page(request)
    models = await list_models(request.principal, platform=platform) if kind in (None, "", BUSINESS) else ()
    names = [f"{model.key.name}.{model.key.version}" for model in models]
    return hal_page(request, "strings", sliced(names, page), page, len(names))


@operation(
    "List runs of reports",
    query("fields", list[str], "Members of an entry; all unless given. Repeatable."),
    query("sorting", Literal["-createTime", "createTime"], "Newest first unless given."),
    query("from", str, "Runs since this moment, or number of milliseconds since 1970."),
    query("to", str, "Runs until this moment, or number of milliseconds since 1970."),
    query("filterByType", str, "Runs of reports of this model, `Name.Version`."),
    query("username", str, "Runs that this user started."),
    *(query(name, Literal["on"], "Only these; with several, any of them.") for name in _STATUSES),
    *PAGING,
    answer=HalPage[History],
    errors=[BadRequest, StorageUnavailable],
)
async def list_reports(request: ApiRequest, platform: Platform) -> Response:
    sorting, page = request.query_text("sorting") or "-createTime", asked_page(request)
    if sorting not in ("-createTime", "createTime"):
        raise BadRequest("sorting must be createTime or -createTime")
    wanted = ReportFilter(
        request_class=request.query_text("filterByType") or None,
        submitter=request.query_text("username") or None,
        statuses=_statuses(request),
        since=_moment(request, "from"),
        until=_moment(request, "to"),
        oldest_first=sorting == "createTime",
        offset=page.size * page.number,
        limit=page.size,
    )
    found = await reports.list_reports(request.principal, wanted, platform=platform)
    shown = [
        {"reportHistoryFields": members(request, _history(job, job.report))}
        for job in found.jobs
        if job.report is not None
    ]
    return hal_page(request, "reportHistoryFieldsViews", shown, page, found.total)


@operation("How far a run is", answer=StatusAnswer, errors=_ERRORS)
async def report_status(request: ApiRequest, platform: Platform) -> Response:
    job = await _asked(request, platform)
    return json_response(StatusAnswer(content=_status_of(job), links=self_link(request)))


@operation(
    "What a run examined and found",
    query("full", bool, "Has no effect: there is nothing more to tell."),
    answer=StatisticsAnswer,
    errors=_ERRORS,
)
async def report_statistics(request: ApiRequest, platform: Platform) -> Response:
    request.query_boolean("full")
    job = await _asked(request, platform)
    status = _status_of(job)
    statistics = ReportStatistics(
        report_id=job.id,
        grouping_version=job.id,
        status=status.status,
        total_rows_count=job.count,
        examined_count=job.examined,
        attempts=job.attempts,
        point_time=None if job.at is None else utc_text(job.at),
        start_time=status.start_time,
        finish_time=status.finish_time,
        duration=status.duration,
        error_message=job.error,
    )
    return json_response(StatisticsAnswer(content=statistics, links=self_link(request)))


@operation("The definition as it was when a run started", answer=DefinitionAnswer, errors=_ERRORS)
async def report_config(request: ApiRequest, platform: Platform) -> Response:
    report_id = request.path_uuid("reportId")
    definition = await reports.report_definition(request.principal, report_id, platform=platform)
    return json_response({"content": msgspec.Raw(definition), "_links": self_link(request)})


@operation("Cancel a run; one that has ended stays as it is", answer=StatusAnswer, errors=_ERRORS)
async def cancel_report(request: ApiRequest, platform: Platform) -> Response:
    job = await reports.cancel_report(request.principal, request.path_uuid("reportId"), platform=platform)
    return json_response(StatusAnswer(content=_status_of(job), links=self_link(request)))


@operation("Cancel a run; one that has ended is deleted", answer=RunAnswer, errors=_ERRORS)
async def delete_report(request: ApiRequest, platform: Platform) -> Response:
    job = await _asked(request, platform)
    await reports.delete_report(request.principal, job.id, platform=platform)
    return json_response(RunAnswer(content=RunIds(report_id=job.id, grouping_version=job.id)))


def asked_id(request: ApiRequest) -> UUID:
    """The run that the path names; its grouping version, where it has one, is its id. Raises ReportNotFound."""
    report_id = request.path_uuid("reportId")
    version = request.values.get("groupingVersion")
    if version is not None and binding.uuid(version) != report_id:
        raise ReportNotFound(report_id)
    return report_id


async def _asked(request: ApiRequest, platform: Platform) -> SearchJob:
    return (await reports.get_report(request.principal, asked_id(request), platform=platform)).job


def _status(job: SearchJob) -> Status:
    return STARTED if job.status is JobStatus.RUNNING and not job.attempts else job.status.value


def _status_of(job: SearchJob) -> ReportStatus:
    finished = job.finished_at
    return ReportStatus(
        status=_status(job),
        start_time=utc_text(job.created_at),
        finish_time=None if finished is None else utc_text(finished),
        duration=0 if finished is None else max(0, (finished - job.created_at) // timedelta(milliseconds=1)),
    )


def _history(job: SearchJob, plan: ReportPlan) -> dict[str, object]:
    return {
        "id": job.id,
        "configName": plan.definition_id,
        "createTime": utc_text(job.created_at),
        "finishTime": None if job.finished_at is None else utc_text(job.finished_at),
        "type": plan.request_class,
        "status": _status(job),
        "description": plan.description,
        "userId": job.submitter.id,
        "totalRowsCount": job.count,
        "reportFailed": job.status is JobStatus.FAILED,
        "regroupingPossible": False,
        "groupingColumns": [column.short_name for column in plan.grouping],
        "groupingVersion": job.id,
    }


def _statuses(request: ApiRequest) -> tuple[JobStatus, ...]:
    asked = [statuses for name, statuses in _STATUSES.items() if request.query_text(name) == "on"]
    return tuple(status for statuses in asked for status in statuses) if asked else tuple(JobStatus)


def _moment(request: ApiRequest, name: str) -> datetime | None:
    """Raises InvalidParameter."""
    text = request.query_text(name)
    if not text:
        return None
    milliseconds = binding.integer(text, binding.INT64)
    try:
        moment = (
            binding.date_time(binding.with_plus(text))
            if milliseconds is None
            else moment_of_micros(milliseconds * 1000)
        )
    except OverflowError:
        moment = None
    if moment is None:
        raise InvalidParameter(name)
    return moment
