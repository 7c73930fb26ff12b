"""Quotas over gRPC: refusals inside the reply, and members without a seat (contract: control plane 3.1; grpc 4, 11)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import grpc
import pytest

from cyoda.errors import QuotaExceeded, StorageUnavailable, TooManyRequests
from cyoda.permissions import Action
from cyoda.principal import Principal, TenantId
from tests.contract.grpc.conftest import Client, Node, StartNode
from tests.contract.grpc.requests import PLACEHOLDERS, REQUESTS, ROUTES, STREAMING
from workflows.services.quotas import NoQuotas


class Counted:
    """Lets in `number` requests of up to `limit_bytes`."""

    def __init__(self, number: int, limit_bytes: int | None = None) -> None:
        self.number = number
        self.limit_bytes = limit_bytes
        self.actions: list[Action | None] = []

    async def admit(self, principal: Principal, action: Action | None) -> int | None:
        self.actions.append(action)
        if len(self.actions) > self.number:
            raise TooManyRequests("wait", retry_after_seconds=7, properties={"entitlementId": "API_REQUEST"})
        return self.limit_bytes


class Seats(NoQuotas):
    """Seats `number` members; fails while `is_down`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_down = False
        self.seated: set[UUID] = set()

    async def take_seat(self, tenant: TenantId, member: UUID) -> None:
        if self.is_down:
            raise StorageUnavailable
        if len(self.seated) >= self.number:
            raise QuotaExceeded("NUM_CLIENT_NODES", self.number, "connected calculation members")
        self.seated.add(member)

    def leave_seat(self, member: UUID) -> None:
        self.seated.discard(member)


@pytest.fixture
def backend() -> str:
    return "memory"


async def replied(client: Client, rpc: str, event_type: str) -> dict[str, object]:
    ask = client.many if rpc in STREAMING else client.one
    answer = await ask(rpc, event_type, REQUESTS[event_type])
    return (answer[0] if isinstance(answer, list) else answer)[1]


async def test_every_event_type_is_counted_with_its_action_and_refused_in_its_reply(
    start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    admission = Counted(0)
    client = connect(await start_node(admission=admission))
    for rpc, event_type, route in ROUTES:
        reply = await replied(client, rpc.name, event_type)
        assert admission.actions[-1] is route.action
        error = {"code": "CLIENT_ERROR", "message": "TOO_MANY_REQUESTS: wait", "retryable": True}
        assert reply == {"id": "c1", "success": False, "error": error} | PLACEHOLDERS[route.reply]
    assert len(admission.actions) == len(ROUTES)


async def test_a_message_over_the_limit_changes_nothing(
    start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    admission = Counted(1000, limit_bytes=300)
    client = connect(await start_node(admission=admission))
    sample = REQUESTS["EntityModelImportRequest"] | {"payload": {"text": "a" * 300}}
    _, reply = await client.one("entityModelManage", "EntityModelImportRequest", sample)
    assert reply["error"]["message"] == "BAD_REQUEST: the request body is larger than 300 bytes"
    _, listed = await client.one("entityModelManage", "EntityModelGetAllRequest", {})
    assert (listed["success"], listed["models"]) == (True, [])


async def test_a_member_that_finds_no_seat_is_told_so_and_gets_no_work(
    start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    seats = Seats(1)
    node = await start_node(quotas=seats)
    client = connect(node)
    seated = await client.member()
    refused = client.stream()
    await refused.send("CalculationMemberJoinEvent", {"tags": []})
    status = await refused.end()
    assert status == (
        grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED: the limit of 1 connected calculation members is reached"
    )  # fmt: skip
    assert [str(member.id) for member in node.registry.members()] == [seated.greeting["memberId"]]
    await seated.call.done_writing()
    await seated.end()
    async with asyncio.timeout(5):
        while seats.seated:
            await asyncio.sleep(0.01)
    assert (await client.member()).greeting["success"]


async def test_without_the_database_no_member_joins(start_node: StartNode, connect: Callable[[Node], Client]) -> None:
    seats = Seats(1)
    seats.is_down = True
    stream = connect(await start_node(quotas=seats)).stream()
    await stream.send("CalculationMemberJoinEvent", {"tags": []})
    assert await stream.end() == (grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE: storage is not available")
