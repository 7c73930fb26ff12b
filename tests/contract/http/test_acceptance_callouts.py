"""The engine's acceptance list over HTTP: processors and callbacks (contract: engine 11; the numbers are its rows)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from cyoda.runtime import Node
from tenants.identity.keys import KeyPair
from tests.contract.http.compute import InProcessMember
from tests.contract.http.conftest import client_of
from tests.contract.http.steps import MATCH_ALL, UNKNOWN, entity, model, ok, read, refused, workflow
from tests.contract.http.test_audit import of_type, states, told, trail
from workflows.compute.members import Member, Pending

CBD = "COMMIT_BEFORE_DISPATCH"
Json = dict[str, Any]
Work = Callable[[Json, Json], Awaitable[Json]]
DONE: Json = {"success": True}
FAILED: Json = {"success": False, "error": {"message": "no"}}


def processor(name: str = "p", mode: str = "SYNC", **config: Any) -> Json:
    return {"name": name, "executionMode": mode, "config": config}


def going(*processors: Json, manual: bool = False, **more: Any) -> Json:
    """A leads to B by `go`, which runs the processors."""
    go = {"name": "go", "next": "B", "manual": manual, "processors": list(processors), **more}
    return states(A=[go], B=[])


async def notes(api: httpx.AsyncClient, **joined: str) -> list[str]:
    return sorted(note["data"]["name"] for note in ok(await api.get("/entity/note/1", headers=joined)))


async def orders(api: httpx.AsyncClient) -> list[Json]:
    return ok(await api.get("/entity/order/1"))


async def post(api: httpx.AsyncClient, kind: str = "order", headers: Json | None = None) -> httpx.Response:
    return await api.post(f"/entity/JSON/{kind}/1", json={"amount": 1, "name": kind}, headers=headers or {})


async def go(api: httpx.AsyncClient, order: str, **headers: str) -> httpx.Response:
    return await api.put(f"/entity/JSON/{order}/go", json={"amount": 2, "name": "x"}, headers=headers)


async def prepared(api: httpx.AsyncClient, definition: Json) -> None:
    await model(api)
    await model(api, "note")
    await workflow(api, definition=definition)


@pytest.fixture
async def service(node: Node, signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    """A member's own identity in the tenant `acme`."""
    async with client_of(node, signing_key, sub="svc", caas_org_id="acme", scopes=["ROLE_M2M"]) as client:
        yield client


# --- 16 to 21: processors -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["", "SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX"])
async def test_16_a_failing_processor_refuses_the_creation_unless_it_runs_on_its_own(
    api: httpx.AsyncClient, node: Node, mode: str
) -> None:
    async def fail(_request: Json, _joined: Json) -> Json:
        return FAILED | {"payload": {"data": {"amount": 9}}}

    InProcessMember(node, fail)
    await prepared(api, going(processor("p", mode)))
    answer = await post(api)
    if mode == "ASYNC_NEW_TX":
        (order,) = ok(answer)[0]["entityIds"]
        found = await read(api, order)
        assert (found["meta"]["state"], found["data"]) == ("B", {"amount": 1, "name": "order"})
        result = of_type(await trail(api, order), "STATE_PROCESS_RESULT")
        assert result["data"] == {"success": False, "mode": mode}
    else:
        refused(answer, 400, "WORKFLOW_FAILED", "processor p failed: processor dispatch failed: no")
        assert await orders(api) == []


async def test_16_an_answer_that_does_not_say_success_is_a_failure(api: httpx.AsyncClient, node: Node) -> None:
    """Decision 7 of engine 12, as the checklist of gRPC has it (grpc 13, 23)."""

    async def silent(_request: Json, _joined: Json) -> Json:
        return {"payload": {"data": {"amount": 9}}}

    InProcessMember(node, silent)
    await prepared(api, going(processor("p")))
    message = "processor p failed: processor dispatch failed: processor returned failure"
    refused(await post(api), 400, "WORKFLOW_FAILED", message)


async def test_16_what_a_processor_on_its_own_returns_is_discarded(api: httpx.AsyncClient, node: Node) -> None:
    async def change(_request: Json, _joined: Json) -> Json:
        return DONE | {"payload": {"data": {"amount": 9}}}

    InProcessMember(node, change)
    await prepared(api, going(processor("p", "ASYNC_NEW_TX")))
    found = await read(api, await entity(api))
    assert (found["meta"]["state"], found["data"]["amount"]) == ("B", 1)


async def test_18_and_21_a_member_is_told_what_the_configuration_says_and_no_annotation(
    api: httpx.AsyncClient, node: Node
) -> None:
    requests: list[Json] = []

    async def keep(request: Json, _joined: Json) -> Json:
        requests.append(request)
        return DONE | {"matches": True}

    InProcessMember(node, keep)
    private = {"annotations": {"note": "private"}}
    told_all = processor("told", context="grams") | private
    bare = processor("bare", attachEntity=False)
    guard = {"type": "function", "function": {"name": "guard", "config": {"context": "v2", "attachEntity": False}}}
    await prepared(api, going(told_all, bare, criterion=guard, annotations=private["annotations"]) | private)
    order = await entity(api)
    criterion, first, second = requests
    assert [each.get("parameters") for each in (criterion, first, second)] == ["v2", "grams", None]
    assert ["payload" in each for each in (criterion, first, second)] == [False, True, False]
    assert first["payload"]["data"] == {"amount": 1, "name": "a"}
    assert first["payload"]["meta"] | {"id": order, "state": "A"} == first["payload"]["meta"]
    assert {each["transactionId"] for each in requests} == {(await read(api, order))["meta"]["transactionId"]}
    assert "parameters" not in second
    assert "private" not in str(requests)


@pytest.mark.parametrize("mode", ["SYNC", "ASYNC_NEW_TX", CBD])
async def test_19_an_internalized_processor_fails_the_whole_operation_in_every_mode(
    api: httpx.AsyncClient, node: Node, mode: str
) -> None:
    InProcessMember(node)
    await prepared(api, going(processor("first"), processor("p", mode) | {"type": "internalized"}))
    message = 'processor p failed: execution type "internalized" is not yet implemented'
    refused(await post(api), 400, "WORKFLOW_FAILED", message)
    assert await orders(api) == []


@pytest.mark.parametrize("flag", [False, True])
async def test_20_a_committed_entity_is_readable_where_it_was_while_the_processor_works(
    api: httpx.AsyncClient, node: Node, flag: bool
) -> None:
    seen: list[Any] = []

    async def look(request: Json, joined: Json) -> Json:
        (order,) = await orders(api)
        seen.append((order["meta"]["state"], order["data"]["amount"], request["transactionId"] == "", joined == {}))
        ok(await post(api, "note", joined))
        seen.append(await notes(api))
        return DONE | {"payload": {"data": {"amount": 5}}}

    InProcessMember(node, look)
    await prepared(api, going(processor("p", CBD, startNewTxOnDispatch=flag)))
    (chunk,) = ok(await post(api))
    (order,) = chunk["entityIds"]
    assert seen == [("A", 1, not flag, not flag), [] if flag else ["note"]]
    found = await read(api, order)
    assert (found["meta"]["state"], found["data"]) == ("B", {"amount": 5})
    newest, oldest = ok(await api.get(f"/entity/{order}/changes"))
    assert newest["transactionId"] != oldest["transactionId"] == chunk["transactionId"]
    (note,) = ok(await api.get("/entity/note/1"))
    assert (note["meta"]["transactionId"] == newest["transactionId"]) == flag


@pytest.mark.parametrize("flag", [False, True])
async def test_20_a_failure_after_the_commit_leaves_the_entity_where_it_was(
    api: httpx.AsyncClient, node: Node, flag: bool
) -> None:
    async def fail(_request: Json, joined: Json) -> Json:
        ok(await post(api, "note", joined))
        return FAILED

    InProcessMember(node, fail)
    await prepared(api, going(processor("p", CBD, startNewTxOnDispatch=flag)))
    refused(await post(api), 400, "WORKFLOW_FAILED", "processor p failed: processor dispatch failed: no")
    (order,) = await orders(api)
    assert (order["meta"]["state"], order["data"]["amount"]) == ("A", 1)
    assert await notes(api) == ([] if flag else ["note"])


async def test_20_a_stale_precondition_is_found_before_the_processor_is_called(
    api: httpx.AsyncClient, node: Node
) -> None:
    asked: list[Json] = []

    async def keep(request: Json, _joined: Json) -> Json:
        asked.append(request)
        return DONE

    InProcessMember(node, keep)
    await prepared(api, going(processor("p", CBD), manual=True))
    order = await entity(api)
    refused(await go(api, order, **{"If-Match": UNKNOWN}), 412, "ENTITY_MODIFIED", entityId=order)
    assert (asked, len(ok(await api.get(f"/entity/{order}/changes")))) == ([], 1)
    current = (await read(api, order))["meta"]["transactionId"]
    ok(await go(api, order, **{"If-Match": current}))
    assert (await read(api, order))["meta"]["state"] == "B"


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("manual", [False, True])
async def test_an_entity_that_changes_during_a_detached_callout_is_left_to_who_changed_it(
    api: httpx.AsyncClient, node: Node, flag: bool, manual: bool
) -> None:
    """Decision 4 of engine 12: 412 for a single update, 409 to be tried again for a creation."""

    async def interfere(request: Json, _joined: Json) -> Json:
        await workflow(api, definition=states(A=[], B=[]))
        ok(await api.put(f"/entity/JSON/{request['entityId']}", json={"amount": 7}))
        return DONE

    await prepared(api, going(processor("p", CBD, startNewTxOnDispatch=flag), manual=manual))
    order = await entity(api) if manual else None
    InProcessMember(node, interfere)
    if order is not None:
        refused(await go(api, order), 412, "ENTITY_MODIFIED", entityId=order)
    else:
        refused(await post(api), 409, "CONFLICT", "transaction conflict — retry", retryable=True)
    (left,) = await orders(api)
    assert (left["meta"]["state"], left["data"]["amount"]) == ("A", 7)


async def test_every_event_of_a_segmented_transition_carries_the_entry_id(api: httpx.AsyncClient, node: Node) -> None:
    """Decision 13 of engine 12, with timers that are cancelled and armed in the second segment."""
    InProcessMember(node)
    later = {"next": "C", "schedule": {"delayMs": 60_000}}
    go_on = {"name": "go", "next": "B", "manual": True, "processors": [processor("p", CBD)]}
    definition = states(A=[go_on, later | {"name": "early"}], B=[later | {"name": "late"}], C=[])
    await prepared(api, definition)
    order = await entity(api)
    answer = ok(await go(api, order))
    events = [event for event, _, _ in await told(api, order, f"&transactionId={answer['transactionId']}")]
    assert events == [
        "STATE_MACHINE_START", "PAUSE_FOR_PROCESSING", "STATE_PROCESS_RESULT", "TRANSITION_MAKE",
        "SCHEDULED_TRANSITION_CANCEL", "SCHEDULED_TRANSITION_ARM", "STATE_MACHINE_FINISH",
    ]  # fmt: skip


async def test_a_question_that_cannot_be_written_fails_the_operation(api: httpx.AsyncClient, node: Node) -> None:
    def broken(pending: Pending) -> None:
        pending.unwritable("the stream is broken")

    node.members.add(Member(id=uuid4(), tenant="acme", tags=(), send=broken, clock=node.platform.clock))
    await prepared(api, going(processor("p")))
    message = "processor p failed: failed to send processor request: the stream is broken"
    refused(await post(api), 400, "WORKFLOW_FAILED", message)
    assert await orders(api) == []


# --- 22 to 25: callbacks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [DONE, FAILED])
async def test_22_what_a_callback_creates_is_seen_inside_only_and_shares_its_owners_fate(
    api: httpx.AsyncClient, node: Node, answer: Json
) -> None:
    async def work(request: Json, joined: Json) -> Json:
        (chunk,) = ok(await post(api, "note", joined))
        assert chunk["transactionId"] == request["transactionId"]
        assert ok(await api.get(f"/entity/{request['entityId']}", headers=joined))["meta"]["state"] == "A"
        refused(await api.get(f"/entity/{request['entityId']}"), 404, "ENTITY_NOT_FOUND")
        for headers, count in ((joined, 1), ({}, 0)):
            assert len(await notes(api, **headers)) == count
            found = await api.post("/search/direct/note/1", json=MATCH_ALL, headers=headers)
            assert len(found.text.splitlines()) == count
        return answer

    InProcessMember(node, work)
    await prepared(api, going(processor("p")))
    done = await post(api)
    assert done.status_code == (200 if answer is DONE else 400)
    assert (len(await orders(api)), await notes(api)) == ((1, ["note"]) if answer is DONE else (0, []))


async def test_22_a_callback_of_a_criterion_reads_what_is_not_committed(api: httpx.AsyncClient, node: Node) -> None:
    async def judge(request: Json, joined: Json) -> Json:
        inside = ok(await api.get(f"/entity/{request['entityId']}", headers=joined))
        return DONE | {"matches": inside["data"]["amount"] == 1}

    InProcessMember(node, judge)
    await prepared(api, going(criterion={"type": "function", "function": {"name": "f"}}))
    assert (await read(api, await entity(api)))["meta"]["state"] == "B"


@pytest.mark.parametrize("flag", [False, True])
async def test_22_after_a_segment_callbacks_join_the_transaction_that_is_open_then(
    api: httpx.AsyncClient, node: Node, flag: bool
) -> None:
    """What follows a segment never carries the token of a committed transaction (engine 3.7)."""
    ids: list[str] = []

    async def work(request: Json, joined: Json) -> Json:
        if request.get("processorName") != "segment":
            ids.append(request["transactionId"])
            ok(await post(api, "note", joined))
            assert ok(await api.get(f"/entity/{request['entityId']}", headers=joined))["meta"]["state"] in "AB"
        return DONE | {"matches": True}

    InProcessMember(node, work)
    leave = {"name": "on", "next": "C", "criterion": {"type": "function", "function": {"name": "f"}}}
    first = [processor("before"), processor("segment", CBD, startNewTxOnDispatch=flag), processor("after")]
    definition = states(A=[{"name": "go", "next": "B", "processors": first}], B=[leave], C=[])
    await prepared(api, definition)
    (chunk,) = ok(await post(api))
    (order,) = chunk["entityIds"]
    last = (await read(api, order))["meta"]["transactionId"]
    assert ids == [chunk["transactionId"], last, last]
    assert last != chunk["transactionId"]
    stamps = [note["meta"]["transactionId"] for note in ok(await api.get("/entity/note/1"))]
    assert sorted(stamps) == sorted(ids)


async def test_23_a_callback_may_update_what_its_transaction_created_under_a_precondition(
    api: httpx.AsyncClient, node: Node
) -> None:
    async def work(_request: Json, joined: Json) -> Json:
        (chunk,) = ok(await post(api, "note", joined))
        path = f"/entity/JSON/{chunk['entityIds'][0]}"
        headers = joined | {"If-Match": chunk["transactionId"]}
        ok(await api.put(path, json={"name": "changed"}, headers=headers))
        stale = await api.put(path, json={"name": "again"}, headers=joined | {"If-Match": UNKNOWN})
        refused(stale, 412, "ENTITY_MODIFIED")
        return DONE

    InProcessMember(node, work)
    await prepared(api, going(processor("p")))
    await entity(api)
    assert await notes(api) == ["changed"]


async def test_23_with_an_empty_token_a_callback_stands_alone_and_survives(api: httpx.AsyncClient, node: Node) -> None:
    async def work(_request: Json, _joined: Json) -> Json:
        ok(await post(api, "note", {"X-Tx-Token": ""}))
        return FAILED

    InProcessMember(node, work)
    await prepared(api, going(processor("p")))
    refused(await post(api), 400, "WORKFLOW_FAILED")
    assert (await orders(api), await notes(api)) == ([], ["note"])


async def test_24_callbacks_of_a_processor_on_its_own_vanish_when_it_fails(api: httpx.AsyncClient, node: Node) -> None:
    async def work(request: Json, joined: Json) -> Json:
        name = request["processorName"]
        ok(await api.post("/entity/JSON/note/1", json={"name": name}, headers=joined))
        return DONE if name == "good" else FAILED

    InProcessMember(node, work)
    await prepared(api, going(processor("bad", "ASYNC_NEW_TX"), processor("good", "ASYNC_NEW_TX")))
    assert (await read(api, await entity(api)))["meta"]["state"] == "B"
    assert await notes(api) == ["good"]


async def test_25_a_joined_write_and_deletion_of_a_service_are_attributed_to_the_person(
    api: httpx.AsyncClient, service: httpx.AsyncClient, node: Node
) -> None:
    made: list[str] = []

    async def work(_request: Json, joined: Json) -> Json:
        (chunk,) = ok(await post(service, "note", joined))
        made.extend(chunk["entityIds"])
        ok(await service.delete(f"/entity/{old}", headers=joined))
        return DONE

    InProcessMember(node, work)
    await prepared(api, going(processor("p")))
    old = await entity(api, name="note")
    await entity(api)
    for entity_id, change_type in ((made[0], "CREATE"), (old, "DELETE")):
        newest = ok(await api.get(f"/entity/{entity_id}/changes"))[0]
        assert (newest["changeType"], newest["user"], newest["attributedKind"], newest["executedBy"]) == (
            change_type, "u-1", "user", {"id": "svc", "kind": "service"},
        )  # fmt: skip
