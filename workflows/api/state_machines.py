"""Workflows over HTTP as older clients import them at their start (contract: control plane 7.1, 9.4)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import msgspec

from cyoda.errors import BadRequest, ModelNotFound, StorageUnavailable, ValidationFailed, WorkflowNotFound
from cyoda.http.operation import operation, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY
from workflows.api.wire import Int64, Json, Shape
from workflows.api.workflows import Imported
from workflows.core.fsm.state_machine import StateMachine, model_of_class
from workflows.services import state_machines
from workflows.services.platform import Platform
from workflows.services.state_machines import ListedWorkflow


class WorkflowShape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`creationDate` is when the model was imported last, in milliseconds since 1970."""

    id: UUID
    name: str
    entity_class_name: str
    active: bool
    persisted: Literal[True] = True
    creation_date: Int64
    description: str
    criteria_ids: list[str] = []
    use_decision_tree: Literal[False] = False
    decision_trees: list[Json] = []
    owner: str
    meta_data: dict[str, Json] = {}


class WorkflowSwitch(Shape, frozen=True, kw_only=True):
    """An entry of the list as it was read; `active` is what may be changed."""

    active: bool


@operation(
    "List the workflows of all models (older clients)",
    query("entityClassName", str, "Only those of this model, `Name.Version`."),
    answer=list[WorkflowShape],
    errors=[StorageUnavailable],
    deprecated=True,
)
async def list_state_machines(request: ApiRequest, platform: Platform) -> Response:
    class_name = request.query_text("entityClassName")
    key = model_of_class(class_name)
    if class_name and key is None:
        return json_response(list[WorkflowShape]())
    found = await state_machines.list_workflows(request.principal, platform=platform, key=key)
    return json_response([_shown(each, request.principal.tenant) for each in found])


@operation(
    "Have a workflow used, or no more (older clients)",
    body=WorkflowSwitch,
    answer=WorkflowShape,
    errors=[BadRequest, WorkflowNotFound, StorageUnavailable],
    deprecated=True,
)
async def switch_state_machine(request: ApiRequest, platform: Platform) -> Response:
    workflow_id = request.path_uuid("workflowId")
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    try:
        sent = msgspec.json.decode(body, type=WorkflowSwitch)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"invalid JSON: {error}") from error
    switched = await state_machines.switch_workflow(
        request.principal, workflow_id, active=sent.active, platform=platform
    )
    return json_response(_shown(switched, request.principal.tenant))


@operation(
    "Import workflows of the older form (older clients)",
    query("needRewrite", bool, "Workflows that exist are replaced; they stay as they are unless given."),
    body=StateMachine,
    answer=Imported,
    errors=[BadRequest, ModelNotFound, ValidationFailed, StorageUnavailable],
    deprecated=True,
)
async def import_state_machine(request: ApiRequest, platform: Platform) -> Response:
    rewrite = request.query_boolean("needRewrite")
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    await state_machines.import_state_machine(request.principal, body, rewrite=rewrite, platform=platform)
    return json_response(Imported(success=True))


def _shown(listed: ListedWorkflow, tenant: str) -> WorkflowShape:
    return WorkflowShape(
        id=listed.id,
        name=listed.workflow.name,
        entity_class_name=f"{listed.key.name}.{listed.key.version}",
        active=listed.workflow.active,
        creation_date=int(listed.updated_at.timestamp() * 1000),
        description=listed.workflow.desc,
        owner=tenant,
    )
