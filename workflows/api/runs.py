"""Recent transactions over HTTP: our own addition to the audit trail (contract: engine 6)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from cyoda.clock import utc_text
from cyoda.errors import StorageUnavailable, TransactionNotFound
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.wire import Int32, Json, ModelKeyShape, Moment, Shape
from workflows.core.audit import AuditRecord, Event
from workflows.core.callout import Call
from workflows.core.entity import ModelKey
from workflows.core.run_summary import RunSummary, failure_of
from workflows.services import runs
from workflows.services.platform import Platform
from workflows.services.runs import DEFAULT_LIMIT, MAX_LIMIT, RunFilter


class Run(Shape, frozen=True, kw_only=True):
    """One transaction that ran workflows. States are those of its first entity, `firstState` is empty for a new one.

    OPEN: what is committed ends before a callout's answer. `errors` counts what failed in it.
    """

    transaction_id: UUID
    status: Literal["FINISHED", "FAILED", "OPEN"]
    start_time: Moment
    end_time: Moment
    duration_millis: float
    entity_id: UUID
    entities: int
    models: list[ModelKeyShape]
    first_state: str
    last_state: str
    transitions: list[str]
    processors: list[str]
    members: list[str]
    events: int
    errors: int
    error: str = ""


class RunPage(Shape, frozen=True, kw_only=True):
    """`examined` counts the transactions that were looked at; with a cursor there are more, wanted or not."""

    items: list[Run]
    examined: int
    next_cursor: str = ""


class CallOfRun(Shape, frozen=True, kw_only=True):
    """One attempt at a callout; `memberId` is left out when nobody was asked.

    `pauseMillis` is how long the next attempt was waited for.
    """

    kind: Literal["processor", "criteria", "function"]
    name: str
    outcome: str
    duration_millis: float
    member_id: str = ""
    error: str = ""
    pause_millis: float = 0.0


class EventOfRun(Shape, frozen=True, kw_only=True):
    """`calls` are the callouts that ended since the event before, and with it."""

    entity_id: UUID
    event_type: str
    utc_time: Moment
    state: str
    details: str
    data: Json
    calls: list[CallOfRun] = []
    failure: str = ""
    model: ModelKeyShape | None = None


class RunDetail(Run, frozen=True, kw_only=True):
    """`isCut`: it has more events than are listed. `code` is the refusal's, of a run that was refused."""

    actor: str
    items: list[EventOfRun]
    is_cut: bool
    code: str = ""


@operation(
    "List recent transactions that ran workflows, newest first (our own addition to the API)",
    query("entityName", str, "Only those with an entity of this model."),
    query("modelVersion", Int32),
    query("state", str, "Only those that begin or end in this state."),
    query("processor", str, "Only those in which this processor gave a result."),
    query("member", str, "Only those in which this calculation member was asked."),
    query("status", Literal["FINISHED", "FAILED", "OPEN"]),
    query("errors", bool, "Only those in which something failed."),
    query("fromUtcTime", Moment, "The first moment of their end."),
    query("toUtcTime", Moment, "The last moment of their end."),
    query("limit", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], f"{DEFAULT_LIMIT} unless given."),
    query("cursor", str, "`nextCursor` of the page before."),
    answer=RunPage,
    errors=[StorageUnavailable],
)
async def list_runs(request: ApiRequest, platform: Platform) -> Response:
    wanted = RunFilter(
        model=request.query_text("entityName") or "",
        model_version=request.query_int32("modelVersion", 0) or None,
        state=request.query_text("state") or "",
        processor=request.query_text("processor") or "",
        member=request.query_text("member") or "",
        status=request.query_text("status") or "",
        has_errors=request.query_boolean("errors"),
        start=request.query_time("fromUtcTime"),
        end=request.query_time("toUtcTime"),
    )
    limit, cursor = request.query_int32("limit", DEFAULT_LIMIT), request.query_text("cursor")
    page = await runs.list_runs(request.principal, wanted, limit=limit, cursor=cursor, platform=platform)
    answer: dict[str, object] = {"items": [_run(run) for run in page.runs], "examined": page.examined}
    if page.cursor is not None:
        answer["nextCursor"] = page.cursor
    return json_response(answer)


@operation(
    "Read what happened in a transaction, oldest first (our own addition to the API)",
    answer=RunDetail,
    errors=[TransactionNotFound, StorageUnavailable],
)
async def get_run(request: ApiRequest, platform: Platform) -> Response:
    found = await runs.read_run(request.principal, request.path_uuid("transactionId"), platform=platform)
    answer = _run(found.summary) | {
        "actor": found.actor,
        "items": [_event(record, model, event) for record, model, event in found.events],
        "isCut": found.is_cut,
    }
    if found.code:
        answer["code"] = found.code
    return json_response(answer)


def _run(run: RunSummary) -> dict[str, object]:
    item: dict[str, object] = {
        "transactionId": str(run.transaction_id),
        "status": run.status,
        "startTime": utc_text(run.started_at),
        "endTime": utc_text(run.ended_at),
        "durationMillis": round((run.ended_at - run.started_at).total_seconds() * 1000, 3),
        "entityId": str(run.entity_id),
        "entities": run.entities,
        "models": [_model(model) for model in run.models],
        "firstState": run.first_state,
        "lastState": run.last_state,
        "transitions": list(run.transitions),
        "processors": list(run.processors),
        "members": list(run.members),
        "events": run.events,
        "errors": run.errors,
    }
    if run.error:
        item["error"] = run.error
    return item


def _event(record: AuditRecord, model: ModelKey | None, event: Event) -> dict[str, object]:
    item: dict[str, object] = {
        "entityId": str(record.entity_id),
        "eventType": event.type,
        "utcTime": utc_text(event.at),
        "state": event.state,
        "details": event.details,
        "data": event.data,
    }
    if model is not None:
        item["model"] = _model(model)
    if event.calls:
        item["calls"] = [_call(call) for call in event.calls]
    failure = failure_of(event)
    if failure is not None:
        item["failure"] = failure
    return item


def _call(call: Call) -> dict[str, object]:
    item: dict[str, object] = {
        "kind": call.kind, "name": call.name, "outcome": call.outcome, "durationMillis": call.ms
    }  # fmt: skip
    if call.member:
        item["memberId"] = call.member
    if call.error:
        item["error"] = call.error
    if call.pause_ms:
        item["pauseMillis"] = call.pause_ms
    return item


def _model(model: ModelKey) -> dict[str, object]:
    return {"name": model.name, "version": model.version}
