"""An import's decision: the workflows a model has afterwards, or why not (contract: engine 1.1, checks g to j)."""

from __future__ import annotations

from collections.abc import Sequence

from cyoda.errors import ValidationFailed

from .cycles import check_cycles
from .decode import ImportRequest
from .document import stored_text, stored_workflow
from .modes import combined
from .validation import check_dispatch_flags, check_structure


def imported(request: ImportRequest, stored: Sequence[bytes]) -> tuple[bytes, ...]:
    """The stored texts after the import; the model is known to exist. Raises ValidationFailed."""
    if not request.workflows:
        if request.mode == "MERGE":
            return tuple(stored)
        raise ValidationFailed(
            "empty workflows array not allowed in REPLACE/ACTIVATE mode — use MERGE if you intended a no-op"
        )
    check_structure(request.workflows)
    result = combined(request.mode, [stored_workflow(text) for text in stored], request.workflows)
    if not request.allow_cycles:
        for workflow in result:
            check_cycles(workflow)
    for workflow in result:
        check_dispatch_flags(workflow)
    return tuple(stored_text(workflow) for workflow in result)
