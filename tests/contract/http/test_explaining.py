"""Why an entity is in its state (ours): guards with the values seen, members, timers, the last error, in words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import UNKNOWN, entity, model, ok, refused, workflow


def simple(path: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}


def group(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {"type": "group", "operator": operator, "conditions": list(conditions)}


def function(name: str, tags: str = "", **members: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "config": {"calculationNodesTags": tags}, **members}}


def states(*transitions: dict[str, Any], name: str = "w") -> dict[str, Any]:
    """A workflow whose entities rest in `S` and may leave it by these transitions."""
    targets = {transition["next"]: {} for transition in transitions if transition["next"] != "S"}
    return {
        "version": "1.3", "name": name, "initialState": "S", "states": {**targets, "S": {"transitions": [*transitions]}}
    }  # fmt: skip


def automatic(criterion: dict[str, Any] | None, name: str = "go", **members: Any) -> dict[str, Any]:
    guard = {} if criterion is None else {"criterion": criterion}
    return {"name": name, "next": "T", **guard, **members}


async def explained(
    api: httpx.AsyncClient, *transitions: dict[str, Any], document: object = None, sample: object = None
) -> dict[str, Any]:
    await model(api, sample=sample)
    await workflow(api, definition=states(*transitions))
    return ok(await api.get(f"/entity/{await entity(api, document)}/why"))


async def test_each_leaf_shows_the_value_it_saw_and_its_verdict(api: httpx.AsyncClient) -> None:
    guard = group("AND", simple("$.name", "EQUALS", "a"), simple("$.amount", "GREATER_THAN", 5))
    why = await explained(api, automatic(guard))
    assert (why["state"], why["workflow"]) == ("S", "w")
    (go,) = why["transitions"]
    assert (go["name"], go["next"], go["kind"], go["disabled"]) == ("go", "T", "AUTOMATIC", False)
    assert go["criterion"] == {
        "type": "group", "verdict": "DOES_NOT_MATCH", "operator": "AND",
        "conditions": [
            {"type": "simple", "verdict": "MATCHES", "path": "$.name", "operator": "EQUALS", "operand": "a",
             "values": ["a"]},
            {"type": "simple", "verdict": "DOES_NOT_MATCH", "path": "$.amount", "operator": "GREATER_THAN",
             "operand": 5, "values": [1]},
        ],
    }  # fmt: skip
    assert go["move"] == "taken at the next update, once $.amount GREATER_THAN 5"
    assert go["move"] in why["summary"]


async def test_arrays_show_all_their_elements_and_lifecycle_fields_their_value(api: httpx.AsyncClient) -> None:
    lifecycle = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "X"}
    positional = {"type": "array", "jsonPath": "$.tags", "values": ["x", None]}
    guard = group("AND", simple("$.tags", "EQUALS", "z"), simple("$.tags[*]", "EQUALS", "y"), positional, lifecycle)
    sample = {"tags": ["x", "y"]}
    why = await explained(api, automatic(guard), document=sample, sample=sample)
    found = why["transitions"][0]["criterion"]["conditions"]
    assert [(leaf["type"], leaf["verdict"], leaf["values"]) for leaf in found] == [
        ("simple", "DOES_NOT_MATCH", ["x", "y"]),
        ("simple", "MATCHES", ["x", "y"]),
        ("array", "MATCHES", [["x", "y"]]),
        ("lifecycle", "DOES_NOT_MATCH", ["S"]),
    ]


async def test_operands_and_values_keep_their_spelling(api: httpx.AsyncClient) -> None:
    body = '{"importMode":"REPLACE","workflows":[{"version":"1.3","name":"w","initialState":"S","states":{"T":{},"S":'
    guard = '{"type":"simple","jsonPath":"$.amount","operatorType":"EQUALS","value":1e400}'
    body += '{"transitions":[{"name":"go","next":"T","criterion":' + guard + "}]}}}]}"
    await model(api, sample={"amount": 1.5})
    ok(await api.post("/model/order/1/workflow/import", content=body))
    answer = await api.get(f"/entity/{await entity(api, {'amount': 2.25})}/why")
    assert '"operand":1e400,"values":[2.25]' in answer.text


async def test_a_function_is_not_called_and_tells_who_would_be_asked(api: httpx.AsyncClient, node: Node) -> None:
    asked: list[str] = []

    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        asked.append(request["requestId"])
        return {"success": True, "matches": False, "reason": "too poor"}

    member = InProcessMember(node, work)
    await model(api)
    await workflow(api, definition=states(automatic(function("isRich"))))
    entity_id = await entity(api)
    (before,) = asked
    why = ok(await api.get(f"/entity/{entity_id}/why"))
    assert asked == [before]
    (go,) = why["transitions"]
    assert go["criterion"] == {
        "type": "function", "verdict": "UNKNOWN", "name": "isRich", "tags": "",
        "note": "not called here; would ask any member",
    }  # fmt: skip
    assert go["needs"] == [{"kind": "CRITERION", "name": "isRich", "tags": "", "members": 1}]
    assert (go["lastRefusal"]["type"], go["lastRefusal"]["reason"]) == ("TRANSITION_NOT_MATCH_CRITERION", "too poor")
    assert go["move"] == 'taken at the next update, once the function "isRich" says that it matches'
    member.leave(node)
    (go,) = ok(await api.get(f"/entity/{entity_id}/why"))["transitions"]
    assert go["needs"][0]["members"] == 0
    assert go["move"].endswith("and a member is connected")


async def test_a_false_pre_check_settles_a_function(api: httpx.AsyncClient) -> None:
    guard = function("isRich", "bank", criterion=simple("$.amount", "GREATER_THAN", 5))
    (go,) = (await explained(api, automatic(guard, manual=True)))["transitions"]
    assert (go["criterion"]["verdict"], go["needs"]) == ("DOES_NOT_MATCH", [])
    assert go["criterion"]["conditions"][0]["values"] == [1]


@pytest.mark.parametrize(
    ("operator", "first", "verdict"),
    [
        ("AND", simple("$.name", "EQUALS", "b"), "DOES_NOT_MATCH"),
        ("AND", simple("$.name", "EQUALS", "a"), "CANNOT_BE_EVALUATED"),
        ("OR", simple("$.name", "EQUALS", "a"), "MATCHES"),
        ("OR", simple("$.name", "EQUALS", "b"), "CANNOT_BE_EVALUATED"),
        ("AND", function("f"), "UNKNOWN"),
        ("XOR", simple("$.name", "EQUALS", "a"), "CANNOT_BE_EVALUATED"),
    ],
)
async def test_a_group_is_judged_left_to_right_as_the_engine_does(
    api: httpx.AsyncClient, operator: str, first: dict[str, Any], verdict: str
) -> None:
    guard = group(operator, first, simple("$.amount", "IS_CHANGED"))
    (go,) = (await explained(api, automatic(guard, manual=True)))["transitions"]
    assert go["criterion"]["verdict"] == verdict
    assert go["criterion"]["conditions"][1]["note"] == "unsupported operator: IS_CHANGED"


async def test_manual_disabled_and_scheduled_transitions_say_what_they_wait_for(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    why = await explained(
        api,
        automatic(None, "byHand", manual=True, processors=[{"name": "pack", "config": {"calculationNodesTags": "p"}}]),
        automatic(None, "never", disabled=True),
        automatic(None, "later", schedule={"delayMs": 60_000, "timeoutMs": 5}),
    )
    by_hand, never, later = why["transitions"]
    assert (by_hand["kind"], by_hand["needs"]) == (
        "MANUAL", [{"kind": "PROCESSOR", "name": "pack", "tags": "p", "members": 0, "executionMode": "SYNC"}],
    )  # fmt: skip
    assert by_hand["move"] == (
        'taken when a client names it, once a member with one of the tags "p" is connected'
    )  # fmt: skip
    assert never["disabled"]
    assert never["move"].startswith("never while it is disabled")
    assert later["kind"] == "SCHEDULED"
    assert (later["timer"]["timeoutMs"], later["timer"]["isDue"]) == (5, False)
    assert later["move"] == f"taken when its timer fires at {later['timer']['dueAt']}"


async def test_the_last_error_of_the_trail_is_shown(api: httpx.AsyncClient, node: Node) -> None:
    async def fail(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": False, "error": {"message": "no"}}

    InProcessMember(node, fail)
    entering = {"name": "enter", "next": "S", "processors": [{"name": "p", "executionMode": "ASYNC_NEW_TX"}]}
    definition = {
        "version": "1.3", "name": "w", "initialState": "N", "states": {"N": {"transitions": [entering]}, "S": {}},
    }  # fmt: skip
    await model(api)
    await workflow(api, definition=definition)
    why = ok(await api.get(f"/entity/{await entity(api)}/why"))
    assert (why["lastError"]["type"], why["lastError"]["details"]) == (
        "STATE_PROCESS_RESULT", 'Processor "p" completed',
    )  # fmt: skip
    assert why["summary"] == '"S" is a terminal state: nothing leads out of it'


async def test_a_state_that_no_active_workflow_has_is_said_to_be_stuck(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    why = ok(await api.get(f"/entity/{entity_id}/why"))
    assert [transition["name"] for transition in why["transitions"]] == ["UPDATE", "DELETE"]
    await workflow(api, definition=states())
    why = ok(await api.get(f"/entity/{entity_id}/why"))
    assert "workflow" not in why
    assert why["transitions"] == []
    assert why["summary"] == 'no active workflow has the state "CREATED": updates keep it where it is'


async def test_nothing_is_written_by_asking(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api, definition=states(automatic(simple("$.amount", "EQUALS", 2))))
    entity_id = await entity(api)
    before = ok(await api.get(f"/audit/entity/{entity_id}"))
    ok(await api.get(f"/entity/{entity_id}/why"))
    assert ok(await api.get(f"/audit/entity/{entity_id}")) == before


async def test_unknown_deleted_and_foreign_entities_are_not_found(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await model(api)
    entity_id = await entity(api)
    refused(await api.get(f"/entity/{UNKNOWN}/why"), 404, "ENTITY_NOT_FOUND")
    refused(await stranger.get(f"/entity/{entity_id}/why"), 404, "ENTITY_NOT_FOUND")
    refused(await api.get("/entity/x/why"), 400, "BAD_REQUEST")
    ok(await api.delete(f"/entity/{entity_id}"))
    refused(await api.get(f"/entity/{entity_id}/why"), 404, "ENTITY_NOT_FOUND")
