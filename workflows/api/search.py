"""Direct search over HTTP (contract: search 2)."""

from __future__ import annotations

from typing import Annotated, Literal

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
from cyoda.http.operation import JSON_TYPE, operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import NDJSON, Response, json_response, ndjson
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.conditions import Condition
from workflows.api.wire import POINT_IN_TIME, Entity, Shape
from workflows.core.predicates.narrowing import All
from workflows.core.schema.model import Model
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.search import MAX_LIMIT, Explanation, explain_direct, search_direct
from workflows.services.transaction import Join


class SearchPlan(Shape, frozen=True, kw_only=True):
    """How a search went.

    `index` names the declared indexes that were used (`@id`: the index that every id has). `narrowing` tells whether
    the store is asked for just what matches, for more than that, or for everything; with a `residual`, what it finds
    is judged again. `rowsExamined` counts the entities that the store looked at, `rowsJudged` those that were judged
    again and count against the scan budget, `rowsMatched` all matches, whatever the limit.
    """

    plan: Literal["index", "scan"]
    index: list[str]
    narrowing: Literal["exact", "superset", "none"]
    rows_examined: int
    rows_judged: int
    rows_matched: int
    residual: bool


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
    query(
        "after",
        str,
        "An entity's id, or empty: answer one page, the first `limit` matches behind that id, in the order of ids "
        "(with `sort=@id:desc` in descending order). A page shorter than `limit` is the last one.",
    ),
    query("sort", list[str], "`path:asc`, `path:desc`; repeatable."),
    POINT_IN_TIME,
    query("trackingRead", bool, "Add the matches to what the joined transaction has read."),
    query("explain", bool, "Answer how the search went instead of what it found."),
    body=Condition,
    body_required=False,
    answer=Entity,
    answer_type=NDJSON.decode(),
    other_answers={JSON_TYPE: SearchPlan},
    errors=SEARCH_ERRORS,
)
async def search(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key = model_key(request)
    at, tracking = request.query_time("pointInTime"), request.query_boolean("trackingRead")
    explain = request.query_boolean("explain")
    condition = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    limit, sort = request.query_text("limit"), request.query_list("sort") or ()
    if explain:
        explanation, model = await explain_direct(
            request.principal, key, condition, limit=limit, at=at, sort=sort, platform=platform, join=join
        )
        return json_response(_plan(explanation, model))
    found = await search_direct(
        request.principal,
        key,
        condition,
        limit=limit,
        at=at,
        sort=sort,
        tracking=tracking,
        after=request.query_text("after"),
        platform=platform,
        join=join,
    )
    return ndjson(map(envelope, found))


def _plan(explanation: Explanation, model: Model) -> SearchPlan:
    used = explanation.fields
    names = [index.id for index in model.indexes if not set(used).isdisjoint(index.fields)]
    narrowing = explanation.narrowing
    return SearchPlan(
        plan="index" if used else "scan",
        index=[*(["@id"] if "@id" in used else []), *names],
        narrowing="exact" if narrowing.exact else "none" if isinstance(narrowing, All) else "superset",
        rows_examined=explanation.examined,
        rows_judged=explanation.judged,
        rows_matched=explanation.matched,
        residual=explanation.is_residual,
    )
