"""Members that are full, slow or dead, over real streams (docs/adr/0008)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest

from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout, NoComputeMemberForTag
from tests.contract.grpc.callouts import callout
from tests.contract.grpc.conftest import ANN, Client, Node, StartNode

PROCESSOR = "EntityProcessorCalculationRequest"
Connect = Callable[[Node], Client]


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


async def test_a_full_member_is_asked_the_rest_in_order_as_it_answers(start_node: StartNode, connect: Connect) -> None:
    node = await start_node(max_in_flight=2)
    member = await connect(node).member(("rating",))
    waiting = [node.call(callout(name=f"p{number}")) for number in range(6)]
    names: list[str] = []
    owed = [await member.receive(PROCESSOR), await member.receive(PROCESSOR)]
    assert (node.registry.members()[0].in_flight, node.registry.admission.waiting) == (2, 4)
    while owed:
        request = owed.pop(0)
        names.append(request["processorName"])
        await member.answer(request)
        if len(names) + len(owed) < len(waiting):
            owed.append(await member.receive(PROCESSOR))
    await asyncio.gather(*waiting)
    assert names == [f"p{number}" for number in range(6)]
    assert node.registry.members()[0].in_flight == 0


async def test_a_silent_member_blocks_no_other(start_node: StartNode, connect: Connect) -> None:
    node = await start_node(max_in_flight=1, choose=lambda members: members[0])
    client = connect(node)
    silent, quick = await client.member(("rating", "slow")), await client.member(("rating",))
    stuck = node.call(callout(tags="slow"))
    await silent.receive(PROCESSOR)
    for _ in range(20):
        served = node.call(callout())
        await quick.answer(await quick.receive(PROCESSOR))
        await asyncio.wait_for(served, 5)
    assert not stuck.done()
    stuck.cancel()


async def test_the_stream_of_a_full_member_ends_and_what_waited_goes_to_another(
    start_node: StartNode, connect: Connect
) -> None:
    node = await start_node(max_in_flight=1)
    client = connect(node)
    lost = await client.member(("rating",))
    sent, waiting = node.call(callout(name="sent")), node.call(callout(name="waiting"))
    await lost.receive(PROCESSOR)
    other = await client.member(("rating",))
    request = await other.receive(PROCESSOR)
    assert request["processorName"] == "waiting"
    lost.call.cancel()
    with pytest.raises(ComputeMemberDisconnected):
        await asyncio.wait_for(sent, 5)
    await other.answer(request)
    await waiting


async def test_waiting_for_room_ends_with_the_time_out_or_with_the_last_member(
    start_node: StartNode, connect: Connect
) -> None:
    node = await start_node(max_in_flight=1)
    member = await connect(node).member(("rating",))
    sent = node.call(callout())
    await member.receive(PROCESSOR)
    with pytest.raises(DispatchTimeout):
        await node.call(callout(timeout_ms=30))
    waiting = node.call(callout())
    await asyncio.sleep(0)
    member.call.cancel()
    with pytest.raises(ComputeMemberDisconnected):
        await asyncio.wait_for(sent, 5)
    with pytest.raises(NoComputeMemberForTag):
        await asyncio.wait_for(waiting, 5)
    assert node.registry.admission.waiting == 0


async def test_a_repeated_question_goes_to_a_member_not_tried_yet(start_node: StartNode, connect: Connect) -> None:
    node = await start_node()
    client = connect(node)
    members = [await client.member(("rating",)) for _ in range(3)]
    tried: set[UUID] = set()
    for count in (1, 2, 3):
        with pytest.raises(DispatchTimeout):
            await node.dispatcher.call(ANN, callout(timeout_ms=30), token=None, tried=tried)
        assert len(tried) == count
    for member in members:
        await member.receive(PROCESSOR)


async def test_a_leaving_member_is_given_nothing_more_not_even_what_waits_and_its_answers_count(
    start_node: StartNode, connect: Connect
) -> None:
    node = await start_node(max_in_flight=1)
    client = connect(node)
    leaving, other = await client.member(("rating",)), await client.member(("rating",))
    begun = [node.call(callout(name="first")), node.call(callout(name="second"))]
    waiting = node.call(callout(name="waiting"))
    owed, owed_by_other = await leaving.receive(PROCESSOR), await other.receive(PROCESSOR)
    await leaving.send("CalculationMemberLeaveEvent", {"id": "bye", "success": True})
    assert (await leaving.receive("EventAckResponse"))["sourceEventId"] == "ce"
    assert len(node.registry.members()) == 1
    await leaving.answer(owed)
    await asyncio.wait(begun, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert (sum(task.done() for task in begun), node.registry.admission.waiting) == (1, 1)
    await other.answer(owed_by_other)
    request = await other.receive(PROCESSOR)
    assert request["processorName"] == "waiting"
    await other.answer(request)
    await asyncio.gather(*begun, waiting)


async def test_what_only_a_leaving_member_could_take_is_refused_at_once(
    start_node: StartNode, connect: Connect
) -> None:
    node = await start_node(max_in_flight=1)
    member = await connect(node).member(("rating",))
    begun, waiting = node.call(callout()), node.call(callout())
    owed = await member.receive(PROCESSOR)
    await member.send("CalculationMemberLeaveEvent", {"id": "bye", "success": True})
    with pytest.raises(NoComputeMemberForTag):
        await asyncio.wait_for(waiting, 5)
    with pytest.raises(NoComputeMemberForTag):
        await node.call(callout())
    await member.receive("EventAckResponse")
    await member.answer(owed)
    await begun
