"""Why entities are where they are, and what a workflow would do (ours, beyond the contract)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from cyoda.errors import (
    BadRequest,
    EntityNotFound,
    IncompatibleType,
    InvalidUniqueKey,
    ModelNotFound,
    PolymorphicSlot,
    StorageUnavailable,
    ValidationFailed,
    WorkflowSchemaVersionUnsupported,
)
from cyoda.http.operation import operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.api.wire import Shape
from workflows.core.fsm.document import Workflow
from workflows.core.fsm.explain import Explanation
from workflows.services import explaining, simulating
from workflows.services.platform import Platform
from workflows.services.simulation import GivenAnswers, Sample, Simulation


class SimulationRequest(Shape, frozen=True, kw_only=True):
    """A sample entity, and where its run starts.

    Without `workflows` those of the model are used; without `state` the sample is created; `transition` needs a
    `state`. `members` gives the answers of processors, criteria and functions by name, or is `live`: connected members
    are asked then, outside of any transaction.
    """

    entity: Annotated[Any, Meta(description="The document of the sample.")]
    workflows: list[Workflow] | UnsetType = UNSET
    allow_cycles: bool = False
    state: str = ""
    transition: str = ""
    members: GivenAnswers | Literal["live"] | UnsetType = UNSET


class _Sent(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A simulation request with its documents left as text."""

    entity: Raw
    workflows: Raw | UnsetType = UNSET
    allow_cycles: bool = False
    state: str = ""
    transition: str = ""
    members: GivenAnswers | Literal["live"] | UnsetType = UNSET


_decoder = msgspec.json.Decoder(_Sent)


@operation(
    "Explain why an entity is in its state and what would make it move",
    answer=Explanation,
    errors=[EntityNotFound, StorageUnavailable],
)
async def explain_entity(request: ApiRequest, platform: Platform) -> Response:
    entity_id = request.path_uuid("entityId")
    return json_response(await explaining.explain_entity(request.principal, entity_id, platform=platform))


@operation(
    "Simulate workflows on a sample entity; nothing is saved",
    body=SimulationRequest,
    answer=Simulation,
    errors=[
        BadRequest, ModelNotFound, ValidationFailed, WorkflowSchemaVersionUnsupported, IncompatibleType,
        PolymorphicSlot, InvalidUniqueKey, StorageUnavailable,
    ],
)  # fmt: skip
async def simulate_workflow(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    return json_response(await simulating.simulate(request.principal, key, _sample(body), platform=platform))


def _sample(body: bytes) -> Sample:
    """Raises BadRequest."""
    try:
        sent = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"invalid JSON: {error}") from None
    answers = GivenAnswers() if sent.members is UNSET else None if sent.members == "live" else sent.members
    return Sample(
        entity=bytes(sent.entity),
        workflows=None if sent.workflows is UNSET else bytes(sent.workflows),
        allow_cycles=sent.allow_cycles,
        state=sent.state,
        transition=sent.transition,
        answers=answers,
    )
