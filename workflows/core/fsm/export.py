"""The export document (contract: engine 1.1, 1.4): stored texts verbatim, so exporting is byte-stable."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cyoda.errors import WorkflowNotFound
from cyoda.jsonio import dumps
from workflows.core.entity import ModelKey


def exported(model: ModelKey, workflows: Sequence[bytes]) -> bytes:
    """The JSON text of an export. Raises WorkflowNotFound for a model without workflows."""
    if not workflows:
        raise WorkflowNotFound(f"no workflows found for model {model.name}/{model.version}")
    return dumps(
        {
            "entityName": model.name,
            "modelVersion": model.version,
            "workflows": [msgspec.Raw(text) for text in workflows],
        }
    )
