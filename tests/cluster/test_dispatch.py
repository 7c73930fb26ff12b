"""Callouts raised on one node and served by members of others (contract: grpc 15.3, 17.3, checklist 19; engine 33)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import httpx
import pytest

from cyoda.principal import system_principal
from tests.cluster.conftest import ClusterNode, StartNode, knows, token
from tests.contract.grpc.callouts import callout
from tests.contract.grpc.conftest import MemberClient
from tests.contract.http.steps import model, ok, read, refused, workflow
from tests.contract.http.test_audit import states


def work(tag: str, **config: Any) -> dict[str, Any]:
    return {"name": "p", "executionMode": "SYNC", "config": {"calculationNodesTags": tag, **config}}


def flow(*processors: dict[str, Any]) -> dict[str, Any]:
    return states(NONE=[{"name": "go", "next": "DONE", "processors": list(processors)}], DONE=[])


async def prepare(api: httpx.AsyncClient, *processors: dict[str, Any]) -> None:
    await model(api)
    await workflow(api, definition=flow(*processors))


async def join(node: ClusterNode, *tags: str, seen_by: list[ClusterNode]) -> MemberClient:
    """A member that the other nodes know."""
    member = await (await node.grpc()).member(tags, token())
    own = node.node.conf.cluster.node_id
    for other in seen_by:
        await knows(other, lambda view: any(set(tags) <= set(each.tags) for each in view.members[own].values()))
    return member


async def asked(member: MemberClient) -> tuple[dict[str, Any], str]:
    event = await member.event()
    assert event.type == "EntityProcessorCalculationRequest"
    return json.loads(event.text_data), event.attributes["cyodatxtoken"].ce_string


def create(api: httpx.AsyncClient, amount: int = 1) -> asyncio.Task[httpx.Response]:
    return asyncio.ensure_future(api.post("/entity/JSON/order/1", json={"amount": amount, "name": "a"}))


async def test_a_member_of_another_node_serves_and_its_callbacks_join_from_anywhere(nodes: list[ClusterNode]) -> None:
    a, b, c = nodes
    api = await a.api()
    await prepare(api, work("red"))
    await model(api, "note", {"n": 1})
    member = await join(b, "red", seen_by=[a])
    creating = create(api)
    request, joined = await asked(member)
    for each in nodes:  # at the owner, at the member's node, at a third one
        made = await (await each.api()).post("/entity/JSON/note/1", json={"n": 2}, headers={"X-Tx-Token": joined})
        assert ok(made)[0]["transactionId"] == request["transactionId"]
    created = {"payload": {"model": {"name": "note", "version": 1}, "data": {"n": 3}}, "dataFormat": "JSON"}
    search = {
        "model": {"name": "note", "version": 1},
        "condition": {"type": "group", "operator": "AND", "conditions": []},
    }
    for each in (b, c):
        client = await each.grpc()
        _, reply = await client.one("entityManage", "EntityCreateRequest", created, bearer=token(), token=joined)
        assert reply["success"], reply
        assert reply["transactionInfo"]["transactionId"] == request["transactionId"]
    frames = await client.many("entitySearchCollection", "EntitySearchRequest", search, bearer=token(), token=joined)
    assert sorted(frame["payload"]["data"]["n"] for _, frame in frames) == [2, 2, 2, 3, 3]
    assert len(await client.many("entitySearchCollection", "EntitySearchRequest", search, bearer=token())) == 0
    await member.answer(request, payload={"type": "JSON", "data": {"amount": 2**63 - 1, "name": "b"}}, warnings=["w"])
    (entity_id,) = ok(await creating)[0]["entityIds"]
    for each in nodes:
        assert (await read(await each.api(), entity_id))["data"] == {"amount": 2**63 - 1, "name": "b"}
        assert len(ok(await (await each.api()).get("/entity/note/1"))) == 5
    refused(await (await c.api()).get("/entity/note/1", headers={"X-Tx-Token": joined}), 404, "TRANSACTION_NOT_FOUND")


async def test_large_bodies_pass_between_nodes_in_pieces(nodes: list[ClusterNode]) -> None:
    a, b, c = nodes
    api = await a.api()
    await prepare(api, work("red"))
    await model(api, "note", {"text": "x"})
    member = await join(b, "red", seen_by=[a])
    creating = create(api)
    request, joined = await asked(member)
    headers, there = {"X-Tx-Token": joined}, await c.api()
    notes = [{"text": f"{number}" * 20_000} for number in range(100)]
    made = ok(await there.post("/entity/JSON/note/1?transactionWindow=1000", json=notes, headers=headers))
    assert len(made[0]["entityIds"]) == 100
    everything = {"type": "group", "operator": "AND", "conditions": []}
    found = await there.post("/search/direct/note/1?limit=200", json=everything, headers=headers)
    assert found.headers["content-type"] == "application/x-ndjson"
    texts = {json.loads(line)["data"]["text"] for line in found.text.splitlines()}
    assert texts == {note["text"] for note in notes}
    await member.answer(request)
    ok(await creating)


async def test_a_cancelled_callout_is_forgotten_where_it_was_sent(nodes: list[ClusterNode]) -> None:
    a, b, _ = nodes
    member = await join(b, "red", seen_by=[a])
    asking = asyncio.ensure_future(
        a.node.platform.compute.call(system_principal("acme"), callout(tags="red"), token=None)
    )
    event = await member.event()
    (connected,) = b.node.members.members()
    assert connected.outstanding == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(10):
        while connected.outstanding:
            await asyncio.sleep(0.01)
    assert event.type == "EntityProcessorCalculationRequest"


async def test_what_a_member_elsewhere_meets_is_told_as_if_it_were_here(nodes: list[ClusterNode]) -> None:
    a, b, _ = nodes
    api = await a.api()
    await prepare(api, work("red", responseTimeoutMs=300))
    member = await join(b, "red", seen_by=[a])
    creating = create(api)
    request, _ = await asked(member)
    await member.send(
        "EntityProcessorCalculationResponse",
        {"requestId": request["requestId"], "success": False, "error": {"message": "no stock"}},
    )
    failed = await creating
    refused(failed, 400, "WORKFLOW_FAILED")
    assert "processor dispatch failed: no stock" in failed.json()["detail"]
    silent = await create(api)
    refused(silent, 503, "DISPATCH_TIMEOUT", "processor dispatch timed out after 300ms", retryable=True)
    await asked(member)
    creating = create(api)
    await asked(member)
    member.call.cancel()
    refused(await creating, 503, "COMPUTE_MEMBER_DISCONNECTED", retryable=True)


async def test_tags_are_shards_and_the_own_member_comes_first(nodes: list[ClusterNode]) -> None:
    a, b, c = nodes
    api = await a.api()
    await prepare(api, work("red"), work("green"), work("blue"))
    served: list[str] = []

    async def serve(member: MemberClient, name: str) -> None:
        while True:
            event = await member.event()
            if event.type == "EntityProcessorCalculationRequest":
                served.append(name)
                await member.answer(json.loads(event.text_data))

    members = {
        "a-red": await join(a, "red", seen_by=[b, c]),
        "b-green": await join(b, "green", seen_by=[a, c]),
        "c-blue": await join(c, "blue", "red", seen_by=[a, b]),
    }
    tasks = [asyncio.ensure_future(serve(member, name)) for name, member in members.items()]
    ok(await create(api))
    assert served == ["a-red", "b-green", "c-blue"]
    served.clear()
    ok(await create(await c.api()))
    assert served == ["c-blue", "b-green", "c-blue"]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_callout_waits_for_a_member_that_joins_any_node(start_node: StartNode) -> None:
    a, b = [await start_node(name, CYODA_DISPATCH_WAIT_TIMEOUT="600ms") for name in ("a", "b")]
    api = await a.api()
    await prepare(api, work("red"))
    await (await b.grpc()).member(("red",), token("globex"))
    await knows(a, lambda view: view.offers("globex", ("red",)) == {"b": 1})
    nobody = await create(api)
    refused(nobody, 503, "NO_COMPUTE_MEMBER_FOR_TAG", retryable=True)
    assert 'no peer with tags "red" for tenant acme after 0.6s' in nobody.json()["detail"]
    creating = create(api)
    member = await join(b, "red", seen_by=[])
    request, joined = await asked(member)
    stranger, own = await b.api(tenant="globex", user_roles=[]), await b.api()
    theirs = await stranger.get("/entity/order/1", headers={"X-Tx-Token": joined})
    refused(theirs, 403, "FORBIDDEN", "transaction belongs to a different tenant")
    forged = await own.get("/entity/order/1", headers={"X-Tx-Token": joined[:-4] + "AAAA"})
    refused(forged, 401, "UNAUTHORIZED", "invalid transaction token")
    own.headers["Authorization"] = "Bearer nobody"
    refused(await own.get("/entity/order/1", headers={"X-Tx-Token": joined}), 401, "UNAUTHORIZED")
    await member.answer(request)
    ok(await creating)


async def test_a_node_that_drains_hands_its_members_over(nodes: list[ClusterNode]) -> None:
    a, b, _ = nodes
    api = await a.api()
    await prepare(api, work("red"))
    member = await join(b, "red", seen_by=[a])
    creating = create(api)
    request, _ = await asked(member)
    assert b.node.cluster is not None
    assert b.node.cluster.drain()
    leaving = asyncio.ensure_future(b.node.grpc.hand_over())
    await knows(a, lambda view: view.offers("acme", ("red",)) == {})
    waiting = create(api)
    await member.answer(request)
    ok(await creating)
    assert await member.end() == (grpc.StatusCode.UNAVAILABLE, "the server is shutting down")
    await leaving
    again = await join(a, "red", seen_by=[])
    request, _ = await asked(again)
    await again.answer(request)
    ok(await waiting)
