"""Keep-alive and the end of a stream (contract: grpc 11.5, 11.8; checklist 2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import grpc.aio
import pytest

from cyoda.errors import ComputeMemberDisconnected
from tests.contract.grpc.callouts import callout, entity
from tests.contract.grpc.conftest import Client, Node, StartNode
from workflows.grpc.options import KeepAlive
from workflows.grpc.streaming import END

KEEP_ALIVE = "CalculationMemberKeepAliveEvent"
Connect = Callable[[Node], Client]


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


def keep_alive(interval_ms: int, timeout_ms: int) -> KeepAlive:
    return KeepAlive(interval=timedelta(milliseconds=interval_ms), timeout=timedelta(milliseconds=timeout_ms))


async def test_the_server_probes_at_every_interval(start_node: StartNode, connect: Connect) -> None:
    member = await connect(await start_node(keep_alive=keep_alive(20, 60_000))).member()
    for _ in range(3):
        member_id = member.greeting["memberId"]
        assert await member.receive(KEEP_ALIVE) == {"id": member_id, "memberId": member_id, "success": True}


async def test_a_member_that_says_nothing_is_cut_off(start_node: StartNode, connect: Connect) -> None:
    node = await start_node(keep_alive=keep_alive(20, 100))
    member = await connect(node).member(("rating",))
    waiting = node.call(callout())
    assert await member.end() == (grpc.StatusCode.DEADLINE_EXCEEDED, "keep-alive timeout")
    with pytest.raises(ComputeMemberDisconnected):
        await waiting
    assert node.registry.members() == []
    assert node.registry.lost("globex", datetime.min.replace(tzinfo=UTC)) == []
    (lost,) = node.registry.lost("acme", datetime.min.replace(tzinfo=UTC))
    assert (str(lost.id), lost.loss, lost.outcomes) == (
        member.greeting["memberId"], "keep-alive timeout", {"disconnected": 1}
    )  # fmt: skip
    assert lost.agent.startswith("grpc-python")
    assert lost.client
    assert lost.lost_at is not None
    assert node.registry.lost("acme", lost.lost_at + timedelta(microseconds=1)) == []


@pytest.mark.parametrize("sign", [KEEP_ALIVE, "EventAckResponse", "EntityProcessorCalculationResponse"])
async def test_any_sign_of_life_keeps_the_stream_open(start_node: StartNode, connect: Connect, sign: str) -> None:
    member = await connect(await start_node(keep_alive=keep_alive(20, 300))).member()
    for _ in range(30):  # 600 ms, twice the limit
        await member.receive(KEEP_ALIVE)
        await member.send(sign, {"id": "x", "sourceEventId": "y", "success": True})


async def test_messages_of_unknown_types_are_no_sign_of_life(start_node: StartNode, connect: Connect) -> None:
    member = await connect(await start_node(keep_alive=keep_alive(20, 100))).member()
    with contextlib.suppress(grpc.aio.AioRpcError):  # it is the status that counts
        while await asyncio.wait_for(member.call.read(), 10) is not END:
            await member.send("Whatever", {})
    assert await member.end() == (grpc.StatusCode.DEADLINE_EXCEEDED, "keep-alive timeout")


async def test_a_keep_alive_is_never_echoed(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    for _ in range(5):
        await member.send(KEEP_ALIVE, {"id": "k", "memberId": "someone else", "success": True})
    waiting = node.call(callout())
    await member.answer(await member.receive("EntityProcessorCalculationRequest"))
    await waiting


async def test_a_half_closed_stream_ends_with_a_status_that_clients_reconnect_on(client: Client, node: Node) -> None:
    member = await client.member()
    await member.call.done_writing()
    assert await member.end() == (grpc.StatusCode.UNKNOWN, "EOF")
    assert node.registry.members() == []


async def test_a_stream_closed_before_its_join_ends_the_same_way(client: Client) -> None:
    stream = client.stream()
    await stream.call.done_writing()
    assert await stream.end() == (grpc.StatusCode.UNKNOWN, "EOF")


async def test_shutdown_ends_every_stream_as_unavailable(client: Client, node: Node) -> None:
    joined, silent = await client.member(("rating",)), client.stream()
    await silent.call.wait_for_connection()
    waiting = node.call(callout())
    await joined.event()
    stopping = asyncio.ensure_future(node.server.stop(10))
    with pytest.raises(ComputeMemberDisconnected):
        await asyncio.wait_for(waiting, 5)
    assert (await joined.end())[0] == grpc.StatusCode.UNAVAILABLE
    assert (await silent.end())[0] == grpc.StatusCode.UNAVAILABLE
    await asyncio.wait_for(stopping, 5)


async def test_a_member_that_takes_nothing_from_its_stream_is_cut_off_although_it_talks(
    start_node: StartNode, connect: Connect
) -> None:
    node = await start_node(keep_alive=keep_alive(20, 200))
    member = await connect(node).member(("rating",))
    large = callout(subject=entity(b'"%b"' % (b"x" * 8_000_000)))
    waiting = [node.call(large) for _ in range(8)]
    with contextlib.suppress(grpc.aio.AioRpcError):
        while node.registry.members():
            await member.send(KEEP_ALIVE, {"id": "k"})
            await asyncio.sleep(0.01)
    for result in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(result, ComputeMemberDisconnected)
