"""Workflows of all models as older clients list, switch and import them (contract: control plane 7.1, 9.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from cyoda.errors import WorkflowNotFound
from cyoda.jsonio import dumps
from cyoda.principal import Principal
from workflows.core.entity import ModelKey
from workflows.core.fsm.decode import ImportRequest, decode_import
from workflows.core.fsm.document import Workflow, stored_text, stored_workflow
from workflows.core.fsm.imports import imported
from workflows.core.fsm.state_machine import Translated, translated
from workflows.services.models import model_not_found
from workflows.services.platform import Platform
from workflows.storage.base import Import, ModelChange, StoredModel


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedWorkflow:
    """One workflow of one model. Its id is of the model and the name, so it outlives imports."""

    key: ModelKey
    workflow: Workflow
    updated_at: datetime

    @property
    def id(self) -> UUID:
        return uuid5(self.key.id, self.workflow.name)


async def list_workflows(
    principal: Principal, *, platform: Platform, key: ModelKey | None = None
) -> Sequence[ListedWorkflow]:
    """Of all models by name and version, or of one; none of an unknown model."""
    found: list[ListedWorkflow] = []
    for model in await platform.storage.models(principal.tenant):
        if key is not None and model.key != key:
            continue
        stored = (await platform.configurations.load(principal.tenant, model.key)).stored
        found += [
            ListedWorkflow(key=model.key, workflow=stored_workflow(text), updated_at=model.updated_at)
            for text in stored.workflows
        ]
    return found


async def switch_workflow(
    principal: Principal, workflow_id: UUID, *, active: bool, platform: Platform
) -> ListedWorkflow:
    """Have a workflow used, or no more. Raises WorkflowNotFound."""
    listed = await list_workflows(principal, platform=platform)
    found = next((each for each in listed if each.id == workflow_id), None)
    if found is None:
        raise _not_found(workflow_id)
    switched = msgspec.structs.replace(found.workflow, active=active)

    def decide(stored: StoredModel, _live: int) -> ModelChange:
        texts = list(stored.workflows)
        for position, text in enumerate(texts):
            workflow = stored_workflow(text)
            if workflow.name == found.workflow.name:
                texts[position] = stored_text(msgspec.structs.replace(workflow, active=active))
                made = Import(at=platform.clock(), mode="SWITCH", actor=principal.actor)
                return ModelChange(model=stored.model, workflows=tuple(texts), made=made)
        raise _not_found(workflow_id)

    stored = await platform.storage.change(principal.tenant, found.key, decide)
    platform.configurations.remember(principal.tenant, found.key, stored)
    return ListedWorkflow(key=found.key, workflow=switched, updated_at=found.updated_at)


async def import_state_machine(principal: Principal, body: bytes, *, rewrite: bool, platform: Platform) -> None:
    """Merge the workflows of a document into their models; without `rewrite`, those that exist stay as they are.

    Everything is judged before anything is stored; then models are changed one after another.
    Raises BadRequest, ModelNotFound, ValidationFailed.
    """
    made = Import(at=platform.clock(), mode="MERGE", actor=principal.actor)
    requests = {key: _request(of_model) for key, of_model in _by_model(translated(body)).items()}
    for key, request in requests.items():
        stored = (await platform.configurations.load(principal.tenant, key)).stored
        _decider(key, request, made, rewrite=rewrite)(stored, 0)
    for key, request in requests.items():
        stored = await platform.storage.change(principal.tenant, key, _decider(key, request, made, rewrite=rewrite))
        platform.configurations.remember(principal.tenant, key, stored)


def _by_model(found: Sequence[Translated]) -> dict[ModelKey, list[Translated]]:
    by_model: dict[ModelKey, list[Translated]] = {}
    for each in found:
        by_model.setdefault(each.key, []).append(each)
    return by_model


def _request(found: Sequence[Translated]) -> ImportRequest:
    """Through the decoder of imports, so that both ways in are judged alike."""
    return decode_import(dumps({"importMode": "MERGE", "workflows": [each.document for each in found]}))


def _decider(
    key: ModelKey, request: ImportRequest, made: Import, *, rewrite: bool
) -> Callable[[StoredModel, int], ModelChange]:
    """Raises, when asked, ModelNotFound and ValidationFailed."""

    def decide(stored: StoredModel, _live: int) -> ModelChange:
        if stored.model is None:
            raise model_not_found(key)
        kept = {stored_workflow(text).name for text in stored.workflows} if not rewrite else set[str]()
        new = tuple(workflow for workflow in request.workflows if workflow.name not in kept)
        merged = imported(msgspec.structs.replace(request, workflows=new), stored.workflows)
        return ModelChange(model=stored.model, workflows=merged, made=made)

    return decide


def _not_found(workflow_id: UUID) -> WorkflowNotFound:
    return WorkflowNotFound(f"workflow id={workflow_id} not found")
