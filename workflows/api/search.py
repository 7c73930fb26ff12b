"""Direct search over HTTP (contract: search 2)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cyoda.errors import (
    ConditionTypeMismatch,
    InvalidCondition,
    InvalidFieldPath,
    ModelNotFound,
    ScanBudgetExhausted,
    SearchResultLimit,
    StorageUnavailable,
)
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import NDJSON, Response, ndjson
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.conditions import Condition
from workflows.api.wire import POINT_IN_TIME, Entity
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.search import MAX_LIMIT, search_direct
from workflows.services.transaction import Transaction

SEARCH_ERRORS = (
    ModelNotFound,
    InvalidCondition,
    InvalidFieldPath,
    ConditionTypeMismatch,
    SearchResultLimit,
    ScanBudgetExhausted,
    StorageUnavailable,
)


@operation(
    "Search the entities of a model: all that satisfy a condition, one a line",
    query("limit", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], "More matches are refused; 1000 unless given."),
    query("sort", list[str], "`path:asc`, `path:desc`; repeatable."),
    POINT_IN_TIME,
    query("trackingRead", bool, "Add the matches to what the joined transaction has read."),
    body=Condition,
    body_required=False,
    answer=Entity,
    answer_type=NDJSON.decode(),
    errors=SEARCH_ERRORS,
)
async def search(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    key = model_key(request)
    at, tracking = request.query_time("pointInTime"), request.query_boolean("trackingRead")
    condition = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    found = await search_direct(
        request.principal,
        key,
        condition,
        limit=request.query_text("limit"),
        at=at,
        sort=request.query_list("sort") or (),
        tracking=tracking,
        platform=platform,
        join=join,
    )
    return ndjson(map(envelope, found))
