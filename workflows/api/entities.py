"""Writing entities over HTTP (contract: entities 5.2-5.7, 5.10)."""

from __future__ import annotations

from cyoda.errors import UnsupportedMediaType
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import check_write_options, entity_body, model_key, window
from workflows.services import bulk_delete, collections, entities
from workflows.services.collections import Chunk
from workflows.services.entities import Committed
from workflows.services.platform import Platform
from workflows.services.transaction import Transaction

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
_DEFAULT_TRANSACTION_SIZE = 1000


async def create_entities(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    key, size = model_key(request), window(request)
    check_write_options(request)
    body = await entity_body(request)
    data_format = request.values["format"]
    committed = await collections.create_entities(
        request.principal, key, body, data_format=data_format, window=size, platform=platform, join=join
    )
    return _chunks(committed)


async def create_collection(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    size = window(request)
    check_write_options(request)
    body = await entity_body(request)
    return _chunks(
        await collections.create_collection(request.principal, body, window=size, platform=platform, join=join)
    )


async def update_entity(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
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
    return _committed(committed)


async def update_collection(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    size = window(request)
    check_write_options(request)
    body = await entity_body(request)
    data_format = request.values["format"]
    committed = await collections.update_collection(
        request.principal, body, data_format=data_format, window=size, platform=platform, join=join
    )
    return _chunks(committed)


async def patch_entity(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
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
    return _committed(committed)


async def delete_entity(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    entity_id = request.path_uuid("entityId")
    deleted = await entities.delete_entity(request.principal, entity_id, platform=platform, join=join)
    return json_response(
        {
            "id": str(entity_id),
            "modelKey": {"name": deleted.model.name, "version": deleted.model.version},
            "transactionId": str(deleted.transaction_id),
        }
    )


async def delete_entities(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    key, verbose, at = model_key(request), request.query_boolean("verbose"), request.query_time("pointInTime")
    request.query_int32("transactionSize", _DEFAULT_TRANSACTION_SIZE)
    body = await entity_body(request)
    deleted = await bulk_delete.delete_entities(
        request.principal, key, condition=body, at=at, platform=platform, join=join
    )
    answer: dict[str, object] = {"entityModelClassId": deleted.model_id}
    if verbose:
        answer["ids"] = deleted.ids
    answer["deleteResult"] = {
        "numberOfEntitites": deleted.matched,
        "numberOfEntititesRemoved": deleted.removed,
        "idToError": {},
    }
    return json_response(answer)


def _patch_media_type(request: ApiRequest) -> str:
    """Raises UnsupportedMediaType."""
    if request.values["format"] != "JSON":
        raise UnsupportedMediaType("patch supports the JSON format only")
    media_type = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if media_type not in (MERGE_PATCH, JSON_PATCH):
        raise UnsupportedMediaType(f"unsupported Content-Type; use {MERGE_PATCH} or {JSON_PATCH}")
    return media_type


def _committed(committed: Committed) -> Response:
    return json_response({"transactionId": committed.transaction_id, "entityIds": committed.entity_ids})


def _chunks(chunks: list[Chunk]) -> Response:
    return json_response([_chunk(chunk) for chunk in chunks])


def _chunk(chunk: Chunk) -> dict[str, object]:
    """What a chunk committed, or why the last one was not (contract: entities 5.4)."""
    if chunk.error is not None:
        error = chunk.error
        return {
            "entityIds": [],
            "error": {"code": error.code, "message": error.message, "chunkIndex": error.chunk_index},
        }
    answer: dict[str, object] = {"transactionId": chunk.transaction_id, "entityIds": chunk.entity_ids}
    if chunk.failed:
        answer["failed"] = [
            {
                "entityId": failure.entity_id,
                "error": {"code": failure.code, "message": failure.message, "itemIndex": failure.item_index},
            }
            for failure in chunk.failed
        ]
    return answer
