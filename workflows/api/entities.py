"""Writing entities over HTTP (contract: entities 5.2-5.7, 5.10)."""

from __future__ import annotations

from uuid import UUID

from msgspec import UNSET, UnsetType

from cyoda.errors import (
    ConditionTypeMismatch,
    Conflict,
    EntityModified,
    EntityNotFound,
    InvalidCondition,
    InvalidFieldPath,
    ModelNotFound,
    ModelNotLocked,
    NotImplementedHere,
    PreconditionRequired,
    ScanBudgetExhausted,
    StorageUnavailable,
    TransitionNotFound,
    UnsupportedMediaType,
)
from cyoda.http.operation import JSON_TYPE, header, operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import check_write_options, entity_body, model_key, window
from workflows.api.conditions import Condition
from workflows.api.wire import (
    POINT_IN_TIME,
    WINDOW,
    WRITE_ERRORS,
    WRITE_OPTIONS,
    XML_TYPE,
    Int32,
    Json,
    ModelKeyShape,
    Shape,
)
from workflows.services import bulk_delete, collections, entities
from workflows.services.collections import Chunk
from workflows.services.entities import Committed
from workflows.services.platform import Platform
from workflows.services.transaction import Join

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_DEFAULT_TRANSACTION_SIZE = 1000
_IF_MATCH = header("If-Match", str, "The transaction id of the version that was read.")
_PATCH_IF_MATCH = header("If-Match", str, "The transaction id of the version that was read, or `*` for any.")
_DOCUMENT = {JSON_TYPE: Json, XML_TYPE: str}


class CommittedShape(Shape, frozen=True, kw_only=True):
    """What one transaction stored."""

    transaction_id: UUID
    entity_ids: tuple[UUID, ...]


class ChunkFailureShape(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    chunk_index: int


class ItemErrorShape(Shape, frozen=True, kw_only=True):
    code: str
    message: str
    item_index: int


class ItemFailureShape(Shape, frozen=True, kw_only=True):
    entity_id: UUID
    error: ItemErrorShape


class ChunkShape(Shape, frozen=True, kw_only=True):
    """What one chunk stored, without items of a stale `ifMatch` (`failed`), or why the last one stored nothing."""

    transaction_id: UUID | UnsetType = UNSET
    entity_ids: tuple[UUID, ...]
    failed: list[ItemFailureShape] | UnsetType = UNSET
    error: ChunkFailureShape | UnsetType = UNSET


class NewItemShape(Shape, frozen=True, kw_only=True):
    """An entity to create; `payload` is its document as JSON text."""

    model: ModelKeyShape
    payload: str


class ChangedItemShape(Shape, frozen=True, kw_only=True):
    """An entity to replace; `payload` is its document as JSON text."""

    id: UUID
    payload: str
    transition: str | None = None
    if_match: str | None = None


class DeletedShape(Shape, frozen=True, kw_only=True):
    id: UUID
    model_key: ModelKeyShape
    transaction_id: UUID


class DeleteResultShape(Shape, frozen=True, kw_only=True):
    """Matched and removed entities; the spelling is the contract's."""

    number_of_entitites: int
    number_of_entitites_removed: int
    id_to_error: dict[str, str]


class DeletedManyShape(Shape, frozen=True, kw_only=True):
    """`ids` only with `verbose`."""

    entity_model_class_id: UUID
    ids: list[UUID] | UnsetType = UNSET
    delete_result: DeleteResultShape


@operation(
    "Create an entity, or one of each element of an array",
    WINDOW,
    *WRITE_OPTIONS,
    body=_DOCUMENT,
    answer=list[ChunkShape],
    errors=[ModelNotFound, ModelNotLocked, *WRITE_ERRORS],
)
async def create_entities(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key, size = model_key(request), window(request)
    check_write_options(request)
    body = await entity_body(request)
    data_format = request.values["format"]
    committed = await collections.create_entities(
        request.principal, key, body, data_format=data_format, window=size, platform=platform, join=join
    )
    return _chunks(committed)


@operation(
    "Create entities of several models",
    WINDOW,
    *WRITE_OPTIONS,
    body=list[NewItemShape],
    answer=list[ChunkShape],
    errors=[ModelNotFound, ModelNotLocked, *WRITE_ERRORS],
)
async def create_collection(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    size = window(request)
    check_write_options(request)
    body = await entity_body(request)
    return _chunks(
        await collections.create_collection(request.principal, body, window=size, platform=platform, join=join)
    )


@operation(
    "Replace an entity's document, and fire a transition or look at the automated ones",
    _IF_MATCH,
    *WRITE_OPTIONS,
    body=_DOCUMENT,
    answer=CommittedShape,
    errors=[EntityNotFound, TransitionNotFound, EntityModified, *WRITE_ERRORS],
)
async def update_entity(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    entity_id, if_match = request.path_uuid("entityId"), request.single_header(b"if-match")
    check_write_options(request)
    body = await entity_body(request)
    committed = await entities.update_entity(
        request.principal,
        entity_id,
        body,
        data_format=request.values["format"],
        transition=request.values.get("transition"),
        if_match=if_match,
        platform=platform,
        join=join,
    )
    return committed_response(committed)


@operation(
    "Replace the documents of several entities",
    WINDOW,
    *WRITE_OPTIONS,
    body=list[ChangedItemShape],
    answer=list[ChunkShape],
    errors=[EntityNotFound, TransitionNotFound, EntityModified, *WRITE_ERRORS],
)
async def update_collection(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    size = window(request)
    check_write_options(request)
    body = await entity_body(request)
    data_format = request.values["format"]
    committed = await collections.update_collection(
        request.principal, body, data_format=data_format, window=size, platform=platform, join=join
    )
    return _chunks(committed)


@operation(
    "Merge a document into an entity's (RFC 7386)",
    _PATCH_IF_MATCH,
    *WRITE_OPTIONS,
    body={MERGE_PATCH: Json},
    answer=CommittedShape,
    errors=[
        UnsupportedMediaType,
        PreconditionRequired,
        NotImplementedHere,
        EntityNotFound,
        TransitionNotFound,
        EntityModified,
        *WRITE_ERRORS,
    ],
)
async def patch_entity(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    entity_id, if_match = request.path_uuid("entityId"), request.single_header(b"if-match")
    check_write_options(request)
    media_type = _patch_media_type(request)
    body = await entity_body(request)
    committed = await entities.patch_entity(
        request.principal,
        entity_id,
        body,
        transition=request.values.get("transition"),
        if_match=if_match,
        json_patch=media_type == JSON_PATCH,
        platform=platform,
        join=join,
    )
    return committed_response(committed)


@operation(
    "Delete an entity; its history stays",
    answer=DeletedShape,
    errors=[EntityNotFound, Conflict, StorageUnavailable],
)
async def delete_entity(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    entity_id = request.path_uuid("entityId")
    deleted = await entities.delete_entity(request.principal, entity_id, platform=platform, join=join)
    return json_response(
        DeletedShape(
            id=entity_id,
            model_key=ModelKeyShape(name=deleted.model.name, version=deleted.model.version),
            transaction_id=deleted.transaction_id,
        )
    )


@operation(
    "Delete the entities of a model, all of them or those that satisfy a condition",
    query("verbose", bool, "List the ids of a conditional delete."),
    POINT_IN_TIME,
    query("transactionSize", Int32, "Checked for its type; has no effect."),
    body=Condition,
    body_required=False,
    answer=DeletedManyShape,
    errors=[
        ModelNotFound,
        InvalidCondition,
        InvalidFieldPath,
        ConditionTypeMismatch,
        ScanBudgetExhausted,
        Conflict,
        StorageUnavailable,
    ],
)
async def delete_entities(request: ApiRequest, platform: Platform, join: Join | None) -> Response:
    key, verbose, at = model_key(request), request.query_boolean("verbose"), request.query_time("pointInTime")
    request.query_int32("transactionSize", _DEFAULT_TRANSACTION_SIZE)
    body = await entity_body(request)
    deleted = await bulk_delete.delete_entities(
        request.principal, key, condition=body, at=at, platform=platform, join=join
    )
    result = DeleteResultShape(
        number_of_entitites=deleted.matched, number_of_entitites_removed=deleted.removed, id_to_error={}
    )
    ids = list(deleted.ids) if verbose else UNSET
    return json_response(DeletedManyShape(entity_model_class_id=deleted.model_id, ids=ids, delete_result=result))


def _patch_media_type(request: ApiRequest) -> str:
    """Raises UnsupportedMediaType."""
    if request.values["format"] != "JSON":
        raise UnsupportedMediaType("patch supports the JSON format only")
    media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if media_type not in (MERGE_PATCH, JSON_PATCH):
        raise UnsupportedMediaType(f"unsupported Content-Type; use {MERGE_PATCH} or {JSON_PATCH}")
    return media_type


def committed_response(committed: Committed) -> Response:
    return json_response(CommittedShape(transaction_id=committed.transaction_id, entity_ids=committed.entity_ids))


def _chunks(chunks: list[Chunk]) -> Response:
    return json_response([_chunk(chunk) for chunk in chunks])


def _chunk(chunk: Chunk) -> ChunkShape:
    """What a chunk committed, or why the last one was not (contract: entities 5.4)."""
    if chunk.error is not None:
        error = chunk.error
        failure = ChunkFailureShape(code=error.code, message=error.message, chunk_index=error.chunk_index)
        return ChunkShape(entity_ids=(), error=failure)
    failed = [
        ItemFailureShape(
            entity_id=item.entity_id,
            error=ItemErrorShape(code=item.code, message=item.message, item_index=item.item_index),
        )
        for item in chunk.failed
    ]
    return ChunkShape(
        transaction_id=UNSET if chunk.transaction_id is None else chunk.transaction_id,
        entity_ids=chunk.entity_ids,
        failed=failed or UNSET,
    )
