"""Paths of older clients, served when CYODA_LEGACY_ALIASES is on (contract: search 16, engine 10, control plane 7)."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from cyoda.errors import BadRequest, EntityModified, EntityNotFound, StorageUnavailable, TransitionNotFound
from cyoda.http import binding
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes
from cyoda.jsonio import dumps
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.conditions import Condition
from workflows.api.entities import CommittedShape, committed_response
from workflows.api.search import SEARCH_ERRORS
from workflows.api.wire import POINT_IN_TIME, WRITE_ERRORS, Entity, Json, Moment, Shape
from workflows.core.message import MessageHeader
from workflows.services import entities, messages
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.search import MAX_LIMIT, search_direct
from workflows.services.transaction import Join


@operation(
    "Search the entities of a model (older clients): one array",
    query("limit", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], "More matches are refused; 1000 unless given."),
    POINT_IN_TIME,
    query("clientPointTime", Moment, "The same as pointInTime, which wins."),
    body=Condition,
    body_required=False,
    answer=list[Entity],
    errors=SEARCH_ERRORS,
    deprecated=True,
)
async def search_array(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    """These clients read an answer only when it is called JSON, and then expect an array."""
    key = model_key(request)
    at = request.query_time("pointInTime") or request.query_time("clientPointTime")
    condition = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    found = await search_direct(
        request.principal, key, condition, limit=request.query_text("limit"), at=at, platform=platform, join=join
    )
    return json_bytes(b"[%b]" % b",".join(map(envelope, found)))


class OldMetaData(Shape, frozen=True, kw_only=True):
    """Nothing is indexed, so all is in `values`."""

    values: dict[str, Json]
    indexed_values: dict[str, Json]


class OldMessage(Shape, frozen=True, kw_only=True):
    """`content` is the JSON text of the payload."""

    header: MessageHeader
    meta_data: OldMetaData
    content: str


@operation(
    "Read a message (older clients): its content as text",
    answer=OldMessage,
    errors=[EntityNotFound, StorageUnavailable],
    deprecated=True,
)
async def get_message_of_older_clients(request: ApiRequest, platform: Platform) -> Response:
    message = await messages.get_message(request.principal, request.path_uuid("messageId"), platform=platform)
    content = dumps(message.payload.decode())
    return json_bytes(
        b'{"header":%b,"metaData":{"values":%b,"indexedValues":{}},"content":%b}'
        % (message.header, message.metadata, content)
    )


@operation(
    "Fire a transition with the entity's current document (older clients)",
    query("entityId", UUID, required=True),
    query("entityClass", str, "Taken, and not compared with the entity's model: clients send names of Java classes."),
    query("transitionName", str, required=True),
    answer=CommittedShape,
    errors=[EntityNotFound, TransitionNotFound, EntityModified, *WRITE_ERRORS],
    deprecated=True,
)
async def fire_transition(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    entity_id, transition = request.query_text("entityId"), request.query_text("transitionName")
    if not entity_id or not transition:
        raise BadRequest("entityId and transitionName are required")
    identity = binding.uuid(entity_id)
    if identity is None:
        raise EntityNotFound(f"entity id={entity_id} not found", {"entityId": entity_id})
    committed = await entities.transition_entity(request.principal, identity, transition, platform=platform, join=join)
    return committed_response(committed)
