"""Importing, exporting and looking back at a model's workflows (contract: engine 1; versions are ours)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cyoda.errors import WorkflowNotFound, WorkflowsModified
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.core.fsm.check import Checked, check
from workflows.core.fsm.decode import ImportRequest, decode_import
from workflows.core.fsm.export import exported
from workflows.core.fsm.imports import imported
from workflows.services.models import model_not_found
from workflows.services.platform import Platform
from workflows.storage.base import Import, ModelChange, StoredModel, WorkflowVersion

Decision = Callable[[StoredModel, int], ModelChange]


async def import_workflows(
    principal: Principal, key: ModelKey, body: bytes, *, platform: Platform, seen: int | None = None
) -> int:
    """Merge, replace or activate workflows; nothing changes unless all of them are valid.

    `seen` is the version of the workflows that the change was made from. Returns the version that they are now.
    Raises BadRequest, WorkflowSchemaVersionUnsupported, ModelNotFound, ValidationFailed, WorkflowsModified.
    """
    request = decode_import(body, strict_versions=platform.limits.workflow_version_strict)
    made = Import(at=platform.clock(), mode=request.mode, actor=principal.actor)
    stored = await platform.storage.change(principal.tenant, key, _decision(key, request, made, seen))
    platform.configurations.remember(principal.tenant, key, stored)
    return stored.revision


def _decision(key: ModelKey, request: ImportRequest, made: Import, seen: int | None) -> Decision:
    def decide(stored: StoredModel, _live: int) -> ModelChange:
        if stored.model is None:
            raise model_not_found(key)
        if seen not in (None, stored.revision):
            raise WorkflowsModified(stored.revision)
        return ModelChange(model=stored.model, workflows=imported(request, stored.workflows), made=made)

    return decide


async def export_workflows(principal: Principal, key: ModelKey, *, platform: Platform) -> bytes:
    """The export document. Raises ModelNotFound, WorkflowNotFound."""
    stored = (await platform.configurations.load(principal.tenant, key)).stored
    if stored.model is None:
        raise model_not_found(key)
    if not stored.workflows:
        raise WorkflowNotFound(f"no workflows found for model {key.name}/{key.version}")
    return exported(key, stored.workflows)


async def list_versions(
    principal: Principal, key: ModelKey, *, before: int | None, limit: int, platform: Platform
) -> Sequence[WorkflowVersion]:
    """Kept versions of a model's workflows, newest first, without their documents. Raises ModelNotFound."""
    await _check_model(principal, key, platform)
    return await platform.storage.workflow_versions(principal.tenant, key, before=before, limit=limit)


async def one_version(principal: Principal, key: ModelKey, number: int, *, platform: Platform) -> WorkflowVersion:
    """Raises ModelNotFound, WorkflowNotFound."""
    await _check_model(principal, key, platform)
    found = await platform.storage.workflow_version(principal.tenant, key, number)
    if found is None:
        raise WorkflowNotFound(f"no version {number} of the workflows of model {key.name}/{key.version}")
    return found


async def _check_model(principal: Principal, key: ModelKey, platform: Platform) -> None:
    if (await platform.configurations.load(principal.tenant, key)).stored.model is None:
        raise model_not_found(key)


async def check_workflows(principal: Principal, key: ModelKey, body: bytes, *, platform: Platform) -> Checked:
    """What an import of the same body would be refused for, what is unwise in it, and what it would leave.

    Raises ModelNotFound, BadRequest (unknown import mode).
    """
    configured = await platform.configurations.load(principal.tenant, key)
    if configured.stored.model is None:
        raise model_not_found(key)
    return check(
        body,
        configured.stored.workflows,
        strict_versions=platform.limits.workflow_version_strict,
        fields=configured.fields,
        members_of=lambda tags: platform.compute.count(principal.tenant, tags),
    )
