"""Writes of many entities over gRPC: each request has exactly one reply (contract: grpc 9)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec

from cyoda.errors import CyodaError
from cyoda.permissions import Action
from workflows.grpc.entities import NOT_TRANSACTED, ChangedEntity, NewEntity, chunked, replace
from workflows.grpc.payloads import DataFormat, ModelSpec, document_text
from workflows.grpc.replies import InvalidPayload
from workflows.grpc.routes import Answer, Call, Frames, always, payload
from workflows.services import bulk_delete, collections


class CreateRequest(msgspec.Struct, rename="camel"):
    data_format: DataFormat
    payloads: list[NewEntity]


class UpdateRequest(msgspec.Struct, rename="camel"):
    data_format: DataFormat
    payloads: list[ChangedEntity]


class DeleteAllRequest(msgspec.Struct):
    model: ModelSpec


async def create(call: Call) -> AsyncIterator[Answer]:
    """All or nothing, in one transaction; the models may differ."""
    request = payload(call, CreateRequest)
    _require_items(request.payloads)
    items = [
        collections.NewItem(item.model.key, document_text(item.data, request.data_format)) for item in request.payloads
    ]
    chunks = await collections.create_items(
        call.principal,
        items,
        data_format=request.data_format,
        window=len(items),
        platform=call.platform,
        join=call.join,
    )
    yield chunked(chunks)


async def update(call: Call) -> AsyncIterator[Answer]:
    """One transaction an item, in order; the first failure ends the request, what was committed before stays."""
    request = payload(call, UpdateRequest)
    _require_items(request.payloads)
    ids: list[UUID] = []
    warnings: list[str] = []
    transaction_id = ""
    for index, item in enumerate(request.payloads):
        try:
            committed = await replace(call, item, request.data_format)
        except CyodaError as error:
            raise collections.of_item(index, error) from error
        ids.extend(committed.entity_ids)
        warnings.extend(committed.warnings)
        transaction_id = str(committed.transaction_id)
    info = {"transactionId": transaction_id, "entityIds": [str(each) for each in ids]}
    yield Answer({"transactionInfo": info}, warnings)


async def delete_all(call: Call) -> AsyncIterator[Answer]:
    key = payload(call, DeleteAllRequest).model.key
    deleted = await bulk_delete.delete_entities(call.principal, key, platform=call.platform, join=call.join)
    yield Answer({"entityIds": [], "modelId": str(deleted.model_id), "numDeleted": deleted.removed})


def _require_items(items: list[NewEntity] | list[ChangedEntity]) -> None:
    if not items:
        raise InvalidPayload("payloads array is empty")


ROUTES = {
    "EntityCreateCollectionRequest": Frames(
        reply="EntityTransactionResponse", action=Action.WRITE, handle=create, placeholder=NOT_TRANSACTED
    ),
    "EntityUpdateCollectionRequest": Frames(
        reply="EntityTransactionResponse", action=Action.WRITE, handle=update, placeholder=NOT_TRANSACTED
    ),
    "EntityDeleteAllRequest": Frames(
        reply="EntityDeleteAllResponse",
        action=Action.DELETE,
        handle=delete_all,
        placeholder=always({"entityIds": [], "modelId": "", "numDeleted": 0}),
    ),
}
