"""Importing and exporting a model's workflows (contract: engine 1)."""

from __future__ import annotations

from cyoda.errors import WorkflowNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.export import exported
from workflows.core.fsm.imports import imported
from workflows.services.models import model_not_found
from workflows.services.platform import Platform
from workflows.storage.base import ModelChange, StoredModel


async def import_workflows(principal: Principal, key: ModelKey, body: bytes, *, platform: Platform) -> None:
    """Merge, replace or activate workflows; nothing changes unless all of them are valid.

    Raises BadRequest, WorkflowSchemaVersionUnsupported, ModelNotFound, ValidationFailed.
    """
    request = decode_import(body, strict_versions=platform.limits.workflow_version_strict)

    def decide(stored: StoredModel, _live: int) -> ModelChange:
        if stored.model is None:
            raise model_not_found(key)
        return ModelChange(model=stored.model, workflows=imported(request, stored.workflows))

    stored = await platform.storage.change(principal.tenant, key, decide)
    platform.configurations.remember(principal.tenant, key, stored)


async def export_workflows(principal: Principal, key: ModelKey, *, platform: Platform) -> bytes:
    """The export document. Raises ModelNotFound, WorkflowNotFound."""
    stored = (await platform.configurations.load(principal.tenant, key)).stored
    if stored.model is None:
        raise model_not_found(key)
    if not stored.workflows:
        raise WorkflowNotFound(f"no workflows found for model {key.name}/{key.version}")
    return exported(key, stored.workflows)
