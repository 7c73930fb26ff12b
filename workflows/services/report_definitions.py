"""Report definitions: kept as they were sent, under names (contract: control plane 9.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast

from cyoda import jsonio
from cyoda.errors import BadRequest, ReportDefinitionExists, ReportDefinitionInUse, ReportDefinitionNotFound
from cyoda.jsonio import Json
from cyoda.principal import Principal
from workflows.core.entity import Document
from workflows.core.report.definition import definition_object, text_of
from workflows.core.report.plan import ReportDefinition
from workflows.services.platform import Platform
from workflows.storage.base import DefinitionChanges, ReportFilter, StoredDefinition

MAX_IMPORTED = 1000
"""Definitions of one import."""
_NAME = re.compile(r"[^\x00-\x1f\x7f,]{1,200}")
_BATCH = 100

Stored = Mapping[str, StoredDefinition]


async def list_definitions(principal: Principal, *, platform: Platform) -> Sequence[ReportDefinition]:
    """All of the tenant's, by id."""
    return await platform.storage.report_definitions(principal.tenant)


async def get_definition(principal: Principal, definition_id: str, *, platform: Platform) -> ReportDefinition:
    """Raises ReportDefinitionNotFound."""
    _require_possible(definition_id)
    found = await platform.storage.report_definitions(principal.tenant, [definition_id])
    if not found:
        raise ReportDefinitionNotFound(definition_id)
    return found[0]


async def create_definition(principal: Principal, name: str, body: bytes, *, platform: Platform) -> str:
    """Store a definition under a new name; returns its id. Raises BadRequest, ReportDefinitionExists."""
    kind = text_of(definition_object(body), "requestClass").replace("-", "_") or "Report"
    new = _new(principal, _checked(f"CYODA-{kind}-{name}"), body, platform)

    def decide(stored: Stored) -> DefinitionChanges:
        if stored:
            raise ReportDefinitionExists(new.id)
        return {new.id: new}

    await platform.storage.change_report_definitions(principal.tenant, [new.id], decide)
    return new.id


async def replace_definition(principal: Principal, definition_id: str, body: bytes, *, platform: Platform) -> None:
    """Raises BadRequest, ReportDefinitionNotFound, ReportDefinitionInUse (there are executions)."""
    _require_possible(definition_id)
    definition_object(body)
    new = _new(principal, definition_id, body, platform)

    def decide(stored: Stored) -> DefinitionChanges:
        if definition_id not in stored:
            raise ReportDefinitionNotFound(definition_id)
        return {definition_id: _successor(new, stored)}

    await platform.storage.change_report_definitions(principal.tenant, [definition_id], decide)


async def delete_definition(principal: Principal, definition_id: str, *, with_runs: bool, platform: Platform) -> None:
    """Remove a definition, and `with_runs` its executions first.

    Raises ReportDefinitionNotFound, ReportDefinitionInUse (there are executions that are to stay).
    """
    _require_possible(definition_id)
    if with_runs:
        await delete_runs(principal, definition_id, platform=platform)

    def decide(stored: Stored) -> DefinitionChanges:
        if definition_id not in stored:
            raise ReportDefinitionNotFound(definition_id)
        _require_unused(stored[definition_id])
        return {definition_id: None}

    await platform.storage.change_report_definitions(principal.tenant, [definition_id], decide)


async def delete_runs(principal: Principal, definition_id: str, *, platform: Platform) -> None:
    """Remove all executions of a definition, running ones too. Raises ReportDefinitionNotFound."""
    await get_definition(principal, definition_id, platform=platform)
    wanted = ReportFilter(definition_id=definition_id, limit=_BATCH)
    while found := (await platform.storage.reports(principal.tenant, wanted)).jobs:
        for job in found:
            await platform.storage.remove_search_job(principal.tenant, job.id)


async def export_definitions(principal: Principal, ids: Sequence[str], *, platform: Platform) -> Sequence[Json]:
    """The definitions, each with its `id`. Raises ReportDefinitionNotFound."""
    for definition_id in ids:
        _require_possible(definition_id)
    found = await platform.storage.report_definitions(principal.tenant, ids)
    missing = set(ids) - {each.id for each in found}
    if missing:
        raise ReportDefinitionNotFound(min(missing))
    return [{**definition_object(each.document), "id": each.id} for each in found]


async def import_definitions(principal: Principal, body: bytes, *, platform: Platform) -> Sequence[str]:
    """Store the definitions of an exported file, all or none, in the place of those that there are; returns their ids.

    Raises BadRequest, ReportDefinitionInUse.
    """
    new = {each.id: each for each in (_imported(principal, item, platform) for item in _items(body))}

    def decide(stored: Stored) -> DefinitionChanges:
        return {name: _successor(each, stored) for name, each in new.items()}

    await platform.storage.change_report_definitions(principal.tenant, list(new), decide)
    return list(new)


def _items(body: bytes) -> list[Json]:
    """Of `{"data": {"value": […]}}`, or of `{"data": […]}`. Raises BadRequest."""
    data = definition_object(body).get("data")
    value = cast("dict[str, Json]", data).get("value") if isinstance(data, dict) else data
    if not isinstance(value, list):
        raise BadRequest("an import is an object with the definitions at data.value")
    items = cast("list[Json]", value)
    if len(items) > MAX_IMPORTED:
        raise BadRequest(f"an import has no more than {MAX_IMPORTED} definitions")
    return items


def _imported(principal: Principal, item: Json, platform: Platform) -> ReportDefinition:
    text = jsonio.dumps(item)
    definition_id = text_of(definition_object(text), "id")
    if not definition_id:
        raise BadRequest("each definition of an import needs an id")
    return _new(principal, _checked(definition_id), text, platform)


def _new(principal: Principal, definition_id: str, body: bytes, platform: Platform) -> ReportDefinition:
    """With the compact text of the body, which is an object."""
    return ReportDefinition(
        id=definition_id,
        document=Document.from_text(body).text,
        owner=principal.actor,
        created_at=platform.clock(),
    )


def _successor(new: ReportDefinition, stored: Stored) -> ReportDefinition:
    """`new` with the origin of the one that it replaces. Raises ReportDefinitionInUse."""
    if new.id not in stored:
        return new
    _require_unused(stored[new.id])
    old = stored[new.id].definition
    return ReportDefinition(id=new.id, document=new.document, owner=old.owner, created_at=old.created_at)


def _require_unused(stored: StoredDefinition) -> None:
    if stored.runs:
        raise ReportDefinitionInUse(stored.definition.id, stored.runs)


def _require_possible(definition_id: str) -> None:
    """Not every backend can be asked for any text. Raises ReportDefinitionNotFound."""
    if not _NAME.fullmatch(definition_id):
        raise ReportDefinitionNotFound(definition_id)


def _checked(definition_id: str) -> str:
    if not _NAME.fullmatch(definition_id):
        raise BadRequest("the name of a report has 1 to 200 characters, no comma and no control character")
    return definition_id
