"""Report definitions over HTTP (contract: control plane 9.5)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cyoda.clock import utc_text
from cyoda.errors import (
    BadRequest,
    ReportDefinitionExists,
    ReportDefinitionInUse,
    ReportDefinitionNotFound,
    StorageUnavailable,
)
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import UNREADABLE_REQUEST_BODY
from workflows.api.hal import PAGING, HalPage, Links, asked_page, hal_page, members, self_link, sliced
from workflows.api.wire import Json, Moment
from workflows.core.report.definition import definition_object, text_of
from workflows.core.report.plan import ReportDefinition
from workflows.services import report_definitions
from workflows.services.platform import Platform

BODY_LIMIT_BYTES = 1024 * 1024
_CLASS = "requestClass"


class DefinitionFields(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those that were asked for; `type` is the model."""

    id: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    creation_date: Moment | UnsetType = UNSET


class DefinitionView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    grid_config_fields: DefinitionFields


class Definitions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    grid_config_fields_views: list[DefinitionView]


class SentDefinition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Kept as it is sent, also members that are not listed here.

    Columns are names (`$.a.b`, `a.b`, or a lifecycle field such as `state`), bare or as the `name` of an object. An
    entry of `sorting` may have `reverse`; one of `summary` has some of MAX, MIN, COUNT, COUNT_UNIQUE, SUM, AVG.
    """

    request_class: str | UnsetType = UNSET
    description: Json | UnsetType = UNSET
    columns: Json | UnsetType = UNSET
    sorting: Json | UnsetType = UNSET
    grouping: Json | UnsetType = UNSET
    summary: Json | UnsetType = UNSET
    condition: Json | UnsetType = UNSET


class DefinitionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: Json
    links: Links = msgspec.field(name="_links")


class IdAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: str


class IdsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    content: list[str]


class ExportedValue(msgspec.Struct, frozen=True, kw_only=True):
    value: list[Json]


class DefinitionFile(msgspec.Struct, frozen=True, kw_only=True):
    """Definitions, each with its `id`."""

    data: ExportedValue


@operation(
    "List report definitions",
    query("fields", list[str], "Members of an entry; all unless given. Repeatable."),
    *PAGING,
    answer=HalPage[Definitions],
    errors=[StorageUnavailable],
)
async def list_report_definitions(request: ApiRequest, platform: Platform) -> Response:
    page = asked_page(request)
    found = await report_definitions.list_definitions(request.principal, platform=platform)
    shown = [{"gridConfigFields": members(request, _fields(each))} for each in sliced(found, page)]
    return hal_page(request, "gridConfigFieldsViews", shown, page, len(found))


@operation("Read a report definition", answer=DefinitionAnswer, errors=[ReportDefinitionNotFound, StorageUnavailable])
async def get_report_definition(request: ApiRequest, platform: Platform) -> Response:
    name = request.values["definitionId"]
    found = await report_definitions.get_definition(request.principal, name, platform=platform)
    return json_response({"content": msgspec.Raw(found.document), "_links": self_link(request)})


@operation(
    "Store a report definition under a new name; answers its id",
    query("name", Annotated[str, Meta(min_length=1)], required=True),
    body=SentDefinition,
    answer=IdAnswer,
    errors=[BadRequest, ReportDefinitionExists, StorageUnavailable],
)
async def create_report_definition(request: ApiRequest, platform: Platform) -> Response:
    """The id is `CYODA-<model>-<name>`."""
    name, body = request.required_text("name"), await _body(request)
    created = await report_definitions.create_definition(request.principal, name, body, platform=platform)
    return json_response(IdAnswer(content=created))


@operation(
    "Replace a report definition that has no executions",
    body=SentDefinition,
    answer=IdAnswer,
    errors=[BadRequest, ReportDefinitionNotFound, ReportDefinitionInUse, StorageUnavailable],
)
async def replace_report_definition(request: ApiRequest, platform: Platform) -> Response:
    name, body = request.values["definitionId"], await _body(request)
    await report_definitions.replace_definition(request.principal, name, body, platform=platform)
    return json_response(IdAnswer(content=name))


@operation(
    "Delete a report definition, or its executions",
    query("cascade", bool, "Delete its executions too; without, there must be none."),
    query("mode", Literal["reports"], "Delete its executions only."),
    answer=IdAnswer,
    errors=[BadRequest, ReportDefinitionNotFound, ReportDefinitionInUse, StorageUnavailable],
)
async def delete_report_definition(request: ApiRequest, platform: Platform) -> Response:
    name, cascade = request.values["definitionId"], request.query_boolean("cascade")
    mode = request.query_text("mode")
    if mode == "reports":
        await report_definitions.delete_runs(request.principal, name, platform=platform)
    elif mode is not None:
        raise BadRequest("mode must be reports")
    else:
        await report_definitions.delete_definition(request.principal, name, with_runs=cascade, platform=platform)
    return json_response(IdAnswer(content=name))


@operation(
    "Export report definitions",
    query("includeIds", list[str], "Ids, joined by commas or repeated.", required=True),
    answer=DefinitionFile,
    errors=[ReportDefinitionNotFound, StorageUnavailable],
)
async def export_report_definitions(request: ApiRequest, platform: Platform) -> Response:
    ids = [name for text in request.query_list("includeIds") or () for name in text.split(",") if name]
    found = await report_definitions.export_definitions(request.principal, ids, platform=platform)
    return json_response({"data": {"value": found}})


@operation(
    "Import an exported file, in the place of definitions that exist",
    body=DefinitionFile,
    answer=IdsAnswer,
    errors=[BadRequest, ReportDefinitionInUse, StorageUnavailable],
)
async def import_report_definitions(request: ApiRequest, platform: Platform) -> Response:
    """All or none is stored; a definition with executions is not replaced."""
    imported = await report_definitions.import_definitions(request.principal, await _body(request), platform=platform)
    return json_response(IdsAnswer(content=list(imported)))


async def _body(request: ApiRequest) -> bytes:
    return await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)


def _fields(stored: ReportDefinition) -> dict[str, object]:
    definition = definition_object(stored.document)
    return {
        "id": stored.id,
        "description": text_of(definition, "description"),
        "type": text_of(definition, _CLASS),
        "userId": stored.owner.id,
        "creationDate": utc_text(stored.created_at),
    }
