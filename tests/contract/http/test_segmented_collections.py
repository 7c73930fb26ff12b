"""Collections whose items commit before their dispatch, fail, or meet others (contract: engine 3.5, 3.6)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow
from tests.contract.http.test_acceptance_callouts import CBD, DONE, FAILED, Json, going, orders, processor
from tests.contract.http.test_audit import told


@pytest.fixture(autouse=True)
async def order_model(api: httpx.AsyncClient) -> None:
    await model(api)


def new(amount: int) -> Json:
    return {"model": {"name": "order", "version": 1}, "payload": json.dumps({"amount": amount})}


def changed(entity_id: str, amount: int, **members: Any) -> Json:
    return {"id": entity_id, "payload": json.dumps({"amount": amount}), "transition": "go", **members}


async def amounts(api: httpx.AsyncClient) -> list[tuple[int, str]]:
    return sorted((each["data"]["amount"], each["meta"]["state"]) for each in await orders(api))


async def last_events(api: httpx.AsyncClient, entity_id: str, chunk: Json) -> list[str]:
    """What the chunk's operation on an entity has left in its trail."""
    return [event for event, _, _ in await told(api, entity_id, f"&transactionId={chunk['transactionId']}")]


class Member(InProcessMember):
    """Refuses what has the amount 2; remembers the amounts it was asked about."""

    def __init__(self, node: Node) -> None:
        self.asked: list[int] = []
        super().__init__(node, self._judge)

    async def _judge(self, request: Json, _joined: Json) -> Json:
        amount = request["payload"]["data"]["amount"]
        self.asked.append(amount)
        return FAILED if amount == 2 else DONE


async def test_in_an_open_transaction_a_failing_item_takes_all_with_it_and_is_named(
    api: httpx.AsyncClient, node: Node
) -> None:
    await workflow(api, definition=going(processor()))
    nobody = await api.post("/entity/JSON", json=[new(1)])
    message = 'item 0: processor p failed: no matching calculation member: tags ""'
    refused(nobody, 503, "NO_COMPUTE_MEMBER_FOR_TAG", message, retryable=True)
    member = Member(node)
    answer = await api.post("/entity/JSON", json=[new(1), new(2)])
    refused(answer, 400, "WORKFLOW_FAILED", "item 1: processor p failed: processor dispatch failed: no")
    assert (member.asked, await orders(api)) == ([1, 2], [])
    await workflow(api, definition=going(processor(), manual=True))
    first, second = await entity(api), await entity(api)
    answer = await api.put("/entity/JSON", json=[changed(first, 3), changed(second, 2)])
    refused(answer, 400, "WORKFLOW_FAILED", "item 1: processor p failed: processor dispatch failed: no")
    assert await amounts(api) == [(1, "A"), (1, "A")]


async def test_a_segment_makes_the_items_before_it_durable_whatever_comes_after(
    api: httpx.AsyncClient, node: Node
) -> None:
    member = Member(node)
    await workflow(api, definition=going(processor(mode=CBD)))
    answer = await api.post("/entity/JSON", json=[new(1), new(2), new(3)])
    refused(answer, 400, "WORKFLOW_FAILED", "item 1: processor p failed: processor dispatch failed: no")
    assert (member.asked, await amounts(api)) == ([1, 2], [(1, "B"), (2, "A")])
    (chunk,) = ok(await api.post("/entity/JSON", json=[new(4), new(5)]))
    assert await amounts(api) == [(1, "B"), (2, "A"), (4, "B"), (5, "B")]
    first = await read(api, chunk["entityIds"][0], transactionId=chunk["transactionId"])
    assert first["meta"]["state"] == "A"  # the id of the chunk is the one of its first segment


async def test_an_item_with_a_stale_precondition_is_left_out_before_its_dispatch(
    api: httpx.AsyncClient, node: Node
) -> None:
    member = Member(node)
    await workflow(api, definition=going(processor(mode=CBD), manual=True))
    first, second = await entity(api), await entity(api)
    items = [changed(first, 3, ifMatch=UNKNOWN), changed(second, 4)]
    (chunk,) = ok(await api.put("/entity/JSON", json=items))
    assert [(failure["entityId"], failure["error"]["code"]) for failure in chunk["failed"]] == [
        (first, "ENTITY_MODIFIED")
    ]
    assert (chunk["entityIds"], member.asked, await amounts(api)) == ([second], [4], [(1, "A"), (4, "B")])
    assert await last_events(api, first, chunk) == ["STATE_MACHINE_START", "TRANSITION_ABORTED"]


@pytest.mark.parametrize("is_guarded", [False, True])
async def test_an_item_that_others_change_during_its_dispatch_is_left_out_if_it_has_a_precondition(
    api: httpx.AsyncClient, node: Node, is_guarded: bool
) -> None:
    async def interfere(request: Json, _joined: Json) -> Json:
        if request["entityId"] == second:
            ok(await api.put(f"/entity/JSON/{second}", json={"amount": 7}))
        return DONE

    InProcessMember(node, interfere)
    await workflow(api, definition=going(processor(mode=CBD), manual=True))
    first, second, third = [await entity(api) for _ in range(3)]
    guard = {"ifMatch": (await read(api, second))["meta"]["transactionId"]} if is_guarded else {}
    items = [changed(first, 3), changed(second, 4, **guard), changed(third, 5)]
    answer = await api.put("/entity/JSON", json=items)
    if is_guarded:
        (chunk,) = ok(answer)
        (failure,) = chunk["failed"]
        assert (failure["entityId"], failure["error"]["code"], failure["error"]["itemIndex"]) == (
            second, "ENTITY_MODIFIED", 1,
        )  # fmt: skip
        assert chunk["entityIds"] == [first, third]
        assert await last_events(api, second, chunk) == [
            "STATE_MACHINE_START", "PAUSE_FOR_PROCESSING", "TRANSITION_ABORTED",
        ]  # fmt: skip
        assert await amounts(api) == [(3, "B"), (5, "B"), (7, "A")]
    else:
        refused(answer, 409, "CONFLICT", "transaction conflict — retry", retryable=True)
        assert await amounts(api) == [(1, "A"), (3, "B"), (7, "A")]


@pytest.mark.parametrize("is_guarded", [False, True])
async def test_an_item_that_others_change_before_its_segment_commits_is_left_out_if_it_has_a_precondition(
    api: httpx.AsyncClient, node: Node, is_guarded: bool
) -> None:
    """The processor before the segment sees to it that somebody else is first."""
    asked: list[str] = []

    async def interfere(request: Json, _joined: Json) -> Json:
        asked.append(request["processorName"])
        if request["entityId"] == second and request["processorName"] == "early":
            ok(await api.put(f"/entity/JSON/{second}", json={"amount": 7}))
        return DONE

    InProcessMember(node, interfere)
    await workflow(api, definition=going(processor("early"), processor(mode=CBD), manual=True))
    first, second = await entity(api), await entity(api)
    guard = {"ifMatch": (await read(api, second))["meta"]["transactionId"]} if is_guarded else {}
    answer = await api.put("/entity/JSON", json=[changed(first, 3), changed(second, 4, **guard)])
    if is_guarded:
        (chunk,) = ok(answer)
        assert ([failure["entityId"] for failure in chunk["failed"]], chunk["entityIds"]) == ([second], [first])
        assert await last_events(api, second, chunk) == ["STATE_MACHINE_START", "TRANSITION_ABORTED"]
    else:
        refused(answer, 409, "CONFLICT", "transaction conflict — retry", retryable=True)
    assert asked == ["early", "p", "early"]
    assert await amounts(api) == [(3, "B" if is_guarded else "A"), (7, "A")]
