"""Grouped statistics over HTTP (contract: entities 6.5, search 11)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from cyoda.errors import (
    ConditionTypeMismatch,
    DuplicateAggregationAlias,
    DuplicateGroupBy,
    GroupCardinalityExceeded,
    InvalidAggregationField,
    InvalidAggregationOp,
    InvalidCondition,
    InvalidFieldPath,
    InvalidGroupByPath,
    InvalidLimit,
    MalformedRequest,
    MissingGroupBy,
    ModelNotFound,
    PayloadTooLarge,
    ScanBudgetExhausted,
    StorageUnavailable,
)
from cyoda.http import binding
from cyoda.http.operation import operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import limited_body
from workflows.api.conditions import Condition
from workflows.api.wire import Json, Moment, Shape
from workflows.core.entity import ModelKey
from workflows.core.stats import StatisticsRequest, parse_request
from workflows.core.tally import Row
from workflows.services.grouped_statistics import group_entities
from workflows.services.platform import Platform
from workflows.services.transaction import Join

TOO_LARGE = "request body exceeds 10 MiB"


class AggregationShape(Shape, frozen=True, kw_only=True, rename={"alias": "as"}):
    op: Literal["sum", "avg", "min", "max", "stdev"]
    field: str
    alias: str | None = None


class GroupedQuery(Shape, frozen=True, kw_only=True):
    """`groupBy` has paths such as `$.a.b`, and the word `state`."""

    group_by: Annotated[list[str], Meta(min_length=1)]
    condition: Condition | UnsetType = UNSET
    aggregations: list[AggregationShape] | None = None
    point_in_time: Moment | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None


class GroupKeyShape(Shape, frozen=True, kw_only=True):
    path: str
    value: str | None


class GroupShape(Shape, frozen=True, kw_only=True):
    """One group; `aggregations` by alias, when some were asked for."""

    group_key: list[GroupKeyShape]
    count: int
    aggregations: dict[str, Json] | UnsetType = UNSET


@operation(
    "Count and aggregate the entities of a model by group",
    body=GroupedQuery,
    answer=list[GroupShape],
    errors=[
        MalformedRequest,
        MissingGroupBy,
        InvalidGroupByPath,
        DuplicateGroupBy,
        InvalidAggregationOp,
        InvalidAggregationField,
        DuplicateAggregationAlias,
        InvalidLimit,
        PayloadTooLarge,
        ModelNotFound,
        InvalidCondition,
        InvalidFieldPath,
        ConditionTypeMismatch,
        ScanBudgetExhausted,
        GroupCardinalityExceeded,
        StorageUnavailable,
    ],
)
async def query_statistics(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    body = await limited_body(request, TOO_LARGE)
    question = parse_request(body, max_groups=platform.limits.max_groups, read_instant=binding.instant)
    rows = await group_entities(request.principal, _model(request), question, platform=platform, join=join)
    return json_response([_row(row, question) for row in rows])


def _model(request: ApiRequest) -> ModelKey | None:
    """The model that the path names; a version that is no number names none (contract: search 1)."""
    version = binding.integer(request.values["modelVersion"], binding.INT32)
    return None if version is None else ModelKey(request.values["entityName"], version)


def _row(row: Row, question: StatisticsRequest) -> dict[str, object]:
    pairs = zip(question.group_by, row.key, strict=True)
    answer: dict[str, object] = {
        "groupKey": [{"path": str(path), "value": value} for path, value in pairs],
        "count": row.count,
    }
    if row.figures is not None:
        answer["aggregations"] = row.figures
    return answer
