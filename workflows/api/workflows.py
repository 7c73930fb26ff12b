"""Workflow documents over HTTP (contract: engine 1.1)."""

from __future__ import annotations

from typing import Literal

from cyoda.errors import (
    ModelNotFound,
    StorageUnavailable,
    ValidationFailed,
    WorkflowNotFound,
    WorkflowSchemaVersionUnsupported,
)
from cyoda.http.operation import operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.wire import Shape
from workflows.core.fsm.document import Workflow
from workflows.core.fsm.versions import SUPPORTED_VERSIONS
from workflows.services import workflow_documents
from workflows.services.platform import Platform


class WorkflowImport(Shape, frozen=True, kw_only=True):
    """Workflows to merge with those of the model (MERGE), to put in their place (REPLACE), or to activate alone."""

    workflows: list[Workflow]
    import_mode: Literal["MERGE", "REPLACE", "ACTIVATE"] = "MERGE"
    allow_cycles: bool = False


class WorkflowExport(Shape, frozen=True, kw_only=True):
    """The workflows of a model, in the order of their import."""

    entity_name: str
    model_version: int
    workflows: list[Workflow]


class SchemaMajor(Shape, frozen=True, kw_only=True):
    major: int
    min_minor: int
    max_minor: int


class SchemaVersions(Shape, frozen=True, kw_only=True):
    current: str
    supported: list[SchemaMajor]


class Imported(Shape, frozen=True, kw_only=True):
    success: bool


@operation(
    "Import workflows of a model",
    body=WorkflowImport,
    answer=Imported,
    errors=[ModelNotFound, ValidationFailed, WorkflowSchemaVersionUnsupported, StorageUnavailable],
)
async def import_workflows(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    await workflow_documents.import_workflows(request.principal, key, body, platform=platform)
    return json_response(Imported(success=True))


@operation(
    "Export the workflows of a model",
    answer=WorkflowExport,
    errors=[ModelNotFound, WorkflowNotFound, StorageUnavailable],
)
async def export_workflows(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    return json_bytes(await workflow_documents.export_workflows(request.principal, key, platform=platform))


@operation("Tell which workflow schema versions can be imported", answer=SchemaVersions)
async def schema_versions(_: ApiRequest) -> Response:
    return json_response(SUPPORTED_VERSIONS)
