"""`retryPolicy: FIXED`: another member is asked when one gives no answer, and only where that is safe (ADR 0008)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import model, ok, read, refused, workflow
from workflows.services import retrying

Answer = dict[str, Any]
Handle = Callable[[InProcessMember, Answer, dict[str, str]], Awaitable[Answer]]
DONE: Answer = {"success": True}


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is the contract's; a tenth of it tells as much here."""
    assert (retrying.PAUSE_SECONDS, retrying.ATTEMPTS) == (0.5, 3)
    monkeypatch.setattr(retrying, "PAUSE_SECONDS", 0.05)


class Members:
    """Members that share one handler; it is told which of them is asked."""

    def __init__(self, node: Node, count: int, handle: Handle) -> None:
        self.node = node
        self.asked: list[int] = []
        self._handle = handle
        self._members = [InProcessMember(node, self._work(number)) for number in range(count)]

    def _work(self, number: int) -> Callable[[Answer, dict[str, str]], Awaitable[Answer]]:
        async def work(request: Answer, joined: dict[str, str]) -> Answer:
            self.asked.append(number)
            return await self._handle(self._members[number], request, joined)

        return work

    def leave(self, member: InProcessMember) -> None:
        member.leave(self.node)


def going(mode: str = "SYNC", **config: Any) -> dict[str, Any]:
    """N leads to A automatically; `go` leads from A to B with one processor."""
    work = {"name": "p", "executionMode": mode, "config": {"retryPolicy": "FIXED", **config}}
    go = {"name": "go", "next": "B", "manual": True, "processors": [work]}
    return {"version": "1.3", "name": "w", "initialState": "A", "states": {"A": {"transitions": [go]}, "B": {}}}


async def parked(api: httpx.AsyncClient, definition: dict[str, Any]) -> str:
    await model(api, "note")
    await model(api)
    await workflow(api, definition=definition)
    (chunk,) = ok(await api.post("/entity/JSON/order/1", json={"amount": 1, "name": "a"}))
    return chunk["entityIds"][0]


async def go(api: httpx.AsyncClient, order: str) -> httpx.Response:
    return await api.put(f"/entity/JSON/{order}/go", json={"amount": 1, "name": "a"})


async def names(api: httpx.AsyncClient) -> list[str]:
    return [note["data"]["name"] for note in ok(await api.get("/entity/note/1"))]


@pytest.mark.parametrize("mode", ["SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX", "COMMIT_BEFORE_DISPATCH"])
async def test_another_member_is_asked_and_what_the_lost_one_wrote_is_undone(
    api: httpx.AsyncClient, node: Node, mode: str
) -> None:
    tokens: list[dict[str, str]] = []

    async def handle(member: InProcessMember, _request: Answer, joined: dict[str, str]) -> Answer:
        tokens.append(joined)
        ok(await api.post("/entity/JSON/note/1", json={"name": f"attempt {len(tokens)}"}, headers=joined))
        if len(tokens) == 1:
            members.leave(member)
        else:
            refused(await api.get("/entity/note/1", headers=tokens[0]), 404, "TRANSACTION_NOT_FOUND")
        return DONE

    flag = {"startNewTxOnDispatch": True} if mode == "COMMIT_BEFORE_DISPATCH" else {}
    order = await parked(api, going(mode, **flag))
    members = Members(node, 2, handle)
    ok(await go(api, order))
    assert sorted(members.asked) == [0, 1]
    assert tokens[0] != tokens[1]
    assert await names(api) == ["attempt 2"]
    assert (await read(api, order))["meta"]["state"] == "B"
    moved = ok(await api.get("/audit/transactions", params={"processor": "p"}))["items"][0]["transactionId"]
    told = ok(await api.get(f"/audit/transactions/{moved}"))["items"]
    first, second = [call for event in told for call in event.get("calls", ())]
    assert (first["outcome"], second["outcome"]) == ("disconnected", "answered")
    assert first["memberId"] != second["memberId"]
    assert first["pauseMillis"] >= 50


async def test_after_three_attempts_the_last_failure_is_the_answer(api: httpx.AsyncClient, node: Node) -> None:
    async def sleep(_member: InProcessMember, _request: Answer, joined: dict[str, str]) -> Answer:
        ok(await api.post("/entity/JSON/note/1", json={"name": "n"}, headers=joined))
        await asyncio.Event().wait()
        return DONE

    order = await parked(api, going(responseTimeoutMs=40))
    members = Members(node, 1, sleep)
    refused(await go(api, order), 503, "DISPATCH_TIMEOUT", "processor dispatch timed out after 40ms", retryable=True)
    assert members.asked == [0, 0, 0]
    assert await names(api) == []
    assert (await read(api, order))["meta"]["state"] == "A"


async def test_when_nobody_is_left_the_first_failure_is_the_answer(api: httpx.AsyncClient, node: Node) -> None:
    async def leave(member: InProcessMember, _request: Answer, _joined: dict[str, str]) -> Answer:
        members.leave(member)
        return DONE

    order = await parked(api, going())
    members = Members(node, 1, leave)
    refused(await go(api, order), 503, "COMPUTE_MEMBER_DISCONNECTED")
    refused(await go(api, order), 503, "NO_COMPUTE_MEMBER_FOR_TAG")
    assert members.asked == [0]


@pytest.mark.parametrize("config", [{"retryPolicy": "NONE"}, {"retryPolicy": ""}])
async def test_without_the_policy_there_is_one_attempt(
    api: httpx.AsyncClient, node: Node, config: dict[str, Any]
) -> None:
    async def leave(member: InProcessMember, _request: Answer, _joined: dict[str, str]) -> Answer:
        members.leave(member)
        return DONE

    order = await parked(api, going(**config))
    members = Members(node, 2, leave)
    refused(await go(api, order), 503, "COMPUTE_MEMBER_DISCONNECTED")
    assert len(members.asked) == 1


async def test_outside_of_a_transaction_there_is_one_attempt(api: httpx.AsyncClient, node: Node) -> None:
    async def leave(member: InProcessMember, _request: Answer, joined: dict[str, str]) -> Answer:
        assert joined == {}
        members.leave(member)
        return DONE

    order = await parked(api, going("COMMIT_BEFORE_DISPATCH"))
    members = Members(node, 2, leave)
    refused(await go(api, order), 503, "COMPUTE_MEMBER_DISCONNECTED")
    assert len(members.asked) == 1


async def test_a_refusal_is_an_answer(api: httpx.AsyncClient, node: Node) -> None:
    async def refuse(_member: InProcessMember, _request: Answer, _joined: dict[str, str]) -> Answer:
        return {"success": False, "error": {"message": "no stock"}}

    order = await parked(api, going())
    members = Members(node, 2, refuse)
    refused(await go(api, order), 400, "WORKFLOW_FAILED")
    assert len(members.asked) == 1


async def test_a_function_criterion_may_be_repeated_too(api: httpx.AsyncClient, node: Node) -> None:
    async def handle(member: InProcessMember, _request: Answer, _joined: dict[str, str]) -> Answer:
        if len(members.asked) == 1:
            members.leave(member)
        return {"success": True, "matches": True}

    definition = going()
    transition = definition["states"]["A"]["transitions"][0]
    del transition["processors"]
    transition["criterion"] = {"type": "function", "function": {"name": "f", "config": {"retryPolicy": "FIXED"}}}
    order = await parked(api, definition)
    members = Members(node, 2, handle)
    ok(await go(api, order))
    assert sorted(members.asked) == [0, 1]


async def test_a_nested_retry_leaves_the_outer_callout_its_token(api: httpx.AsyncClient, node: Node) -> None:
    """The callback of the order's processor creates a note whose own processor is silent at first."""

    async def handle(_member: InProcessMember, request: Answer, joined: dict[str, str]) -> Answer:
        if request["processorName"] == "inner":
            if len(members.asked) == 2:
                await asyncio.Event().wait()
            return DONE
        ok(await api.post("/entity/JSON/note/1", json={"name": "n"}, headers=joined))
        assert len(ok(await api.get("/entity/note/1", headers=joined))) == 1
        return DONE

    order = await parked(api, going())
    inner = {"name": "inner", "config": {"retryPolicy": "FIXED", "responseTimeoutMs": 40}}
    states = {"A": {"transitions": [{"name": "x", "next": "B", "processors": [inner]}]}, "B": {}}
    await workflow(api, "note", {"version": "1.3", "name": "n", "initialState": "A", "states": states})
    members = Members(node, 2, handle)
    outer_and_two_attempts = 3
    ok(await go(api, order))
    assert len(members.asked) == outer_and_two_attempts
    assert await names(api) == ["n"]
