"""What a run of a report found: groups and rows (contract: control plane 9.5)."""

from __future__ import annotations

import base64
import binascii
from typing import cast

import msgspec

from cyoda import jsonio
from cyoda.errors import BadRequest, ReportNotFound, StorageUnavailable
from cyoda.http.operation import operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response
from cyoda.jsonio import Json
from workflows.api.hal import PAGING, HalPage, Link, Links, asked_page, hal_page
from workflows.api.reports import asked_id
from workflows.api.wire import Int64
from workflows.core.report.grouping import ReportGroup
from workflows.services import reports
from workflows.services.platform import Platform

GROUP_ROWS = "/report/{id}/group_rows/{group_json_base64}"
SUBGROUPS = "/report/{id}/{grouping_version}/groups/{parent_group_json_base64}"
"""What the dashboard looks links up by: these texts, not filled in."""
_ALPHABET = str.maketrans("-_", "+/")
PREFIX = "/platform-api/reporting"
_ERRORS = (BadRequest, ReportNotFound, StorageUnavailable)


class FieldSummary(msgspec.Struct, frozen=True):
    """Figures by function; null where no value counts."""

    values: dict[str, Json]


class GroupContent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`groupLevel` counts from 0; `isNext`: there are groups inside; `count`: entities."""

    group_level: int
    group_values: list[Json]
    group_values_json_base64: str = msgspec.field(name="groupValuesJsonBase64")
    is_next: bool
    leaf: bool
    count: Int64
    summary: dict[str, FieldSummary]


class GroupModel(msgspec.Struct, frozen=True, kw_only=True):
    content: GroupContent
    links: Links = msgspec.field(name="_links")


class Groups(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    wrapped_entity_models: list[GroupModel]


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """By column; dots of its name are underscores."""

    content: dict[str, Json]


class Rows(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    report_rows: list[ReportRow]


@operation("Groups of a run, or those inside one", *PAGING, answer=HalPage[Groups], errors=_ERRORS)
async def report_groups(request: ApiRequest, platform: Platform) -> Response:
    """Without grouping there is one, of everything; without a hierarchy all that are innermost."""
    report_id, page = asked_id(request), asked_page(request)
    parent = _values(request.values["group"]) if "group" in request.values else None
    found = await reports.report_groups(request.principal, report_id, parent, page, platform=platform)
    depth = len(found.report.plan.grouping)
    shown = [_group(request, group, depth) for group in found.groups]
    return hal_page(request, "wrappedEntityModels", shown, page, found.total)


@operation("Rows of a run, or of one of its groups", *PAGING, answer=HalPage[Rows], errors=_ERRORS)
async def report_rows(request: ApiRequest, platform: Platform) -> Response:
    """A page may be shorter where entities can no longer be read; the totals count them."""
    report_id, page = asked_id(request), asked_page(request)
    group = _values(request.values["group"]) if "group" in request.values else None
    found = await reports.report_rows(request.principal, report_id, group, page, platform=platform)
    shown = [ReportRow(content=row) for row in found.rows]
    return hal_page(request, "reportRows", shown, page, found.total)


def _group(request: ApiRequest, group: ReportGroup, depth: int) -> GroupModel:
    code, is_leaf = _code(group.values), len(group.values) == depth
    report_id = request.values["reportId"]
    links = {GROUP_ROWS: Link(request.link(f"{PREFIX}/report/{report_id}/group_rows/{code}"))}
    if not is_leaf:
        links[SUBGROUPS] = Link(request.link(f"{PREFIX}/report/{report_id}/{report_id}/groups/{code}"))
    content = GroupContent(
        group_level=max(0, len(group.values) - 1),
        group_values=group.values,
        group_values_json_base64=code,
        is_next=not is_leaf,
        leaf=is_leaf,
        count=group.count,
        summary={name: FieldSummary(values) for name, values in group.summary.items()},
    )
    return GroupModel(content=content, links=links)


def _code(values: list[Json]) -> str:
    """Of the alphabet that paths take, without padding."""
    return base64.urlsafe_b64encode(jsonio.dumps(values)).decode().rstrip("=")


def _values(code: str) -> list[Json]:
    """What `_code` gave, in either alphabet. Raises BadRequest."""
    try:
        digits = code.translate(_ALPHABET).rstrip("=")
        values = jsonio.parse(base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadRequest("the group is not the base64 of a JSON array") from error
    if not isinstance(values, list):
        raise BadRequest("the group is not the base64 of a JSON array")
    return cast("list[Json]", values)
