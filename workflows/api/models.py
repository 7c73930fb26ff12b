"""Entity models over HTTP (contract: entities 3, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from cyoda.clock import utc_text
from cyoda.errors import (
    InvalidChangeLevel,
    InvalidIndexDefinition,
    InvalidUniqueKeyDefinition,
    ModelAlreadyLocked,
    ModelAlreadyUnlocked,
    ModelHasEntities,
    ModelNotFound,
    StorageUnavailable,
)
from cyoda.http.operation import JSON_TYPE, operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import (
    BODY_LIMIT_BYTES,
    UNIQUE_KEYS_LIMIT_BYTES,
    UNPARSABLE_BODY,
    UNREADABLE_BODY,
    model_key,
)
from workflows.api.wire import XML_TYPE, Json, ModelKeyShape, Moment, Shape
from workflows.core.entity import ModelKey
from workflows.core.schema.model import Model
from workflows.core.schema.simple_view import simple_view
from workflows.core.schema.types import display
from workflows.core.schema.validation import Problem, joined
from workflows.services import models
from workflows.services.platform import Platform

LockState = Literal["LOCKED", "UNLOCKED"]


class EntityModel(Shape, frozen=True, kw_only=True):
    """A model in the list; the id is the same for every tenant."""

    id: UUID
    model_name: str
    model_version: int
    current_state: LockState
    model_update_date: Moment
    change_level: Literal["", "ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL"] = ""


class Finding(Shape, frozen=True, kw_only=True):
    """What is wrong with a document and where; an empty path is the document itself."""

    path: str
    fault: str
    expected: tuple[str, ...] = ()
    actual: str = ""


class ActionResult(Shape, frozen=True, kw_only=True):
    """What was done to a model."""

    success: bool
    message: str
    model_id: UUID
    model_key: ModelKeyShape
    findings: list[Finding] = []


class FieldChange(Shape, frozen=True, kw_only=True):
    """A field of a schema that a sample adds (no `before`) or gives more types."""

    path: str
    types: str
    before: str = ""


class ImportPreview(Shape, frozen=True, kw_only=True):
    """What the import of a sample would do: the model as a SIMPLE_VIEW, and the fields that it would change."""

    exists: bool
    model: dict[str, Json]
    changes: list[FieldChange]


class UniqueKeyShape(Shape, frozen=True, kw_only=True):
    """Fields (`$.a.b`) whose joint value may occur once among a model's live entities."""

    id: str
    fields: Annotated[list[str], Meta(min_length=1)]


class UniqueKeys(Shape, frozen=True, kw_only=True):
    """The whole list of a model's unique keys; an empty one clears it."""

    unique_keys: list[UniqueKeyShape]


class IndexShape(Shape, frozen=True, kw_only=True):
    """Fields (`$.a.b`, or `@state` for the lifecycle state) that are indexed, each by itself."""

    id: str
    fields: Annotated[list[str], Meta(min_length=1)]


class Indexes(Shape, frozen=True, kw_only=True):
    """The whole list of a model's declared indexes; an empty one clears it."""

    indexes: list[IndexShape]


class IndexStateShape(Shape, frozen=True, kw_only=True):
    """A declared index; `progress` goes from 0 to 1. What failed is tried again."""

    id: str
    fields: list[str]
    state: Literal["building", "ready", "failed"]
    progress: Annotated[float, Meta(ge=0, le=1)]


class IndexStates(Shape, frozen=True, kw_only=True):
    """The declared indexes of a model."""

    indexes: list[IndexStateShape]


class ModelExport(Shape, frozen=True, kw_only=True):
    """A model as a map of paths to types (SIMPLE_VIEW) or a JSON Schema fragment (JSON_SCHEMA)."""

    current_state: LockState
    model: dict[str, Json]
    unique_keys: list[UniqueKeyShape] = []


@operation("List the models", answer=list[EntityModel], errors=[StorageUnavailable])
async def list_models(request: ApiRequest, platform: Platform) -> Response:
    found = await models.list_models(request.principal, platform=platform)
    return json_response(
        [
            EntityModel(
                id=model.id,
                model_name=model.name,
                model_version=model.version,
                current_state="LOCKED" if model.locked else "UNLOCKED",
                model_update_date=utc_text(model.updated_at),
                change_level="" if model.change_level is None else model.change_level.name,
            )
            for model in found
        ]
    )


@operation(
    "Create a model from a sample, or widen an unlocked one",
    query("dryRun", bool, "Store nothing, and answer what the import would change."),
    body={JSON_TYPE: Json, XML_TYPE: str},
    answer=UUID | ImportPreview,
    errors=[ModelAlreadyLocked, InvalidUniqueKeyDefinition, StorageUnavailable],
)
async def import_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_BODY)
    data_format, converter = request.values["dataFormat"], request.values["converter"]
    if request.query_boolean("dryRun"):
        before, after = await models.preview_import(
            request.principal, key, body, data_format=data_format, converter=converter, platform=platform
        )
        return json_response(_preview(before, after))
    model = await models.import_model(
        request.principal, key, body, data_format=data_format, converter=converter, platform=platform
    )
    return json_response(model.id)


@operation(
    "Export a model as SIMPLE_VIEW or JSON_SCHEMA", answer=ModelExport, errors=[ModelNotFound, StorageUnavailable]
)
async def export_model(request: ApiRequest, platform: Platform) -> Response:
    converter = request.values["converter"]
    return json_bytes(
        await models.export_model(request.principal, model_key(request), converter=converter, platform=platform)
    )


@operation(
    "Check a document against a model without storing it",
    body=Json,
    answer=ActionResult,
    errors=[ModelNotFound, StorageUnavailable],
)
async def validate_document(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNPARSABLE_BODY)
    findings = await models.validate_document(request.principal, key, body, platform=platform)
    if findings:
        message = f"Validation failed: {joined(findings)}"
        return _action_result(key, message, success=False, findings=[_finding(found) for found in findings])
    return _action_result(key, "Validation passed")


@operation(
    "Lock a model, so that entities can be created",
    answer=ActionResult,
    errors=[ModelNotFound, ModelAlreadyLocked, StorageUnavailable],
)
async def lock_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.lock_model(request.principal, key, platform=platform)
    return _action_result(key, f"Model {key} locked")


@operation(
    "Unlock a model without entities, so that it takes samples again",
    answer=ActionResult,
    errors=[ModelNotFound, ModelAlreadyUnlocked, ModelHasEntities, StorageUnavailable],
)
async def unlock_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.unlock_model(request.principal, key, platform=platform)
    return _action_result(key, f"Model {key} unlocked")


@operation(
    "Delete an unlocked model without entities",
    answer=ActionResult,
    errors=[ModelNotFound, ModelAlreadyLocked, ModelHasEntities, StorageUnavailable],
)
async def delete_model(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    await models.delete_model(request.principal, key, platform=platform)
    return _action_result(key, f"model {key} deleted")


@operation(
    "Say how far entities may widen a model: ARRAY_LENGTH, ARRAY_ELEMENTS, TYPE or STRUCTURAL",
    answer=ActionResult,
    errors=[ModelNotFound, InvalidChangeLevel, StorageUnavailable],
)
async def set_change_level(request: ApiRequest, platform: Platform) -> Response:
    key, level = model_key(request), request.values["changeLevel"]
    await models.set_change_level(request.principal, key, level, platform=platform)
    return _action_result(key, f"model {key} now at change level {level}")


@operation(
    "Declare the composite unique keys of an unlocked model",
    body=UniqueKeys,
    answer=ActionResult,
    errors=[ModelNotFound, ModelAlreadyLocked, InvalidUniqueKeyDefinition, StorageUnavailable],
)
async def set_unique_keys(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(UNIQUE_KEYS_LIMIT_BYTES, UNPARSABLE_BODY)
    await models.set_unique_keys(request.principal, key, body, platform=platform)
    return _action_result(key, f"unique keys set on model {key}")


@operation(
    "Declare the fields of a model that searches find by index",
    body=Indexes,
    answer=ActionResult,
    errors=[ModelNotFound, InvalidIndexDefinition, StorageUnavailable],
)
async def set_indexes(request: ApiRequest, platform: Platform) -> Response:
    """The list replaces the declared one, on locked models too. Indexes are built in the background and change no
    answer; each costs every write of an entity some time."""
    key = model_key(request)
    body = await request.body(UNIQUE_KEYS_LIMIT_BYTES, UNPARSABLE_BODY)
    await models.set_indexes(request.principal, key, body, platform=platform)
    return _action_result(key, f"indexes set on model {key}")


@operation(
    "Tell how far the declared indexes of a model are", answer=IndexStates, errors=[ModelNotFound, StorageUnavailable]
)
async def list_indexes(request: ApiRequest, platform: Platform) -> Response:
    found = await models.list_indexes(request.principal, model_key(request), platform=platform)
    return json_response(
        IndexStates(
            indexes=[
                IndexStateShape(id=index.id, fields=list(index.fields), state=state.state, progress=state.progress)
                for index, state in found
            ]
        )
    )


def _preview(before: Model | None, after: Model) -> ImportPreview:
    known = {} if before is None else before.field_paths
    changes = [
        FieldChange(path=path, types=display(types), before=display(known[path]) if path in known else "")
        for path, types in after.field_paths.items()
        if known.get(path) != types
    ]
    return ImportPreview(exists=before is not None, model=simple_view(after.node), changes=changes)


def _finding(problem: Problem) -> Finding:
    return Finding(path=problem.path, fault=problem.fault, expected=problem.expected, actual=problem.actual or "")


def _action_result(key: ModelKey, message: str, *, success: bool = True, findings: Sequence[Finding] = ()) -> Response:
    return json_response(
        ActionResult(
            success=success,
            message=message,
            model_id=key.id,
            model_key=ModelKeyShape(name=key.name, version=key.version),
            findings=list(findings),
        )
    )
