"""Callbacks beside and below each other in one transaction: each is undone alone (contract: engine 5.4)."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import model, ok, refused, workflow


def asking(processor: str) -> dict[str, Any]:
    """A new entity runs one processor."""
    step = {"name": "in", "next": "B", "processors": [{"name": processor}]}
    return {"version": "1.3", "name": "w", "initialState": "A", "states": {"A": {"transitions": [step]}, "B": {}}}


async def create(api: httpx.AsyncClient, name: str, what: str, joined: dict[str, str]) -> httpx.Response:
    return await api.post(f"/entity/JSON/{name}/1", json={"amount": 1, "name": what}, headers=joined)


async def names(api: httpx.AsyncClient) -> list[str]:
    found = ok(await api.get("/entity/note/1")) + ok(await api.get("/entity/inner/1"))
    return sorted(entity["data"]["name"] for entity in found)


class Story:
    """`order` asks `outer`, whose callbacks create an `inner` (which asks too) and, meanwhile, a `note`."""

    def __init__(self, api: httpx.AsyncClient, node: Node, *, inner_succeeds: bool) -> None:
        self.api = api
        self.inner_succeeds = inner_succeeds
        self.inner_waits, self.note_is_there = asyncio.Event(), asyncio.Event()
        self.inner_answer: httpx.Response | None = None
        InProcessMember(node, self.work)

    async def work(self, request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
        if request["processorName"] == "inner":
            ok(await create(self.api, "note", "below the inner", joined))
            self.inner_waits.set()
            await self.note_is_there.wait()
            return {"success": self.inner_succeeds}
        creating = asyncio.create_task(create(self.api, "inner", "the inner", joined))
        await self.inner_waits.wait()
        ok(await create(self.api, "note", "beside the inner", joined))
        self.note_is_there.set()
        self.inner_answer = await creating
        return {"success": True}


async def told(api: httpx.AsyncClient, node: Node, *, inner_succeeds: bool) -> Story:
    for name in ("note", "inner", "order"):
        await model(api, name)
    await workflow(api, "inner", asking("inner"))
    await workflow(api, "order", asking("outer"))
    story = Story(api, node, inner_succeeds=inner_succeeds)
    ok(await api.post("/entity/JSON/order/1", json={"amount": 1, "name": "the order"}))
    return story


async def test_all_that_succeeded_is_there(api: httpx.AsyncClient, node: Node) -> None:
    await told(api, node, inner_succeeds=True)
    assert await names(api) == ["below the inner", "beside the inner", "the inner"]


async def test_a_refused_callback_takes_what_is_below_it_and_leaves_what_is_beside_it(
    api: httpx.AsyncClient, node: Node
) -> None:
    story = await told(api, node, inner_succeeds=False)
    assert story.inner_answer is not None
    refused(story.inner_answer, 400, "WORKFLOW_FAILED")
    assert await names(api) == ["beside the inner"]
