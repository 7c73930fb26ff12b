"""All that can be said about an import request before it is made: errors, warnings, and what it would leave (ours)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import msgspec

from cyoda import jsonio
from cyoda.errors import WorkflowSchemaVersionUnsupported
from cyoda.jsonio import Json
from workflows.core.predicates.paths import FieldTypes

from .advice import MembersOf, advice, selection_advice
from .criterion_advice import criteria_advice
from .decode import ImportRequest, read_import
from .document import stored_text
from .imports import faults, merged
from .issue import Issue, pointed
from .shape import shape_faults
from .validation import WORKFLOWS
from .versions import check_version


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`workflows` are the texts that the model would have after the import; None when it would be refused."""

    issues: tuple[Issue, ...]
    workflows: tuple[bytes, ...] | None


def check(
    body: bytes, stored: Sequence[bytes], *, strict_versions: bool, fields: FieldTypes, members_of: MembersOf
) -> Checked:
    """Errors first, as an import finds them. Raises BadRequest for an unknown import mode."""
    try:
        value = jsonio.parse(body)
    except jsonio.InvalidJson as error:
        return Checked(issues=(Issue(message=f"this is no JSON: {error}", pointer="", code="JSON"),), workflows=None)
    if issues := tuple(shape_faults(value)):
        return Checked(issues=issues, workflows=None)
    request = read_import(body)
    errors = (*_version_faults(value, strict=strict_versions), *faults(request, stored))
    hints = tuple(_advice(request, stored, fields, members_of))
    if errors:
        return Checked(issues=(*errors, *hints), workflows=None)
    texts = tuple(stored_text(workflow) for workflow in merged(request, stored)) if request.workflows else tuple(stored)
    return Checked(issues=hints, workflows=texts)


def _version_faults(value: Json, *, strict: bool) -> Iterator[Issue]:
    sent = cast("Mapping[str, list[Mapping[str, str]] | None]", value or {}).get("workflows")
    for index, workflow in enumerate(sent or ()):
        try:
            check_version(workflow.get("name") or "", workflow.get("version") or "", strict=strict)
        except WorkflowSchemaVersionUnsupported as error:
            yield Issue(message=error.message, pointer=pointed(WORKFLOWS, index, "version"), code="VERSION")


def _advice(
    request: ImportRequest, stored: Sequence[bytes], fields: FieldTypes, members_of: MembersOf
) -> Iterator[Issue]:
    """Warnings before mere facts."""
    pointers = {workflow.name: pointed(WORKFLOWS, index) for index, workflow in enumerate(request.workflows)}
    found = list(selection_advice(merged(request, stored), pointers))
    for index, workflow in enumerate(request.workflows):
        pointer = pointed(WORKFLOWS, index)
        found += advice(workflow, pointer, members_of)
        found += criteria_advice(workflow, pointer, fields, members_of)
    yield from sorted(found, key=lambda issue: issue.severity != "WARNING")
