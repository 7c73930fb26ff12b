"""Entity models over gRPC (contract: grpc 7)."""

from __future__ import annotations

from typing import Literal

import msgspec

from cyoda.permissions import Action
from workflows.core.schema.model import Model
from workflows.grpc.payloads import NIL_ID, NO_MODEL, DataFormat, ModelSpec, document_text, model_spec
from workflows.grpc.routes import NOTHING, Answer, Call, Unary, always, payload
from workflows.services import models

Converter = Literal["SAMPLE_DATA", "SIMPLE_VIEW"]


class ImportRequest(msgspec.Struct, rename="camel"):
    model: ModelSpec
    converter: Converter
    data_format: DataFormat
    payload: msgspec.Raw


class ExportRequest(msgspec.Struct):
    model: ModelSpec
    converter: Converter


class TransitionRequest(msgspec.Struct):
    model: ModelSpec
    transition: Literal["LOCK", "UNLOCK"]


class DeleteRequest(msgspec.Struct):
    model: ModelSpec


class UniqueKey(msgspec.Struct):
    id: str = ""
    fields: list[str] = []


class UniqueKeysRequest(msgspec.Struct, rename="camel"):
    model: ModelSpec
    unique_keys: list[UniqueKey]


async def import_model(call: Call) -> Answer:
    request = payload(call, ImportRequest)
    model = await models.import_model(
        call.principal,
        request.model.key,
        document_text(request.payload, request.data_format),
        data_format=request.data_format,
        converter=request.converter,
        platform=call.platform,
    )
    return Answer({"modelId": str(model.id)})


async def export_model(call: Call) -> Answer:
    request = payload(call, ExportRequest)
    key = request.model.key
    view = await models.export_model(call.principal, key, converter=request.converter, platform=call.platform)
    return Answer({"modelId": str(key.id), "model": model_spec(key), "payload": msgspec.Raw(view)})


async def change_lock(call: Call) -> Answer:
    request = payload(call, TransitionRequest)
    change = models.lock_model if request.transition == "LOCK" else models.unlock_model
    return _state(await change(call.principal, request.model.key, platform=call.platform))


async def delete_model(call: Call) -> Answer:
    await models.delete_model(call.principal, payload(call, DeleteRequest).model.key, platform=call.platform)
    return Answer(NOTHING)


async def list_models(call: Call) -> Answer:
    """The request's content is not looked at."""
    found = await models.list_models(call.principal, platform=call.platform)
    infos = [{"id": str(model.id), **model_spec(model.key), "state": model.state} for model in found]
    return Answer({"models": infos})


async def set_unique_keys(call: Call) -> Answer:
    request = payload(call, UniqueKeysRequest)
    return _state(await models.set_unique_keys(call.principal, request.model.key, call.data, platform=call.platform))


def _state(model: Model) -> Answer:
    return Answer({"modelId": str(model.id), "state": model.state})


_NO_STATE = always({"modelId": NIL_ID, "state": ""})

ROUTES = {
    "EntityModelImportRequest": Unary(
        reply="EntityModelImportResponse",
        action=Action.CONFIGURE,
        handle=import_model,
        placeholder=always({"modelId": NIL_ID}),
    ),
    "EntityModelExportRequest": Unary(
        reply="EntityModelExportResponse",
        action=Action.READ,
        handle=export_model,
        placeholder=always({"modelId": NIL_ID, "model": NO_MODEL, "payload": {}}),
    ),
    "EntityModelTransitionRequest": Unary(
        reply="EntityModelTransitionResponse", action=Action.CONFIGURE, handle=change_lock, placeholder=_NO_STATE
    ),
    "EntityModelDeleteRequest": Unary(
        reply="EntityModelDeleteResponse", action=Action.CONFIGURE, handle=delete_model, placeholder=always(NOTHING)
    ),
    "EntityModelGetAllRequest": Unary(
        reply="EntityModelGetAllResponse", action=Action.READ, handle=list_models, placeholder=always({"models": []})
    ),
    "EntityModelSetUniqueKeysRequest": Unary(
        reply="EntityModelSetUniqueKeysResponse", action=Action.CONFIGURE, handle=set_unique_keys, placeholder=_NO_STATE
    ),
}
