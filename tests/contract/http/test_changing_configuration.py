"""Configuration that changes while entities are written, with callouts that cannot be repeated (contract: engine 5)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair
from tests.contract.http.compute import InProcessMember
from tests.contract.http.conftest import client_of, no_pages, pem_of
from tests.contract.http.steps import entity, model, ok, read, refused, workflow

FLOW: dict[str, Any] = {
    "version": "1.3", "name": "flow", "initialState": "NEW",
    "states": {"NEW": {"transitions": [{"name": "go", "next": "DONE", "processors": [{"name": "p"}]}]}, "DONE": {}},
}  # fmt: skip


async def test_a_change_of_another_model_does_not_disturb_an_operation_with_callouts(
    api: httpx.AsyncClient, node: Node
) -> None:
    InProcessMember(node)
    await model(api)
    await workflow(api, definition=FLOW)
    await entity(api)
    await model(api, "other")
    await entity(api)


async def test_a_callback_may_write_a_model_that_was_last_used_before_a_change(
    api: httpx.AsyncClient, node: Node
) -> None:
    async def work(_request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
        ok(await api.post("/entity/JSON/note/1", json={"text": "x"}, headers=joined))
        return {"success": True}

    await model(api, "note", {"text": "x"})
    await entity(api, {"text": "x"}, "note")
    await model(api)
    await workflow(api, definition=FLOW)
    InProcessMember(node, work)
    await entity(api)
    assert len(ok(await api.get("/entity/note/1"))) == 2


@pytest.mark.parametrize("path", ["/model/other/1/lock", "/model/order/1/changeLevel/STRUCTURAL"])
async def test_after_a_change_on_another_node_a_repeated_request_succeeds(
    api: httpx.AsyncClient, node: Node, signing_key: KeyPair, clock: ManualClock, path: str
) -> None:
    """The callout is out before the commit finds the change, so the node may not repeat it by itself."""
    conf = load({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(signing_key.private_key)})
    neighbour = build_node(conf, node.platform.storage, fallback=no_pages, clock=clock)
    InProcessMember(node)
    await model(api, "other", lock=False)
    await model(api)
    await workflow(api, definition=FLOW)
    await entity(api)
    async with client_of(neighbour, signing_key, caas_org_id="acme", user_roles=[]) as elsewhere:
        ok(await (elsewhere.post if "changeLevel" in path else elsewhere.put)(path))
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 409, "CONFLICT")
    await entity(api)


def working_in(mode: str) -> dict[str, Any]:
    """The flow, its processor in another mode."""
    go = {"name": "go", "next": "DONE", "processors": [{"name": "p", "executionMode": mode}]}
    return FLOW | {"states": {"NEW": {"transitions": [go]}, "DONE": {}}}


async def test_an_open_transaction_does_not_outlive_the_configuration_it_was_decided_under(
    api: httpx.AsyncClient, node: Node
) -> None:
    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        await workflow(api, definition=FLOW | {"name": "other"})
        return {"success": True}

    await model(api)
    await workflow(api, definition=FLOW)
    InProcessMember(node, work)
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 409, "CONFLICT")
    assert ok(await api.get("/entity/order/1")) == []


async def test_after_a_segment_an_operation_ends_under_the_configuration_it_began_with(
    api: httpx.AsyncClient, node: Node
) -> None:
    """What the member did cannot be taken back, and the segment's entity keeps its model locked (engine 3.5)."""

    async def work(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        refused(await api.put("/model/order/1/unlock"), 409, "MODEL_HAS_ENTITIES")
        await model(api, "other")
        await workflow(api, definition=FLOW | {"initialState": "ELSEWHERE", "states": {"ELSEWHERE": {}}})
        return {"success": True, "payload": {"data": {"amount": 2}}}

    await model(api)
    await workflow(api, definition=working_in("COMMIT_BEFORE_DISPATCH"))
    InProcessMember(node, work)
    order = await read(api, await entity(api))
    assert (order["meta"]["state"], order["data"]) == ("DONE", {"amount": 2})


async def test_a_segment_itself_holds_only_under_the_configuration_it_was_decided_under(
    api: httpx.AsyncClient, node: Node
) -> None:
    asked: list[str] = []

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request["processorName"])
        await workflow(api, definition=FLOW | {"name": "other"})
        return {"success": True}

    await model(api)
    definition = working_in("COMMIT_BEFORE_DISPATCH")
    definition["states"]["NEW"]["transitions"][0]["processors"].insert(0, {"name": "first"})
    await workflow(api, definition=definition)
    InProcessMember(node, work)
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 409, "CONFLICT")
    assert (asked, ok(await api.get("/entity/order/1"))) == (["first"], [])
