"""Requests that join an open transaction by its token (contract: entities 1.6, search 7)."""

from __future__ import annotations

import json
from datetime import timedelta

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, read, refused, workflow

OWNER = Principal(tenant="acme", user_id="u-1", kind="user")


async def test_a_joined_request_sees_and_stages_what_others_do_not_see(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    order = await entity(api)
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()  # as while the owner waits for a callout
        joined = {"X-Tx-Token": transactions.token(transaction)}
        answer = ok(await api.put(f"/entity/JSON/{order}", json={"amount": 7}, headers=joined))
        assert answer["transactionId"] == str(transaction.entry_id)
        (chunk,) = ok(await api.post("/entity/JSON/order/1", json={"amount": 8}, headers=joined))
        (staged,) = chunk["entityIds"]
        assert ok(await api.get(f"/entity/{order}", headers=joined))["data"] == {"amount": 7}
        assert len(ok(await api.get("/entity/order/1", headers=joined))) == 2
        found = await api.post("/search/direct/order/1?sort=amount", json=MATCH_ALL, headers=joined)
        assert [json.loads(line)["data"]["amount"] for line in found.text.splitlines()] == [7, 8]
        pages: list[list[str]] = []
        for query in ("after=", f"after={min(order, staged)}", f"after={max(order, staged)}&sort=@id:desc"):
            page = await api.post(f"/search/direct/order/1?limit=1&{query}", json=MATCH_ALL, headers=joined)
            pages.append([json.loads(line)["meta"]["id"] for line in page.text.splitlines()])
        assert pages == [[min(order, staged)], [max(order, staged)], [min(order, staged)]]
        assert (await read(api, order))["data"]["amount"] == 1
        refused(await api.get(f"/entity/{staged}"), 404, "ENTITY_NOT_FOUND")
        await transaction.lock.acquire()
    assert (await read(api, order))["data"] == {"amount": 7}
    assert (await read(api, staged))["meta"]["transactionId"] == answer["transactionId"]


async def test_a_joined_request_counts_and_offers_what_its_transaction_has_made(
    api: httpx.AsyncClient, node: Node
) -> None:
    await model(api)
    await model(api, "empty")
    await workflow(api)
    moved, gone, _ = [await entity(api) for _ in range(3)]
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()
        joined = {"X-Tx-Token": transactions.token(transaction)}
        ok(await api.put(f"/entity/JSON/{moved}/approve", json={"amount": 7}, headers=joined))
        ok(await api.delete(f"/entity/{gone}", headers=joined))
        for _ in range(2):
            ok(await api.post("/entity/JSON/order/1", json={"amount": 8}, headers=joined))
        await entity(api)  # committed after the snapshot
        for headers, total, states, offered in (
            (joined, 4, {"APPROVED": 1, "DRAFT": 3}, []),
            ({}, 4, {"DRAFT": 4}, ["approve", "retire"]),
        ):
            order = {"modelName": "order", "modelVersion": 1}
            assert ok(await api.get("/entity/stats/order/1", headers=headers)) == order | {"count": total}
            all_models = ok(await api.get("/entity/stats", headers=headers))
            assert {row["modelName"]: row["count"] for row in all_models} == {"order": total, "empty": 0}
            for path in ("/entity/stats/states", "/entity/stats/states/order/1"):
                rows = ok(await api.get(path, headers=headers))
                assert {row["state"]: row["count"] for row in rows} == states
            filtered = ok(await api.get("/entity/stats/states?states=DRAFT", headers=headers))
            assert [row["count"] for row in filtered] == [states["DRAFT"]]
            legacy = f"/platform-api/entity/fetch/transitions?entityClass=order.1&entityId={moved}"
            for path in (f"/entity/{moved}/transitions", legacy):
                assert ok(await api.get(path, headers=headers)) == offered
        await transaction.lock.acquire()
    assert ok(await api.get("/entity/stats/order/1"))["count"] == 5


async def test_a_refusal_inside_a_transaction_leaves_it_usable(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    order = await entity(api)
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()
        joined = {"X-Tx-Token": transactions.token(transaction)}
        refused(await api.put(f"/entity/JSON/{order}", json={"amount": "x"}, headers=joined), 400, "INCOMPATIBLE_TYPE")
        changes = [{"id": order, "payload": '{"amount":9}'}, {"id": order, "payload": "{}", "transition": "ghost"}]
        refused(await api.put("/entity/JSON", json=changes, headers=joined), 400, "TRANSITION_NOT_FOUND")
        assert ok(await api.get(f"/entity/{order}", headers=joined))["data"]["amount"] == 1
        ok(await api.put(f"/entity/JSON/{order}", json={"amount": 7}, headers=joined))
        await transaction.lock.acquire()
    assert (await read(api, order))["data"] == {"amount": 7}


async def test_a_token_works_only_for_its_tenant_while_its_transaction_is_open(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, node: Node, clock: ManualClock
) -> None:
    await model(api)
    order = await entity(api)
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        joined = {"X-Tx-Token": transactions.token(transaction)}
        refused(await stranger.get(f"/entity/{order}", headers=joined), 403, "FORBIDDEN")
    refused(
        await api.get(f"/entity/{order}", headers=joined), 404, "TRANSACTION_NOT_FOUND",
        "transaction not found or no longer active",
    )  # fmt: skip
    clock.advance(timedelta(minutes=2))
    refused(await api.get(f"/entity/{order}", headers=joined), 410, "TRANSACTION_EXPIRED")


@pytest.mark.parametrize("path", ["/entity/not-a-uuid", "/entity/order/x", "/entity/stats/order/x"])
async def test_a_token_is_judged_before_the_request(api: httpx.AsyncClient, path: str) -> None:
    refused(await api.get(path, headers={"X-Tx-Token": "forged"}), 401, "UNAUTHORIZED", "invalid transaction token")
    refused(await api.get(path, headers={"X-Tx-Token": ""}), 400, "BAD_REQUEST")
