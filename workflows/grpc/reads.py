"""Reads over gRPC: by id, of a model, direct search, statistics, history (contract: grpc 10)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal

import msgspec

from cyoda.clock import utc_text
from cyoda.errors import BadRequest, CyodaError, InvalidFieldPath
from cyoda.permissions import Action
from workflows.core.entity import Version
from workflows.core.predicates.parsing import parse_condition
from workflows.grpc.entities import known_id
from workflows.grpc.payloads import ModelSpec, instant, page
from workflows.grpc.replies import Body, InvalidPayload
from workflows.grpc.routes import Answer, Call, Frames, Unary, always, payload
from workflows.services import entity_reads, search, statistics
from workflows.services.envelope import meta


class GetRequest(msgspec.Struct, rename="camel"):
    entity_id: str | None
    point_in_time: str | None = None


class GetAllRequest(msgspec.Struct, rename="camel"):
    model: ModelSpec
    page_size: int | None = None
    page_number: int | None = None


class OrderBy(msgspec.Struct):
    path: str
    source: Literal["data", "meta"] = "data"
    desc: bool = False

    @property
    def text(self) -> str:
        """The key in the grammar of HTTP's `sort`. Raises InvalidFieldPath where it would mean another key there."""
        if self.source == "data" and self.path.startswith("@"):
            raise InvalidFieldPath(f"invalid sort path {self.path!r}")
        return f"{'@' if self.source == 'meta' else ''}{self.path}:{'desc' if self.desc else 'asc'}"


class SearchRequest(msgspec.Struct, rename="camel"):
    model: ModelSpec
    condition: msgspec.Raw
    point_in_time: str | None = None
    limit: int | None = None
    order_by: list[OrderBy] | None = None
    tracking_read: bool | None = None


class StatsRequest(msgspec.Struct):
    model: ModelSpec | None = None


class StatsByStateRequest(msgspec.Struct):
    model: ModelSpec | None = None
    states: list[str] | None = None


async def get(call: Call) -> Answer:
    request = payload(call, GetRequest)
    at = instant(request.point_in_time)
    version = await entity_reads.get_entity(
        call.principal, known_id(request.entity_id), at=at, platform=call.platform, join=call.join
    )
    return Answer(entity(version, at=at))


async def get_all(call: Call) -> AsyncIterator[Answer]:
    request = payload(call, GetAllRequest)
    size, number = page(request.page_size, request.page_number, default_size=20)
    versions = await entity_reads.list_entities(
        call.principal,
        request.model.key,
        page_size=size,
        page_number=number,
        platform=call.platform,
        join=call.join,
    )
    for version in versions:
        yield Answer(entity(version))


async def search_direct(call: Call) -> AsyncIterator[Answer]:
    request = payload(call, SearchRequest)
    condition = bytes(request.condition)
    parse_condition(condition, UnparsableCondition)
    if request.limit is not None and request.limit < 1:
        raise BadRequest("invalid limit: must be at least 1")
    found = await search.search_direct(
        call.principal,
        request.model.key,
        condition,
        limit=None if request.limit is None else str(request.limit),
        at=instant(request.point_in_time),
        sort=[key.text for key in request.order_by or ()],
        tracking=request.tracking_read is True,
        platform=call.platform,
        join=call.join,
    )
    for version in found:
        yield Answer(entity(version))


async def count(call: Call) -> AsyncIterator[Answer]:
    model = payload(call, StatsRequest).model
    if model is None:
        counts = await statistics.count_entities(call.principal, platform=call.platform, join=call.join)
    else:
        key, platform = model.key, call.platform
        counts = [(key, await statistics.count_entities_of(call.principal, key, platform=platform, join=call.join))]
    for key, number in counts:
        yield Answer({"modelName": key.name, "modelVersion": key.version, "count": number})


async def count_by_state(call: Call) -> AsyncIterator[Answer]:
    request = payload(call, StatsByStateRequest)
    rows = await statistics.count_states(
        call.principal,
        request.model.key if request.model else None,
        states=request.states or None,
        platform=call.platform,
        join=call.join,
    )
    for row in rows:
        yield Answer(
            {"modelName": row.model.name, "modelVersion": row.model.version, "state": row.state, "count": row.count}
        )


async def changes(call: Call) -> AsyncIterator[Answer]:
    request = payload(call, GetRequest)
    versions = await entity_reads.changes(
        call.principal, known_id(request.entity_id), until=instant(request.point_in_time), platform=call.platform
    )
    for version in versions:
        yield Answer({"changeMeta": _change(version)})


def entity(version: Version, *, at: datetime | None = None) -> Body:
    """The body of an EntityResponse; the document goes in verbatim."""
    return {"payload": {"type": "JSON", "data": version.document.raw, "meta": meta(version, at=at)}}


def _change(version: Version) -> Body:
    return {
        "transactionId": str(version.transaction_id),
        "timeOfChange": utc_text(version.updated_at),
        "user": version.attributed.id,
        "changeType": "DELETE" if version.deleted else "CREATE" if version.number == 1 else "UPDATE",
    }


class UnparsableCondition(CyodaError, InvalidPayload):
    """A condition that is no condition document is refused before anything is looked up."""

    code, status = "BAD_REQUEST", 400


NO_ENTITY = always({"payload": {"type": "JSON"}})
_NO_COUNT = {"modelName": "", "modelVersion": 0, "count": 0}
_NO_CHANGE = {"changeType": "", "timeOfChange": "0001-01-01T00:00:00Z", "user": ""}

ROUTES = {
    "EntityGetRequest": Unary(
        reply="EntityResponse", action=Action.READ, handle=get, placeholder=NO_ENTITY, names_request=True
    ),
}
FRAMES = {
    "EntityGetAllRequest": Frames(reply="EntityResponse", action=Action.READ, handle=get_all, placeholder=NO_ENTITY),
    "EntitySearchRequest": Frames(
        reply="EntityResponse", action=Action.READ, handle=search_direct, placeholder=NO_ENTITY
    ),
    "EntityStatsGetRequest": Frames(
        reply="EntityStatsResponse", action=Action.READ, handle=count, placeholder=always(_NO_COUNT)
    ),
    "EntityStatsByStateGetRequest": Frames(
        reply="EntityStatsByStateResponse",
        action=Action.READ,
        handle=count_by_state,
        placeholder=always({**_NO_COUNT, "state": ""}),
    ),
    "EntityChangesMetadataGetRequest": Frames(
        reply="EntityChangesMetadataResponse",
        action=Action.READ,
        handle=changes,
        placeholder=always({"changeMeta": _NO_CHANGE}),
    ),
}
