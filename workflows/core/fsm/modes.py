"""How an import combines with what is stored (contract: engine 1.2). Order matters: it decides selection."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from .decode import ImportMode
from .document import Workflow


def combined(mode: ImportMode, stored: Sequence[Workflow], incoming: Sequence[Workflow]) -> tuple[Workflow, ...]:
    """The resulting list, in order. Names in `incoming` are unique."""
    named = {workflow.name: workflow for workflow in incoming}
    if mode == "REPLACE":
        return tuple(incoming)
    if mode == "ACTIVATE":
        retired = [replace(workflow, active=False) for workflow in stored if workflow.name not in named]
        return (*retired, *incoming)
    kept = [named.get(workflow.name, workflow) for workflow in stored]
    known = {workflow.name for workflow in stored}
    return (*kept, *(workflow for workflow in incoming if workflow.name not in known))
