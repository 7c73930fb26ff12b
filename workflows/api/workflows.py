"""Workflow documents over HTTP (contract: engine 1.1), with checks and kept versions (ours)."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cyoda.clock import utc_text
from cyoda.errors import (
    BadRequest,
    InvalidParameter,
    ModelNotFound,
    StorageUnavailable,
    ValidationFailed,
    WorkflowNotFound,
    WorkflowSchemaVersionUnsupported,
    WorkflowsModified,
)
from cyoda.http.operation import header, operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.wire import Shape
from workflows.core.fsm.document import Workflow
from workflows.core.fsm.issue import Issue
from workflows.core.fsm.versions import SUPPORTED_VERSIONS
from workflows.services import workflow_documents
from workflows.services.platform import Platform
from workflows.storage.base import WorkflowVersion


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


class CheckedImport(Shape, frozen=True, kw_only=True):
    """`workflows` are those of the model as the import would leave them; without them it would be refused."""

    valid: bool
    issues: tuple[Issue, ...]
    workflows: list[Workflow] | UnsetType = UNSET


class Importer(Shape, frozen=True, kw_only=True):
    id: str
    kind: str


class ListedVersion(Shape, frozen=True, kw_only=True):
    """What one import left: `workflows` are their names. Without `importedBy` it is older than versions are."""

    version: int
    imported_at: str
    import_mode: str
    workflows: tuple[str, ...]
    imported_by: Importer | UnsetType = UNSET


class Versions(Shape, frozen=True, kw_only=True):
    """Newest first; `before` continues with older ones."""

    versions: tuple[ListedVersion, ...]
    before: int | UnsetType = UNSET


class KeptVersion(Shape, frozen=True, kw_only=True):
    """All workflows of the model as one import left them."""

    entity_name: str
    model_version: int
    version: int
    imported_at: str
    import_mode: str
    workflows: Annotated[Any, Meta(description="As an export shows them.")]
    imported_by: Importer | UnsetType = UNSET


_IF_MATCH = header("If-Match", str, "The version of the workflows that the change was made from.")
_LIMIT, MAX_LIMIT = 50, 1000
_NUMBER = re.compile(r'"?([0-9]{1,9})"?')


@operation(
    "Import workflows of a model",
    _IF_MATCH,
    body=WorkflowImport,
    answer=Imported,
    errors=[
        ModelNotFound, ValidationFailed, WorkflowSchemaVersionUnsupported, WorkflowsModified, StorageUnavailable,
    ],
)  # fmt: skip
async def import_workflows(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    seen = _seen(request.single_header(b"if-match"))
    version = await workflow_documents.import_workflows(request.principal, key, body, platform=platform, seen=seen)
    return json_response(Imported(success=True), headers=((b"etag", b'"%d"' % version),))


def _seen(text: str | None) -> int | None:
    """`*` and an empty header are no condition. Raises BadRequest."""
    if text in (None, "", "*"):
        return None
    number = _NUMBER.fullmatch(text or "")
    if number is None:
        raise BadRequest("If-Match must be a version of the workflows")
    return int(number[1])


@operation(
    "Check workflows before they are imported; nothing is saved",
    body=WorkflowImport,
    answer=CheckedImport,
    errors=[BadRequest, ModelNotFound, StorageUnavailable],
)
async def check_workflows(request: ApiRequest, platform: Platform) -> Response:
    """The body is that of an import. Errors are what an import refuses; warnings and the rest are not in its way."""
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    checked = await workflow_documents.check_workflows(request.principal, key, body, platform=platform)
    answer: dict[str, Any] = {"valid": checked.workflows is not None, "issues": checked.issues}
    if checked.workflows is not None:
        answer["workflows"] = [msgspec.Raw(text) for text in checked.workflows]
    return json_response(answer)


@operation(
    "List the kept versions of a model's workflows",
    query("before", Annotated[int, Meta(ge=1)], "Older than this version."),
    query("limit", Annotated[int, Meta(ge=1, le=MAX_LIMIT)], "50 unless given."),
    answer=Versions,
    errors=[ModelNotFound, StorageUnavailable],
)
async def list_versions(request: ApiRequest, platform: Platform) -> Response:
    key, limit = model_key(request), request.query_int32("limit", _LIMIT)
    before = request.query_int32("before", 2**31 - 1)
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidParameter("limit")
    found = await workflow_documents.list_versions(
        request.principal, key, before=before, limit=limit, platform=platform
    )  # fmt: skip
    versions = tuple(ListedVersion(workflows=version.names, **_made(version)) for version in found)
    is_full = len(found) == limit and found[-1].number > 1
    return json_response(Versions(versions=versions, before=found[-1].number if is_full else UNSET))


@operation(
    "Show a kept version of a model's workflows",
    answer=KeptVersion,
    errors=[ModelNotFound, WorkflowNotFound, StorageUnavailable],
)
async def get_version(request: ApiRequest, platform: Platform) -> Response:
    key, number = model_key(request), request.path_int32("number")
    found = await workflow_documents.one_version(request.principal, key, number, platform=platform)
    texts = [msgspec.Raw(text) for text in found.workflows]
    shown = KeptVersion(entity_name=key.name, model_version=key.version, workflows=texts, **_made(found))
    return json_response(shown)


def _made(version: WorkflowVersion) -> dict[str, Any]:
    actor = version.made.actor
    return {
        "version": version.number,
        "imported_at": utc_text(version.made.at),
        "import_mode": version.made.mode,
        "imported_by": UNSET if actor is None else Importer(id=actor.id, kind=actor.kind),
    }


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
