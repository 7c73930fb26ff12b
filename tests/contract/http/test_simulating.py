"""Simulating workflows on a sample (ours): the real rules with given or living members, and nothing is saved."""

from __future__ import annotations

from typing import Any

import httpx

from cyoda.runtime import Node
from tests.contract.http.compute import InProcessMember
from tests.contract.http.steps import MATCH_ALL, model, ok, refused, workflow

PATH = "/model/order/1/workflow/simulate"


def processor(name: str, mode: str = "SYNC", **config: Any) -> dict[str, Any]:
    return {"name": name, "executionMode": mode, "config": config}


def definition(states: dict[str, Any], initial: str = "A", **members: Any) -> dict[str, Any]:
    return {"version": "1.3", "name": "w", "initialState": initial, "states": states, **members}


def going(*processors: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A leads to B, automatically."""
    return definition({"A": {"transitions": [{"name": "go", "next": "B", "processors": [*processors], **members}]},
                       "B": {}})  # fmt: skip


async def simulated(api: httpx.AsyncClient, *workflows: dict[str, Any], **members: Any) -> dict[str, Any]:
    sent = {"entity": {"amount": 1, "name": "a"}, **({"workflows": [*workflows]} if workflows else {}), **members}
    return ok(await api.post(PATH, json=sent))


def callouts(run: dict[str, Any]) -> list[dict[str, Any]]:
    return [step["callout"] for step in run["steps"] if step["kind"] == "CALLOUT"]


def events(run: dict[str, Any]) -> list[str]:
    return [step["eventType"] for step in run["steps"] if step["kind"] == "EVENT"]


async def test_a_cascade_is_told_step_by_step_with_callouts_in_their_place(api: httpx.AsyncClient) -> None:
    await model(api)
    guard = {"type": "function", "function": {"name": "isFine", "config": {"calculationNodesTags": "t"}}}
    answers = {"processors": {"double": {"data": {"amount": 2, "name": "a"}}}, "criteria": {"isFine": True}}
    run = await simulated(api, going(processor("double"), criterion=guard), members=answers)
    assert (run["state"], run["entity"]) == ("B", {"amount": 2, "name": "a"})
    assert (run["timers"], run["warnings"], "refusal" in run) == ([], [], False)
    assert [step.get("eventType") or step["callout"]["name"] for step in run["steps"]] == [
        "STATE_MACHINE_START", "WORKFLOW_FOUND", "isFine", "PAUSE_FOR_PROCESSING", "double", "STATE_PROCESS_RESULT",
        "TRANSITION_MAKE", "STATE_MACHINE_FINISH",
    ]  # fmt: skip
    assert callouts(run) == [
        {"kind": "criteria", "name": "isFine", "tags": "t", "transition": "go", "matches": True},
        {"kind": "processor", "name": "double", "tags": "", "transition": "go", "data": {"amount": 2, "name": "a"}},
    ]
    assert [step["entity"] for step in run["steps"] if "entity" in step] == [{"amount": 2, "name": "a"}]


async def test_nothing_is_saved(api: httpx.AsyncClient) -> None:
    await model(api)
    run = await simulated(api, going(processor("p", "COMMIT_BEFORE_DISPATCH")), members={"processors": {"p": {}}})
    assert run["state"] == "B"
    assert [step["state"] for step in run["steps"] if step["kind"] == "COMMIT"] == ["A"]
    assert ok(await api.get("/entity/order/1")) == []
    refused(await api.get("/model/order/1/workflow/export"), 404, "WORKFLOW_NOT_FOUND")
    assert (await api.post("/search/direct/order/1", json=MATCH_ALL)).text.strip() in ("", "[]")


async def test_the_stored_workflows_are_used_unless_others_are_given(api: httpx.AsyncClient) -> None:
    await model(api)
    unknown = await simulated(api)
    assert (unknown["state"], unknown["warnings"]) == (
        "CREATED", ["no workflows imported for model — using default workflow"]
    )  # fmt: skip
    await workflow(api, definition=going())
    assert (await simulated(api))["state"] == "B"
    assert (await simulated(api, definition({"Z": {}}, "Z")))["state"] == "Z"


async def test_a_run_may_start_in_a_state_and_with_a_transition(api: httpx.AsyncClient) -> None:
    await model(api)
    document = going(manual=True)
    assert (await simulated(api, document))["state"] == "A"
    assert (await simulated(api, document, state="A", transition="go"))["state"] == "B"
    resting = await simulated(api, document, state="A")
    assert (resting["state"], events(resting)) == ("A", ["STATE_MACHINE_START", "STATE_MACHINE_FINISH"])
    missing = await simulated(api, document, state="A", transition="fly")
    assert missing["refusal"]["errorCode"] == "TRANSITION_NOT_FOUND"
    refused(
        await api.post(PATH, json={"entity": {"amount": 1}, "transition": "go"}), 400, "BAD_REQUEST",
        "a transition can only be taken from a state: state is missing",
    )  # fmt: skip


async def test_a_failing_processor_is_the_refusal_that_a_write_would_get(api: httpx.AsyncClient) -> None:
    await model(api)
    run = await simulated(api, going(processor("p")), members={"processors": {"p": {"error": "no stock"}}})
    assert run["refusal"] == {
        "errorCode": "WORKFLOW_FAILED", "message": "processor p failed: processor dispatch failed: no stock"
    }  # fmt: skip
    assert (run["state"], run["entity"]) == ("A", {"amount": 1, "name": "a"})
    (asked,) = callouts(run)
    assert asked["error"] == "processor dispatch failed: no stock"


async def test_what_async_new_tx_answers_is_discarded_and_its_failure_is_survived(api: httpx.AsyncClient) -> None:
    await model(api)
    document = going(processor("p", "ASYNC_NEW_TX"), processor("q", "ASYNC_NEW_TX"))
    run = await simulated(api, document, members={"processors": {"p": {"data": {"amount": 9}}, "q": {"error": "x"}}})
    assert (run["state"], run["entity"], "refusal" in run) == ("B", {"amount": 1, "name": "a"}, False)
    assert callouts(run)[0] == {
        "kind": "processor", "name": "p", "tags": "", "transition": "go", "data": {"amount": 9}, "discarded": True,
    }  # fmt: skip


async def test_an_answer_that_is_not_given_is_missed_by_name(api: httpx.AsyncClient) -> None:
    await model(api)
    run = await simulated(api, going(processor("p")))
    assert run["refusal"]["errorCode"] == "NO_COMPUTE_MEMBER_FOR_TAG"
    assert "no answer is given for the processor p" in run["refusal"]["message"]


async def test_a_false_criterion_with_its_reason_keeps_the_sample_where_it_is(api: httpx.AsyncClient) -> None:
    await model(api)
    guard = {"type": "function", "function": {"name": "f"}}
    answers = {"criteria": {"f": {"matches": False, "reason": "too small"}}}
    run = await simulated(api, going(criterion=guard), members=answers)
    assert run["state"] == "A"
    (data,) = [step["data"] for step in run["steps"] if step.get("eventType") == "TRANSITION_NOT_MATCH_CRITERION"]
    assert data["reason"] == "too small"


async def test_timers_that_would_be_armed_are_listed(api: httpx.AsyncClient) -> None:
    await model(api)
    function = {"name": "when", "resultKind": "Schedule", "calculationNodesTags": "t"}
    later = [
        {"name": "late", "next": "A", "schedule": {"delayMs": 1000, "timeoutMs": 7}},
        {"name": "computed", "next": "A", "schedule": {"function": function}},
    ]
    document = definition({"A": {"transitions": later}})
    answers = {"functions": {"when": {"result": {"fireAt": 4102444800000}}}}
    run = await simulated(api, document, members=answers, allowCycles=True)
    late, computed = run["timers"]
    assert (late["transition"], late["timeoutMs"]) == ("late", 7)
    assert computed == {"transition": "computed", "dueAt": "2100-01-01T00:00:00Z"}


async def test_living_members_are_asked_outside_of_any_transaction(api: httpx.AsyncClient, node: Node) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    async def work(request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
        asked.append((request["transactionId"], joined))
        return {"success": True, "payload": {"type": "JSON", "data": {"amount": 5, "name": "b"}}}

    InProcessMember(node, work)
    await model(api)
    run = await simulated(api, going(processor("p")), members="live")
    assert (run["state"], run["entity"]) == ("B", {"amount": 5, "name": "b"})
    assert asked == [("", {})]


async def test_the_document_is_judged_as_an_import_would(api: httpx.AsyncClient) -> None:
    await model(api)
    loop = definition({"A": {"transitions": [{"name": "x", "next": "A"}]}})
    body = {"entity": {"amount": 1}, "workflows": [loop]}
    refused(
        await api.post(PATH, json=body), 400, "VALIDATION_FAILED",
        'workflow "w": infinite loop detected: A -> A via unguarded automated transitions',
    )  # fmt: skip
    run = await simulated(api, loop, allowCycles=True)
    assert run["refusal"]["message"] == 'state machine aborted: state "A" visited 11 times (limit: 10)'
    refused(await api.post(PATH, json={**body, "workflows": []}), 400, "VALIDATION_FAILED")
    old = {**loop, "version": "2.0"}
    refused(await api.post(PATH, json={**body, "workflows": [old]}), 400, "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED")
    refused(await api.post(PATH, json={**body, "workflows": [{**loop, "x": 1}]}), 400, "BAD_REQUEST",
            'invalid JSON: json: unknown field "x"')  # fmt: skip


async def test_a_bad_request_or_sample_is_refused(api: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    await model(api)
    for body in ("", "[]", "{}", '{"entity":{"amount":1},"members":"dead"}', '{"entity":{"amount":1},"x":1}'):
        refused(await api.post(PATH, content=body), 400, "BAD_REQUEST")
    refused(await api.post(PATH, json={"entity": {"amount": "many"}}), 400, "INCOMPATIBLE_TYPE")
    refused(await stranger.post(PATH, json={"entity": {"amount": 1}}), 404, "MODEL_NOT_FOUND")
