"""Orders whose workflow asks a member, as the acceptance suites need them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.contract.grpc.conftest import ANN, Client, MemberClient, Node
from tests.contract.grpc.orders import KEY, entity_request
from workflows.services.workflow_documents import import_workflows

CONFIG = {"calculationNodesTags": "rating", "responseTimeoutMs": 500}
PROCESSOR = {"type": "externalized", "name": "enrich", "executionMode": "SYNC", "config": CONFIG}
CRITERION = {"type": "function", "function": {"name": "isVip", "config": CONFIG}}
FUNCTION = {"name": "due", "resultKind": "Schedule", **CONFIG}
RATE = {"name": "rate", "next": "RATED", "manual": True}
PROCESSED = {**RATE, "processors": [PROCESSOR]}
GUARDED = {**RATE, "criterion": CRITERION}
REQUEST_OF = {
    "processor": "EntityProcessorCalculationRequest",
    "criteria": "EntityCriteriaCalculationRequest",
    "function": "EntityFunctionCalculationRequest",
}


async def flow(node: Node, *transitions: dict[str, Any], **members: Any) -> None:
    """Orders start in NEW, from where these transitions lead."""
    states = {"NEW": {"transitions": list(transitions)}, "RATED": {}, "OTHER": {}}
    document = {"version": "1.3", "name": "order-wf", "initialState": "NEW", "states": states, **members}
    body = json.dumps({"importMode": "REPLACE", "workflows": [document]}).encode()
    await import_workflows(ANN, KEY, body, platform=node.platform)


def rate(client: Client, entity_id: str) -> asyncio.Task[dict[str, Any]]:
    return asyncio.ensure_future(entity_request(client, "Transition", entityId=entity_id, transition="rate"))


async def asked(member: MemberClient, kind: str = "processor") -> tuple[dict[str, Any], str]:
    """The next request and its join token."""
    event = await member.event()
    assert event.type == REQUEST_OF[kind]
    return json.loads(event.text_data), event.attributes["cyodatxtoken"].ce_string


async def say(member: MemberClient, request: dict[str, Any], kind: str = "processor", **members: Any) -> None:
    """Answer a request of any kind."""
    answer = {"requestId": request["requestId"], "success": True, **members}
    await member.send(REQUEST_OF[kind].replace("Request", "Response"), answer)
