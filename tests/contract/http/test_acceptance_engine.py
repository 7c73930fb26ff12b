"""The engine's acceptance list over HTTP: states and transitions (contract: engine 11; the numbers are its rows)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import entity, model, ok, read, refused, workflow
from tests.contract.http.test_audit import amount, of_type, states, trail

LATER = {"schedule": {"delayMs": 60_000}}
IS_VIP = {"type": "function", "function": {"name": "isVip"}}


def step(name: str, target: str, **members: Any) -> dict[str, Any]:
    return {"name": name, "next": target, **members}


async def state(api: httpx.AsyncClient, entity_id: str) -> str:
    return (await read(api, entity_id))["meta"]["state"]


async def changes(api: httpx.AsyncClient, entity_id: str) -> list[str]:
    return [change["changeType"] for change in ok(await api.get(f"/entity/{entity_id}/changes"))]


async def put(api: httpx.AsyncClient, entity_id: str, transition: str = "", **data: Any) -> httpx.Response:
    path = f"/entity/JSON/{entity_id}" + (f"/{transition}" if transition else "")
    return await api.put(path, json=data or {"amount": 1})


def says(node: Node, **members: Any) -> list[str]:
    """A member that answers every question so; what it was asked, by name."""
    asked: list[str] = []

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request.get("criteriaName") or request["processorName"])
        return {"success": True, **members}

    InProcessMember(node, work)
    return asked


async def test_8_the_workflow_is_chosen_by_criterion_and_otherwise_the_default_one_applies(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    assert await state(api, await entity(api)) == "CREATED"
    small = states(SMALL=[]) | {"name": "small", "criterion": amount("LESS_THAN", 10)}
    large = states(LARGE=[]) | {"name": "large", "criterion": amount("GREATER_THAN", 100)}
    inactive = states(OFF=[]) | {"name": "off", "active": False}
    body = {"importMode": "REPLACE", "workflows": [inactive, small, large]}
    ok(await api.post("/model/order/1/workflow/import", json=body))
    found = [await state(api, await entity(api, {"amount": number})) for number in (1, 101, 50)]
    assert found == ["SMALL", "LARGE", "CREATED"]


async def test_9_a_cascade_of_several_steps_is_one_creation_and_a_false_guard_stops_it(api: httpx.AsyncClient) -> None:
    await model(api)
    guarded = step("grow", "D", criterion=amount("GREATER_THAN", 10))
    named = step("leave", "E", manual=True)
    definition = states(A=[step("ab", "B")], B=[step("bc", "C")], C=[guarded, named], D=[], E=[])
    await workflow(api, definition=definition)
    small, large = await entity(api), await entity(api, {"amount": 11})
    assert [await state(api, each) for each in (small, large)] == ["C", "D"]
    assert await changes(api, small) == await changes(api, large) == ["CREATE"]
    ok(await put(api, small, "leave"))
    assert (await state(api, small), await changes(api, small)) == ("E", ["UPDATE", "CREATE"])
    before = await read(api, small)
    refused(
        await put(api, small, "ghost", amount=2), 400, "TRANSITION_NOT_FOUND",
        'transition "ghost" not found in state "E": transition not found',
    )  # fmt: skip
    assert await read(api, small) == before


async def test_9_an_entity_whose_state_no_active_workflow_has_takes_data_but_no_transition(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    order = await entity(api)
    await workflow(api, definition=states(CREATED=[step("on", "X", manual=True)], X=[]) | {"active": False})
    refused(
        await put(api, order, "UPDATE"),
        400,
        "WORKFLOW_FAILED",
        'no workflow contains state "CREATED" for model order.1',
    )
    ok(await put(api, order, amount=5))
    assert (await read(api, order))["data"] == {"amount": 5}
    await workflow(api, definition=states(CREATED=[step("on", "X", manual=True)], X=[]))
    ok(await put(api, order, "on"))
    assert await state(api, order) == "X"


async def test_10_an_update_without_a_transition_looks_at_the_automated_ones_and_writes_a_version(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    await workflow(api, definition=states(A=[step("leave", "A", manual=True)]))
    order = await entity(api)
    first = await read(api, order)
    ok(await api.put(f"/entity/JSON/{order}", json=first["data"]))
    second = await read(api, order)
    assert second["data"] == first["data"]
    assert second["meta"]["transactionId"] != first["meta"]["transactionId"]
    assert await changes(api, order) == ["UPDATE", "CREATE"]
    await workflow(api, definition=states(A=[step("on", "B")], B=[]))
    ok(await api.put(f"/entity/JSON/{order}", json=first["data"]))
    assert await state(api, order) == "B"


async def test_11_each_processor_of_a_chain_sees_what_the_ones_before_it_made(
    api: httpx.AsyncClient, node: Node
) -> None:
    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        data = request["payload"]["data"]
        made = data | {"by": [*data.get("by", []), request["processorName"]]}
        return {"success": True, "payload": {"type": "JSON", "data": made}}

    InProcessMember(node, work)
    await model(api, sample={"amount": 1, "by": ["x"]})
    chain = [{"name": name, "executionMode": mode} for name, mode in (("a", "SYNC"), ("b", "ASYNC_SAME_TX"))]
    await workflow(
        api, definition=states(A=[step("ab", "B", processors=chain)], B=[step("bc", "C", processors=chain)], C=[])
    )
    order = await read(api, await entity(api, {"amount": 7}))
    assert (order["meta"]["state"], order["data"]) == ("C", {"amount": 7, "by": ["a", "b", "a", "b"]})


@pytest.mark.parametrize("manual", [False, True])
async def test_12_the_eleventh_visit_of_a_state_aborts_and_nothing_is_saved(
    api: httpx.AsyncClient, manual: bool
) -> None:
    await model(api)
    go = amount("GREATER_THAN", 0)
    definition = states(
        N=[step("start", "A", manual=manual)], A=[step("ab", "B", criterion=go)], B=[step("ba", "A", criterion=go)]
    )
    await workflow(api, definition=definition)
    message = 'state machine aborted: state "A" visited 11 times (limit: 10)'
    if manual:
        order = await entity(api)
        refused(await put(api, order, "start"), 400, "WORKFLOW_FAILED", message)
        assert (await state(api, order), await changes(api, order)) == ("N", ["CREATE"])
    else:
        refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 400, "WORKFLOW_FAILED", message)
        assert ok(await api.get("/entity/order/1")) == []


async def test_12_a_cascade_of_a_hundred_transitions_is_aborted(api: httpx.AsyncClient) -> None:
    await model(api)
    chain = {f"S{number}": [step("on", f"S{number + 1}")] for number in range(100)}
    await workflow(api, definition=states(**chain, S100=[]))
    answer = await api.post("/entity/JSON/order/1", json={"amount": 1})
    refused(answer, 400, "WORKFLOW_FAILED", 'state machine aborted: cascade depth exceeded (100) at state "S100"')
    await workflow(api, definition=states(**{name: chain[name] for name in chain if name != "S99"}, S99=[]))
    assert await state(api, await entity(api)) == "S99"


async def test_13_disabled_and_scheduled_transitions_are_listed_but_neither_taken_nor_fired_by_name(
    api: httpx.AsyncClient,
) -> None:
    await model(api)
    leaving = [step("off", "B", disabled=True), step("late", "B", **LATER), step("on", "C")]
    await workflow(api, definition=states(A=leaving, B=[], C=[step("late", "B", **LATER)]))
    order = await entity(api)
    assert await state(api, order) == "C"
    assert ok(await api.get(f"/entity/{order}/transitions")) == ["late"]
    refused(
        await put(api, order, "late"), 400, "TRANSITION_NOT_FOUND",
        'transition "late" in state "C" is scheduled and fires automatically; it is not manually fireable: '
        "transition not found",
    )  # fmt: skip
    await workflow(api, definition=states(C=[step("off", "A", disabled=True)], A=[]))
    assert ok(await api.get(f"/entity/{order}/transitions")) == ["off"]
    refused(
        await put(api, order, "off"), 400, "TRANSITION_NOT_FOUND",
        'transition "off" is disabled in state "C": transition not found',
    )  # fmt: skip


async def test_14_a_false_function_guard_tells_its_reason_to_the_client_and_the_audit(
    api: httpx.AsyncClient, node: Node
) -> None:
    says(node, matches=False, reason="is no VIP")
    await model(api)
    guarded = [step("auto", "B", criterion=IS_VIP), step("manual", "B", criterion=IS_VIP, manual=True)]
    plain = step("inline", "B", criterion=amount("GREATER_THAN", 10), manual=True)
    await workflow(api, definition=states(A=[*guarded, plain], B=[]))
    order = await entity(api)
    assert of_type(await trail(api, order), "TRANSITION_NOT_MATCH_CRITERION")["data"] == {
        "workflowName": "flow", "transition": "auto", "criterion": "isVip", "reason": "is no VIP",
    }  # fmt: skip
    refused(
        await put(api, order, "manual"), 400, "WORKFLOW_FAILED", 'transition "manual" criterion not matched: is no VIP'
    )
    refused(await put(api, order, "inline"), 400, "WORKFLOW_FAILED", 'transition "inline" criterion not matched')
    assert await state(api, order) == "A"


async def test_15_a_long_reason_is_cut_between_characters(api: httpx.AsyncClient, node: Node) -> None:
    says(node, matches=False, reason="é" * 1023 + "x€")
    await model(api)
    await workflow(api, definition=states(A=[step("auto", "B", criterion=IS_VIP)], B=[]))
    recorded = of_type(await trail(api, await entity(api)), "TRANSITION_NOT_MATCH_CRITERION")["data"]["reason"]
    assert recorded == "é" * 1023 + "x"


async def test_a_workflow_whose_criterion_a_member_judges_is_chosen_by_its_answer(
    api: httpx.AsyncClient, node: Node
) -> None:
    asked = says(node, matches=True)
    await model(api)
    await workflow(api, definition=states(VIP=[]) | {"criterion": IS_VIP})
    assert await state(api, await entity(api)) == "VIP"
    assert asked == ["isVip"]


async def test_the_query_of_transitions_chooses_by_criterion_and_writes_nothing(
    api: httpx.AsyncClient, node: Node
) -> None:
    """Decision 11 of engine 12; whoever is asked for a workflow's criterion and fails is passed over (2.7)."""
    await model(api)
    await workflow(api, definition=states(A=[step("x", "A", manual=True)]))
    order = await entity(api)
    await workflow(api, definition=states(A=[step("y", "A", manual=True)]) | {"criterion": IS_VIP})
    before = await trail(api, order)
    assert ok(await api.get(f"/entity/{order}/transitions")) == []  # the default workflow has no such state
    says(node, matches=True)
    assert ok(await api.get(f"/entity/{order}/transitions")) == ["y"]
    assert await trail(api, order) == before
