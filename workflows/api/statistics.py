"""The four plain statistics over HTTP; `pointInTime` is checked, without effect (contract: entities 6.1-6.4)."""

from __future__ import annotations

from collections.abc import Iterable

from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import model_key
from workflows.core.entity import ModelKey
from workflows.services import statistics
from workflows.services.platform import Platform
from workflows.storage.base import StateCount


async def count_entities(request: ApiRequest, platform: Platform) -> Response:
    request.query_time("pointInTime")
    counts = await statistics.count_entities(request.principal, platform=platform)
    return json_response([_model_count(key, count) for key, count in counts])


async def count_entities_of(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    request.query_time("pointInTime")
    return json_response(
        _model_count(key, await statistics.count_entities_of(request.principal, key, platform=platform))
    )


async def count_states(request: ApiRequest, platform: Platform) -> Response:
    request.query_time("pointInTime")
    states = request.query_list("states")
    return _state_counts(await statistics.count_states(request.principal, None, states=states, platform=platform))


async def count_states_of(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    request.query_time("pointInTime")
    states = request.query_list("states")
    return _state_counts(await statistics.count_states(request.principal, key, states=states, platform=platform))


def _model_count(key: ModelKey, count: int) -> dict[str, object]:
    return {"modelName": key.name, "modelVersion": key.version, "count": count}


def _state_counts(rows: Iterable[StateCount]) -> Response:
    return json_response(
        [
            {"modelName": row.model.name, "modelVersion": row.model.version, "state": row.state, "count": row.count}
            for row in rows
        ]
    )
