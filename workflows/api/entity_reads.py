"""Reading entities over HTTP (contract: entities 5.8, 5.9, 5.11, 5.12)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from cyoda.clock import utc_text
from cyoda.errors import BadRequest, EntityNotFound, ModelNotFound, StorageUnavailable
from cyoda.http import binding
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import model_key
from workflows.api.wire import POINT_IN_TIME, Entity, Moment, Shape
from workflows.core.entity import Version
from workflows.services import entity_reads
from workflows.services.entity_reads import MAX_PAGE_NUMBER, MAX_PAGE_SIZE
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.transaction import Join

_DEFAULT_PAGE_SIZE = 20
_TRANSACTION = query("transactionId", UUID, "As this transaction wrote it; excludes pointInTime.")

ActorKind = Literal["user", "service", "system"]


class ActorShape(Shape, frozen=True, kw_only=True):
    id: str
    kind: ActorKind


class ChangeShape(Shape, frozen=True, kw_only=True):
    """One version: `user` answers for it, `executedBy` wrote it. A deletion has no transaction id."""

    change_type: Literal["CREATE", "UPDATE", "DELETE"]
    time_of_change: Moment
    user: str
    attributed_kind: ActorKind
    executed_by: ActorShape
    transaction_id: UUID | UnsetType = UNSET


@operation(
    "Get an entity",
    POINT_IN_TIME,
    _TRANSACTION,
    answer=Entity,
    errors=[EntityNotFound, StorageUnavailable],
)
async def get_entity(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    entity_id = request.path_uuid("entityId")
    at, transaction_id = request.query_time("pointInTime"), request.query_uuid("transactionId")
    version = await entity_reads.get_entity(
        request.principal, entity_id, at=at, transaction_id=transaction_id, platform=platform, join=join
    )
    return json_bytes(envelope(version))


@operation(
    "List the entities of a model in the order of their ids",
    query("pageSize", Annotated[int, Meta(ge=0, le=MAX_PAGE_SIZE)], "20 unless given."),
    query("pageNumber", Annotated[int, Meta(ge=0, le=MAX_PAGE_NUMBER)], "From 0."),
    POINT_IN_TIME,
    answer=list[Entity],
    errors=[ModelNotFound, StorageUnavailable],
)
async def list_entities(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key = model_key(request)
    page_size, page_number = request.query_int32("pageSize", _DEFAULT_PAGE_SIZE), request.query_int32("pageNumber", 0)
    at = request.query_time("pointInTime")
    page = await entity_reads.list_entities(
        request.principal, key, page_size=page_size, page_number=page_number, at=at, platform=platform, join=join
    )
    return json_bytes(b"[%b]" % b",".join(envelope(version, at=at) for version in page))


@operation(
    "List the changes of an entity, newest first, at most 1000",
    POINT_IN_TIME,
    answer=list[ChangeShape],
    errors=[EntityNotFound, StorageUnavailable],
)
async def list_changes(request: ApiRequest, platform: Platform) -> Response:
    entity_id, until = request.path_uuid("entityId"), request.query_time("pointInTime")
    versions = await entity_reads.changes(request.principal, entity_id, until=until, platform=platform)
    return json_response([_change(version) for version in versions])


@operation(
    "List the transitions of an entity's state",
    POINT_IN_TIME,
    _TRANSACTION,
    answer=list[str],
    errors=[EntityNotFound, StorageUnavailable],
)
async def list_transitions(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    names = await entity_reads.available_transitions(
        request.principal,
        request.values["entityId"],
        at=_instant(request.query_text("pointInTime")),
        transaction_id=_transaction_id(request.query_text("transactionId")),
        platform=platform,
        join=join,
    )
    return json_response(names)


@operation(
    "List the transitions of an entity's state (older clients)",
    query("entityClass", str, "`Name.Version`; checked for its form only.", required=True),
    query("entityId", str, required=True),
    answer=list[str],
    errors=[EntityNotFound, StorageUnavailable],
    deprecated=True,
)
async def fetch_transitions(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    """The legacy form: the class must look like one and is otherwise not compared with the entity's model."""
    entity_class, entity_id = request.query_text("entityClass"), request.query_text("entityId")
    if not entity_class or not entity_id:
        raise BadRequest("entityClass and entityId are required")
    if "." not in entity_class or entity_class.endswith("."):
        raise BadRequest("entityClass must be in format Name.Version (e.g., Offer.1)")
    names = await entity_reads.available_transitions(request.principal, entity_id, platform=platform, join=join)
    return json_response(names)


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    at = binding.instant(text)
    if at is None:
        raise BadRequest("invalid pointInTime format")
    return at


def _transaction_id(text: str | None) -> UUID | None:
    if not text:
        return None
    transaction_id = binding.uuid(text)
    if transaction_id is None:
        raise BadRequest(f"invalid transactionId (txID={text})")
    return transaction_id


def _change(version: Version) -> ChangeShape:
    return ChangeShape(
        change_type="DELETE" if version.deleted else "CREATE" if version.number == 1 else "UPDATE",
        time_of_change=utc_text(version.updated_at),
        user=version.attributed.id,
        attributed_kind=version.attributed.kind,
        executed_by=ActorShape(id=version.executor.id, kind=version.executor.kind),
        transaction_id=UNSET if version.deleted else version.transaction_id,
    )
