"""Scheduled transitions with a member behind a real stream (contract: engine 4.3, 4.4, 5.5; grpc 12)."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID

from cyoda.principal import Actor
from tests.contract.grpc.conftest import ANN, Client, MemberClient, Node
from workflows.core.entity import ModelKey
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.services import models, workflow_documents
from workflows.services.entities import create_entity
from workflows.services.scheduler import Scheduler

KEY = ModelKey("order", 1)
LATE: dict[str, Any] = {
    "name": "late", "next": "B",
    "schedule": {"function": {"name": "when", "resultKind": "Schedule", "calculationNodesTags": "calendar"}},
    "processors": [{"name": "charge", "config": {"calculationNodesTags": "calendar"}}],
}  # fmt: skip
WORKFLOW = {
    "version": "1.3", "name": "flow", "initialState": "A", "states": {"A": {"transitions": [LATE]}, "B": {}}
}  # fmt: skip


async def asked(member: MemberClient, event_type: str) -> tuple[CloudEvent, dict[str, Any]]:
    event = await member.event()
    assert event.type == event_type
    return event, json.loads(event.text_data)


def caller(event: CloudEvent) -> tuple[str, str]:
    return event.attributes["authtype"].ce_string, event.attributes["authid"].ce_string


async def test_a_member_says_when_and_works_for_the_system_when_it_is_time(client: Client, node: Node) -> None:
    platform = node.platform
    await models.import_model(ANN, KEY, b'{"n":1}', data_format="JSON", converter="SAMPLE_DATA", platform=platform)
    await models.lock_model(ANN, KEY, platform=platform)
    body = json.dumps({"importMode": "REPLACE", "workflows": [WORKFLOW]}).encode()
    await workflow_documents.import_workflows(ANN, KEY, body, platform=platform)
    member = await client.member(("calendar",))
    creating = asyncio.create_task(create_entity(ANN, KEY, b'{"n":1}', data_format="JSON", platform=platform))
    event, request = await asked(member, "EntityFunctionCalculationRequest")
    assert caller(event) == ("user", "ann")
    answer = {"requestId": request["requestId"], "success": True, "resultKind": "Schedule", "result": {"fireAt": 1}}
    await member.send("EntityFunctionCalculationResponse", answer)
    (order,) = (await creating).entity_ids
    assert [timer.armed_by for timer in await platform.storage.timers_of("acme", order)] == [Actor("ann", "user")]
    scheduler = Scheduler(platform)
    assert await scheduler.scan() >= 1  # a database is shared, and so is what is due in it
    event, request = await asked(member, "EntityProcessorCalculationRequest")
    assert caller(event) == ("system", "system")
    assert UUID(request["entityId"]) == order
    await member.answer(request)
    await scheduler.settled()
    newest, oldest = await platform.storage.history("acme", order)
    assert (newest.state, newest.attributed, newest.executor) == ("B", Actor("ann", "user"), Actor("system", "system"))
    assert oldest.state == "A"
