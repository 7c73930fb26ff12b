"""Entity models over HTTP (contract: entities 3, 4)."""

from __future__ import annotations

from cyoda.clock import utc_text
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import (
    BODY_LIMIT_BYTES,
    UNIQUE_KEYS_LIMIT_BYTES,
    UNPARSABLE_BODY,
    UNREADABLE_BODY,
    model_key,
)
from workflows.core.entity import ModelKey
from workflows.services import models
from workflows.services.platform import Platform


async def list_models(request: ApiRequest, platform: Platform) -> Response:
    found = await models.list_models(request.principal, platform=platform)
    return json_response(
        [
            {
                "id": str(model.id),
                "modelName": model.name,
                "modelVersion": model.version,
                "currentState": model.state,
                "modelUpdateDate": utc_text(model.updated_at),
            }
            for model in found
        ]
    )


async def import_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_BODY)
    data_format, converter = request.values["dataFormat"], request.values["converter"]
    model = await models.import_model(
        request.principal, key, body, data_format=data_format, converter=converter, platform=platform
    )
    return json_response(str(model.id))


async def export_model(request: ApiRequest, platform: Platform) -> Response:
    converter = request.values["converter"]
    return json_bytes(
        await models.export_model(request.principal, model_key(request), converter=converter, platform=platform)
    )


async def validate_document(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNPARSABLE_BODY)
    findings = await models.validate_document(request.principal, key, body, platform=platform)
    if findings:
        return _action_result(key, f"Validation failed: {findings}", success=False)
    return _action_result(key, "Validation passed")


async def lock_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.lock_model(request.principal, key, platform=platform)
    return _action_result(key, f"Model {key} locked")


async def unlock_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.unlock_model(request.principal, key, platform=platform)
    return _action_result(key, f"Model {key} unlocked")


async def delete_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.delete_model(request.principal, key, platform=platform)
    return _action_result(key, f"model {key} deleted")


async def set_change_level(request: ApiRequest, platform: Platform) -> Response:
    key, level = model_key(request), request.values["changeLevel"]
    await models.set_change_level(request.principal, key, level, platform=platform)
    return _action_result(key, f"model {key} now at change level {level}")


async def set_unique_keys(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(UNIQUE_KEYS_LIMIT_BYTES, UNPARSABLE_BODY)
    await models.set_unique_keys(request.principal, key, body, platform=platform)
    return _action_result(key, f"unique keys set on model {key}")


def _action_result(key: ModelKey, message: str, *, success: bool = True) -> Response:
    return json_response(
        {
            "success": success,
            "message": message,
            "modelId": str(key.id),
            "modelKey": {"name": key.name, "version": key.version},
        }
    )
