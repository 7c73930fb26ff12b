"""Writes of one entity over gRPC (contract: grpc 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

import msgspec

from cyoda.errors import CyodaError, EntityNotFound, PreconditionRequired, ServerError
from cyoda.permissions import Action
from workflows.grpc.payloads import (
    NIL_ID,
    NO_MODEL,
    DataFormat,
    ModelSpec,
    document_text,
    entity_id,
    model_spec,
)
from workflows.grpc.replies import Body, InvalidPayload
from workflows.grpc.routes import NOTHING, Answer, Call, Handle, Unary, always, payload
from workflows.services import collections, entities
from workflows.services.entities import MAX_WINDOW, Committed


class NewEntity(msgspec.Struct):
    model: ModelSpec
    data: msgspec.Raw


class CreateRequest(msgspec.Struct, rename="camel"):
    data_format: DataFormat
    payload: NewEntity


class ChangedEntity(msgspec.Struct, rename="camel"):
    entity_id: str | None
    data: msgspec.Raw
    transition: str | None = None


class UpdateRequest(msgspec.Struct, rename="camel"):
    data_format: DataFormat
    payload: ChangedEntity


class Patch(msgspec.Struct, rename="camel"):
    entity_id: str | None
    patch: msgspec.Raw
    if_match: str | None = None
    transition: str | None = None


class PatchRequest(msgspec.Struct, rename="camel"):
    patch_format: Literal["MERGE_PATCH", "JSON_PATCH"]
    payload: Patch


class DeleteRequest(msgspec.Struct, rename="camel"):
    entity_id: str | None


class TransitionRequest(msgspec.Struct, rename="camel"):
    entity_id: str | None
    transition: str


class LaterChunkFailed(CyodaError):
    """A chunk after the first stored nothing; its message is a complete detail already."""

    code, status = "BAD_REQUEST", 400

    @property
    def detail(self) -> str:
        return self.message


async def create(call: Call) -> Answer:
    """One entity; from an array, as one client's save-all sends it, one of each element."""
    request = payload(call, CreateRequest)
    chunks = await collections.create_entities(
        call.principal,
        request.payload.model.key,
        document_text(request.payload.data, request.data_format),
        data_format=request.data_format,
        window=MAX_WINDOW,
        platform=call.platform,
        join=call.join,
    )
    return chunked(chunks)


async def update(call: Call) -> Answer:
    request = payload(call, UpdateRequest)
    return transacted(await replace(call, request.payload, request.data_format))


async def replace(call: Call, item: ChangedEntity, data_format: DataFormat) -> Committed:
    """Replace one entity's document; an empty transition is none."""
    return await entities.update_entity(
        call.principal,
        entity_id(item.entity_id),
        document_text(item.data, data_format),
        data_format=data_format,
        transition=item.transition or None,
        platform=call.platform,
        join=call.join,
    )


async def patch(call: Call) -> Answer:
    request = payload(call, PatchRequest)
    item = request.payload
    if not item.if_match:
        raise PreconditionRequired(
            "missing ifMatch: send the transactionId of your last read of this entity to patch safely, "
            'or "*" to explicitly accept last-writer-wins'
        )
    return transacted(
        await entities.patch_entity(
            call.principal,
            entity_id(item.entity_id),
            bytes(item.patch),
            transition=item.transition or None,
            if_match=item.if_match,
            json_patch=request.patch_format == "JSON_PATCH",
            platform=call.platform,
            join=call.join,
        )
    )


async def delete(call: Call) -> Answer:
    name = payload(call, DeleteRequest).entity_id
    tombstone = await entities.delete_entity(call.principal, known_id(name), platform=call.platform, join=call.join)
    return Answer(
        {
            "entityId": str(tombstone.entity_id),
            "model": model_spec(tombstone.model),
            "transactionId": str(tombstone.transaction_id),
        }
    )


async def transition(call: Call) -> Answer:
    request = payload(call, TransitionRequest)
    committed = await entities.transition_entity(
        call.principal, known_id(request.entity_id), request.transition, platform=call.platform, join=call.join
    )
    return Answer(NOTHING, committed.warnings)


def known_id(text: str | None) -> UUID:
    """Raises EntityNotFound for a text that is no id, as for an id that no entity has."""
    try:
        return UUID(text or "")
    except ValueError:
        raise EntityNotFound(f"entity id={text or ''} not found") from None


def transacted(committed: Committed) -> Answer:
    ids = [str(each) for each in committed.entity_ids]
    return Answer(
        {"transactionInfo": {"transactionId": str(committed.transaction_id), "entityIds": ids}}, committed.warnings
    )


def chunked(chunks: Sequence[collections.Chunk]) -> Answer:
    """One reply for all chunks. Raises LaterChunkFailed, ServerError when one of them failed."""
    for failure in (chunk.error for chunk in chunks if chunk.error is not None):
        raise (ServerError if failure.code == ServerError.code else LaterChunkFailed)(failure.message)
    ids = [str(each) for chunk in chunks for each in chunk.entity_ids]
    warnings = tuple(warning for chunk in chunks for warning in chunk.warnings)
    return Answer({"transactionInfo": {"transactionId": str(chunks[0].transaction_id), "entityIds": ids}}, warnings)


def _not_deleted(call: Call) -> Body:
    """The failing reply names the entity that the request named."""
    try:
        name = payload(call, DeleteRequest).entity_id
    except InvalidPayload:
        name = ""
    return {"entityId": name or "", "model": NO_MODEL, "transactionId": NIL_ID}


NOT_TRANSACTED = always({"transactionInfo": {"entityIds": []}})


def _transaction(handle: Handle) -> Unary:
    return Unary(
        reply="EntityTransactionResponse",
        action=Action.WRITE,
        handle=handle,
        placeholder=NOT_TRANSACTED,
        names_request=True,
    )


ROUTES = {
    "EntityCreateRequest": _transaction(create),
    "EntityUpdateRequest": _transaction(update),
    "EntityPatchRequest": _transaction(patch),
    "EntityDeleteRequest": Unary(
        reply="EntityDeleteResponse", action=Action.DELETE, handle=delete, placeholder=_not_deleted, names_request=True
    ),
    "EntityTransitionRequest": Unary(
        reply="EntityTransitionResponse", action=Action.WRITE, handle=transition, placeholder=always(NOTHING)
    ),
}
