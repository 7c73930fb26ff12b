"""How many questions a member owes at once, and who waits for room in which order (docs/adr/0008)."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda.clock import ManualClock
from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout, NoComputeMemberForTag
from cyoda.ids import TimeIds
from tests.contract.grpc.callouts import callout
from tests.contract.grpc.conftest import ANN
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.members import Member, Pending, Registry
from workflows.core.callout import CalloutAnswer


class Floor:
    """Members whose streams are lists, at most `limit` questions each."""

    def __init__(self, limit: int = 1) -> None:
        self.clock = ManualClock()
        self.registry = Registry(limit)
        self.observed: list[tuple[str, str]] = []
        self.dispatcher = LocalDispatcher(
            self.registry, new_id=TimeIds(), choose=lambda members: members[0],
            observe=lambda kind, _tags, outcome, _seconds: self.observed.append((kind, outcome)),
        )  # fmt: skip
        self.sent: dict[int, list[Pending]] = {}
        self.tasks: list[asyncio.Task[CalloutAnswer]] = []

    def join(self, number: int, *tags: str) -> Member:
        sent = self.sent[number] = []
        member = Member(id=UUID(int=number), tenant="acme", tags=tags, send=sent.append, clock=self.clock)
        self.registry.add(member)
        return member

    async def ask(self, name: str = "p", tags: str = "", **changes: Any) -> asyncio.Task[CalloutAnswer]:
        task = asyncio.ensure_future(self.dispatcher.call(ANN, callout(name=name, tags=tags, **changes), token=None))
        self.tasks.append(task)
        await asyncio.sleep(0)
        return task

    def asked(self, number: int) -> list[str]:
        """Names of what a member was asked, in order."""
        return [json.loads(pending.question.data)["processorName"] for pending in self.sent[number]]

    async def answer(self, member: Member, pending: Pending) -> None:
        member.receive(json.dumps({"requestId": pending.question.id, "success": True}).encode())
        for _ in range(4):
            await asyncio.sleep(0)

    @property
    def waiting(self) -> int:
        return self.registry.admission.waiting


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    floor = Floor()
    yield floor
    for task in floor.tasks:
        task.cancel()
    await asyncio.gather(*floor.tasks, return_exceptions=True)


async def test_what_finds_no_room_waits_and_is_asked_in_order_of_arrival(floor: Floor) -> None:
    member = floor.join(1, "a", "b")
    for name, tags in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "b,c"), ("5", "")):
        await floor.ask(name, tags)
    assert (floor.asked(1), floor.waiting, member.in_flight) == (["1"], 4, 1)
    for number in range(5):
        await floor.answer(member, floor.sent[1][number])
    assert floor.asked(1) == ["1", "2", "3", "4", "5"]
    assert (floor.waiting, member.in_flight, member.outstanding) == (0, 0, 0)


async def test_a_full_member_delays_nobody_whom_another_can_serve(floor: Floor) -> None:
    dead, quick = floor.join(1, "a"), floor.join(2, "b")
    await floor.ask("1", "a")
    await floor.ask("2", "a")
    served = await floor.ask("3", "b")
    await floor.answer(quick, floor.sent[2][0])
    assert (await served).document is None
    either = await floor.ask("4", "a,b")
    await floor.answer(quick, floor.sent[2][1])
    await either
    assert (floor.asked(1), dead.in_flight, floor.waiting) == (["1"], 1, 1)


async def test_a_member_that_joins_takes_what_waits_for_it(floor: Floor) -> None:
    floor.join(1, "a", "b")
    for name, tags in (("1", "a"), ("2", "b"), ("3", "a")):
        await floor.ask(name, tags)
    floor.join(2, "a")
    await asyncio.sleep(0)
    assert (floor.asked(2), floor.waiting) == (["3"], 1)


async def test_waiting_ends_at_the_time_out_and_gives_up_the_place(floor: Floor) -> None:
    member = floor.join(1, "a")
    await floor.ask("1", "a")
    late = await floor.ask("2", "a", timeout_ms=10)
    await floor.ask("3", "a")
    with pytest.raises(DispatchTimeout, match="processor dispatch timed out after 10ms"):
        await late
    await floor.answer(member, floor.sent[1][0])
    assert (floor.asked(1), floor.waiting) == (["1", "3"], 0)


async def test_the_time_of_a_member_starts_only_when_its_question_is_written(floor: Floor) -> None:
    member = floor.join(1, "a")
    await floor.ask("1", "a")
    second = await floor.ask("2", "a", timeout_ms=20)
    await floor.answer(member, floor.sent[1][0])
    await asyncio.wait({second}, timeout=0.05)
    assert not second.done()
    floor.sent[1][1].written()
    with pytest.raises(DispatchTimeout):
        await second
    assert member.in_flight == 0


async def test_a_cancelled_callout_gives_up_its_place(floor: Floor) -> None:
    member = floor.join(1, "a")
    await floor.ask("1", "a")
    given_up = await floor.ask("2", "a")
    await floor.ask("3", "a")
    given_up.cancel()
    await floor.answer(member, floor.sent[1][0])
    assert floor.asked(1) == ["1", "3"]


async def test_a_callout_cancelled_in_the_moment_it_is_admitted_gives_the_room_on(floor: Floor) -> None:
    member = floor.join(1, "a")
    first = await floor.ask("1", "a")
    admitted = await floor.ask("2", "a")
    await floor.ask("3", "a")
    first.cancel()
    await asyncio.sleep(0)
    assert member.in_flight == 1
    admitted.cancel()
    for _ in range(4):
        await asyncio.sleep(0)
    assert (floor.asked(1), floor.waiting, member.in_flight) == (["1", "3"], 0, 1)


async def test_when_the_last_matching_member_leaves_what_waits_fails_at_once(floor: Floor) -> None:
    member, _ = floor.join(1, "a"), floor.join(2, "b")
    asked, waiting, other = await floor.ask("1", "a"), await floor.ask("2", "a"), await floor.ask("3", "b")
    floor.registry.remove(member)
    with pytest.raises(ComputeMemberDisconnected):
        await asked
    with pytest.raises(NoComputeMemberForTag, match='no matching calculation member: tags "a"'):
        await waiting
    assert not other.done()
    assert (floor.waiting, member.in_flight) == (0, 0)


async def test_members_of_other_tenants_give_no_room(floor: Floor) -> None:
    floor.join(1, "a")
    await floor.ask("1", "a")
    await floor.ask("2", "a")
    sent: list[Pending] = []
    foreign = Member(id=UUID(int=9), tenant="other", tags=("a",), send=sent.append, clock=floor.clock)
    floor.registry.add(foreign)
    await asyncio.sleep(0)
    assert (sent, floor.waiting) == ([], 1)


async def test_members_not_tried_yet_are_preferred(floor: Floor) -> None:
    first, second = floor.join(1), floor.join(2)
    tried: set[UUID] = set()
    for expected in ({first.id}, {first.id, second.id}):
        task = asyncio.ensure_future(floor.dispatcher.call(ANN, callout(tags=""), token=None, tried=tried))
        floor.tasks.append(task)
        await asyncio.sleep(0)
        assert tried == expected
    floor.registry.remove(second)
    await floor.answer(first, floor.sent[1][0])
    task = asyncio.ensure_future(floor.dispatcher.call(ANN, callout(tags=""), token=None, tried=tried))
    floor.tasks.append(task)
    await asyncio.sleep(0)
    assert len(floor.sent[1]) == 2


async def test_every_callout_is_observed_with_its_outcome(floor: Floor) -> None:
    with pytest.raises(NoComputeMemberForTag):
        await floor.dispatcher.call(ANN, callout(tags="a"), token=None)
    member = floor.join(1, "a")
    answered = await floor.ask("1", "a")
    await floor.answer(member, floor.sent[1][0])
    await answered
    cancelled = await floor.ask("2", "a")
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    lost = await floor.ask("3", "a", kind="criteria")
    floor.registry.remove(member)
    await asyncio.gather(lost, return_exceptions=True)
    assert floor.observed == [
        ("processor", "no_member"), ("processor", "answered"), ("processor", "cancelled"), ("criteria", "disconnected"),
    ]  # fmt: skip
    assert member.outcomes == {"answered": 1, "cancelled": 1, "disconnected": 1}


@given(st.integers(0, 2**32), st.integers(1, 3))
def test_no_member_owes_more_than_its_limit_and_nobody_waits_beside_room(seed: int, limit: int) -> None:
    asyncio.run(_at_random(random.Random(seed), limit))


async def _at_random(chance: random.Random, limit: int) -> None:
    floor = Floor(limit)
    members: dict[int, Member] = {}
    for number in range(40):
        match chance.randrange(6):
            case 0:
                members[number] = floor.join(number, *chance.sample("abc", 2))
            case 1 if members:
                floor.registry.remove(members.pop(chance.choice(list(members))))
            case 2 if floor.tasks:
                chance.choice(floor.tasks).cancel()
            case 3 | 4:
                await floor.ask(str(number), chance.choice("abc"))
            case _:
                owed = [(m, p) for n, m in members.items() for p in floor.sent[n] if not p.is_over]
                if owed:
                    await floor.answer(*chance.choice(owed))
        if chance.random() < 0.5:
            continue
        for _ in range(6):
            await asyncio.sleep(0)
        assert all(member.in_flight == member.outstanding <= limit for member in members.values())
        free = {tag for member in members.values() if member.in_flight < limit for tag in member.tags}
        queued = [requirement for queue in floor.registry.admission._queues.values() for requirement in queue]
        assert not free & set(queued)
    for task in floor.tasks:
        task.cancel()
    await asyncio.gather(*floor.tasks, return_exceptions=True)
    assert all(member.in_flight == 0 for member in members.values())
    assert floor.waiting == 0
