"""An import's decision: the workflows a model has afterwards, or why not (contract: engine 1.1, checks g to j)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .cycles import cycle_faults
from .decode import ImportRequest
from .document import Workflow, stored_text, stored_workflow
from .issue import Issue, pointed, refuse
from .modes import combined
from .validation import WORKFLOWS, dispatch_faults, structure_faults

_NONE = "empty workflows array not allowed in REPLACE/ACTIVATE mode — use MERGE if you intended a no-op"


def imported(request: ImportRequest, stored: Sequence[bytes]) -> tuple[bytes, ...]:
    """The stored texts after the import; the model is known to exist. Raises ValidationFailed."""
    refuse(faults(request, stored))
    return tuple(stored_text(workflow) for workflow in merged(request, stored)) if request.workflows else tuple(stored)


def faults(request: ImportRequest, stored: Sequence[bytes]) -> Iterator[Issue]:
    """All that stands against an import, in the order in which it is refused."""
    if not request.workflows:
        if request.mode != "MERGE":
            yield Issue(message=_NONE, pointer=WORKFLOWS)
        return
    yield from structure_faults(request.workflows)
    result = merged(request, stored)
    pointers = {workflow.name: pointed(WORKFLOWS, index) for index, workflow in enumerate(request.workflows)}
    if not request.allow_cycles:
        for workflow in result:
            yield from cycle_faults(workflow, pointers.get(workflow.name, WORKFLOWS))
    for workflow in result:
        yield from dispatch_faults(workflow, pointers.get(workflow.name, WORKFLOWS))


def merged(request: ImportRequest, stored: Sequence[bytes]) -> tuple[Workflow, ...]:
    """All workflows of the model after the import, in their order."""
    return combined(request.mode, [stored_workflow(text) for text in stored], request.workflows)
