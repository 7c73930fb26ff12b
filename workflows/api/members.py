"""Calculation members over HTTP: our own addition (contract: grpc 11.9)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from cyoda.clock import utc_text
from cyoda.errors import StorageUnavailable
from cyoda.http.operation import operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.wire import ModelKeyShape, Moment, Shape
from workflows.compute.members import Member
from workflows.services import members
from workflows.services.members import Requirement, Use
from workflows.services.platform import Platform


class MemberView(Shape, frozen=True, kw_only=True):
    """One member. Of those of other nodes only `id`, `state`, `node` and `tags` are told.

    Durations are of the last 512 callouts that it ended; `outcomes` counts them by how they ended.
    """

    id: UUID
    state: Literal["online", "leaving", "lost"]
    node: str
    tags: list[str]
    client_id: str = ""
    agent: str = ""
    connected_at: Moment = ""
    last_seen: Moment = ""
    in_flight: int = 0
    outcomes: dict[str, int] = {}
    p50_millis: float | None = None
    p95_millis: float | None = None
    lost_at: Moment = ""
    loss: str = ""


class UseView(Shape, frozen=True, kw_only=True):
    """`transition` is empty for the criterion that selects a workflow."""

    model: ModelKeyShape
    workflow: str
    transition: str
    kind: Literal["processor", "criteria", "function"]
    name: str


class RequirementView(Shape, frozen=True, kw_only=True):
    """Tags as active workflows ask for them; empty tags ask for any member."""

    tags: str
    members: int
    uses: list[UseView]


class MembersView(Shape, frozen=True, kw_only=True):
    members: list[MemberView]
    requirements: list[RequirementView]


@operation(
    "List calculation members, those lost in the last hour, and the tags that workflows ask for"
    " (our own addition to the API)",
    answer=MembersView,
    errors=[StorageUnavailable],
)
async def list_members(request: ApiRequest, platform: Platform) -> Response:
    found = await members.list_members(request.principal, platform=platform)
    node = platform.node_id
    shown = [
        *(_member(member, node) for member in found.here),
        *(
            {"id": str(member.id), "state": "online", "node": member.node, "tags": list(member.tags)}
            for member in found.elsewhere
        ),
        *(_member(member, node) for member in found.lost),
    ]
    return json_response({"members": shown, "requirements": [_requirement(each) for each in found.requirements]})


def _member(member: Member, node: str) -> dict[str, object]:
    state = "lost" if member.lost_at is not None else "leaving" if member.is_leaving else "online"
    item: dict[str, object] = {
        "id": str(member.id),
        "state": state,
        "node": node,
        "tags": sorted(member.tags),
        "clientId": member.client,
        "agent": member.agent,
        "connectedAt": utc_text(member.connected_at),
        "lastSeen": utc_text(member.last_seen),
        "inFlight": member.in_flight,
        "outcomes": member.outcomes,
    }
    if member.durations_ms:
        ordered = sorted(member.durations_ms)
        item["p50Millis"] = round(ordered[(len(ordered) - 1) // 2], 3)
        item["p95Millis"] = round(ordered[(len(ordered) - 1) * 95 // 100], 3)
    if member.lost_at is not None:
        item["lostAt"] = utc_text(member.lost_at)
        item["loss"] = member.loss or "the connection ended"
    return item


def _requirement(requirement: Requirement) -> dict[str, object]:
    uses = [_use(use) for use in requirement.uses]
    return {"tags": requirement.tags, "members": requirement.members, "uses": uses}


def _use(use: Use) -> dict[str, object]:
    return {
        "model": {"name": use.model.name, "version": use.model.version},
        "workflow": use.workflow,
        "transition": use.transition,
        "kind": use.kind,
        "name": use.name,
    }
