"""Questions and answers of one member without any transport (contract: grpc 13, 15.3)."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from cyoda.clock import ManualClock
from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout
from cyoda.ids import TimeIds
from tests.contract.grpc.callouts import callout, criterion
from tests.contract.grpc.conftest import ANN
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.events import UnreadableResponse
from workflows.compute.members import Member, Pending, Registry
from workflows.core.callout import CalloutAnswer, CalloutFailed


class Desk:
    """A member whose stream is a list."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.sent: list[Pending] = []
        self.member = Member(id=UUID(int=1), tenant="acme", tags=("rating",), send=self.sent.append, clock=self.clock)
        self.registry = Registry()
        self.registry.add(self.member)
        self.dispatcher = LocalDispatcher(self.registry, new_id=TimeIds(), choose=lambda members: members[0])

    async def ask(self, **changes: Any) -> tuple[asyncio.Task[CalloutAnswer], Pending]:
        """Start a callout and wait until its question is queued."""
        asked = callout(**changes) if changes.get("kind", "processor") == "processor" else criterion(**changes)
        task = asyncio.ensure_future(self.dispatcher.call(ANN, asked, token=None))
        await asyncio.sleep(0)
        return task, self.sent[-1]

    def answer(self, pending: Pending, **members: Any) -> bool:
        return self.member.receive(json.dumps({"requestId": pending.question.id, **members}).encode())


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_time_runs_only_once_the_question_is_written(desk: Desk) -> None:
    task, pending = await desk.ask(timeout_ms=1)
    await asyncio.wait({task}, timeout=0.05)
    assert not task.done()
    pending.written()
    with pytest.raises(DispatchTimeout, match="processor dispatch timed out after 1ms"):
        await task
    assert pending.is_over
    assert desk.answer(pending, success=True) is False


@pytest.mark.parametrize("configured", [0, -5])
async def test_a_time_out_that_is_not_positive_means_thirty_seconds(desk: Desk, configured: int) -> None:
    task, pending = await desk.ask(timeout_ms=configured)
    assert pending.timeout_ms == 30_000
    desk.answer(pending, success=True)
    await task


async def test_an_answer_may_overtake_the_report_that_its_question_was_written(desk: Desk) -> None:
    task, pending = await desk.ask(timeout_ms=1)
    assert desk.answer(pending, success=True)
    pending.written()
    assert (await task).document is None


async def test_a_question_that_cannot_be_written_fails_with_the_reason(desk: Desk) -> None:
    task, pending = await desk.ask(kind="criteria")
    pending.unwritable("pipe broken")
    with pytest.raises(CalloutFailed, match=r"^failed to send criteria request: pipe broken$"):
        await task
    assert desk.member.outstanding == 0


async def test_a_cancelled_question_is_over_before_it_is_sent(desk: Desk) -> None:
    task, pending = await desk.ask()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pending.is_over
    assert desk.member.outstanding == 0


async def test_a_member_that_is_gone_fails_what_waits_and_what_comes_later(desk: Desk) -> None:
    task, pending = await desk.ask()
    desk.registry.remove(desk.member)
    with pytest.raises(ComputeMemberDisconnected, match="compute member disconnected during processor dispatch"):
        await task
    assert desk.answer(pending, success=True) is False
    with pytest.raises(ComputeMemberDisconnected):
        await desk.member.ask(callout(), pending.question, 1)
    assert len(desk.sent) == 1


async def test_what_is_no_response_object_is_reported_as_unreadable(desk: Desk) -> None:
    for data in (b"", b"{", b"[]", b'{"requestId":1}', b'{"warnings":[1]}', b'\xff"'):
        with pytest.raises(UnreadableResponse):
            desk.member.receive(data)


async def test_a_reason_is_cut_to_2048_bytes_of_whole_characters(desk: Desk) -> None:
    task, pending = await desk.ask(kind="criteria")
    desk.answer(pending, success=True, matches=True, reason="x" + "ü" * 2000)
    answer = await task
    assert answer.matches
    assert answer.reason == "x" + "ü" * 1023
    assert len(answer.reason.encode()) == 2047


@pytest.mark.parametrize("matches", [{"matches": None}, {}])
async def test_a_criterion_without_a_verdict_does_not_match(desk: Desk, matches: dict[str, Any]) -> None:
    task, pending = await desk.ask(kind="criteria")
    desk.answer(pending, success=True, reason=None, **matches)
    assert await task == CalloutAnswer(matches=False, reason="")


async def test_a_sign_of_life_moves_last_seen(desk: Desk) -> None:
    desk.clock.advance(timedelta(seconds=9))
    assert desk.member.seen() == desk.clock.now == desk.member.last_seen
    assert desk.member.connected_at == desk.clock.now - timedelta(seconds=9)
