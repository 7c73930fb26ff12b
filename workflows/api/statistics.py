"""The four plain statistics over HTTP; `pointInTime` is checked, without effect (contract: entities 6.1-6.4)."""

from __future__ import annotations

from collections.abc import Iterable

from cyoda.clock import utc_text
from cyoda.errors import ModelNotFound, StorageUnavailable
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import model_key
from workflows.api.wire import Moment, Shape
from workflows.core.entity import ModelKey
from workflows.services import statistics
from workflows.services.platform import Platform
from workflows.services.transaction import Join
from workflows.storage.base import StateCount

_AT = query("pointInTime", Moment, "Checked for its form; has no effect.")
_STATES = query("states", list[str], "Only these states; repeatable, at most 1000.")
_LAST_WRITE = query("lastWrite", bool, "Say when the latest of them was written; not inside an open transaction.")


class ModelCount(Shape, frozen=True, kw_only=True):
    model_name: str
    model_version: int
    count: int


class StateCountShape(Shape, frozen=True, kw_only=True):
    model_name: str
    model_version: int
    state: str
    count: int
    last_write: Moment | None = None


@operation("Count the entities of every model", _AT, answer=list[ModelCount], errors=[StorageUnavailable])
async def count_entities(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    request.query_time("pointInTime")
    counts = await statistics.count_entities(request.principal, platform=platform, join=join)
    return json_response([_model_count(key, count) for key, count in counts])


@operation("Count the entities of a model", _AT, answer=ModelCount, errors=[ModelNotFound, StorageUnavailable])
async def count_entities_of(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key = model_key(request)
    request.query_time("pointInTime")
    return json_response(
        _model_count(key, await statistics.count_entities_of(request.principal, key, platform=platform, join=join))
    )


@operation(
    "Count the entities of every model by state",
    _STATES,
    _AT,
    _LAST_WRITE,
    answer=list[StateCountShape],
    errors=[StorageUnavailable],
)
async def count_states(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    request.query_time("pointInTime")
    states = request.query_list("states")
    return _state_counts(
        request,
        await statistics.count_states(request.principal, None, states=states, platform=platform, join=join),
    )


@operation(
    "Count the entities of a model by state",
    _STATES,
    _AT,
    _LAST_WRITE,
    answer=list[StateCountShape],
    errors=[ModelNotFound, StorageUnavailable],
)
async def count_states_of(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key = model_key(request)
    request.query_time("pointInTime")
    states = request.query_list("states")
    return _state_counts(
        request,
        await statistics.count_states(request.principal, key, states=states, platform=platform, join=join),
    )


def _model_count(key: ModelKey, count: int) -> ModelCount:
    return ModelCount(model_name=key.name, model_version=key.version, count=count)


def _state_counts(request: ApiRequest, rows: Iterable[StateCount]) -> Response:
    with_times = request.query_boolean("lastWrite")
    return json_response(
        [
            StateCountShape(
                model_name=row.model.name,
                model_version=row.model.version,
                state=row.state,
                count=row.count,
                last_write=utc_text(row.last_write) if with_times and row.last_write else None,
            )
            for row in rows
        ]
    )
