"""The audit trail over HTTP (contract: engine 6.1-6.4, 5.5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from cyoda.principal import Principal
from cyoda.runtime import Node
from tenants.identity.keys import KeyPair
from tests.contract.http.compute import InProcessMember
from tests.contract.http.conftest import client_of
from tests.contract.http.steps import REVIEW, UNKNOWN, entity, model, ok, read, refused, workflow

OWNER = Principal(tenant="acme", user_id="u-1", kind="user")
ACTOR = {"id": "u-1", "name": "u-1", "legalId": "acme"}
Item = dict[str, Any]


def states(**transitions: list[dict[str, Any]]) -> dict[str, Any]:
    """A workflow whose first state is the initial one, and whose others are given too."""
    return {
        "version": "1.3", "name": "flow", "initialState": next(iter(transitions)),
        "states": {name: {"transitions": leaving} for name, leaving in transitions.items()},
    }  # fmt: skip


def amount(operator: str, value: object) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": "$.amount", "operatorType": operator, "value": value}


async def trail(api: httpx.AsyncClient, entity_id: str, query: str = "") -> list[Item]:
    """All items that fit one answer, newest first."""
    return ok(await api.get(f"/audit/entity/{entity_id}?limit=1000{query}"))["items"]


async def told(api: httpx.AsyncClient, entity_id: str, query: str = "") -> list[tuple[str, str, str | None]]:
    """What the state machine did, oldest first: type, details, state."""
    items = await trail(api, entity_id, f"&eventType=StateMachine{query}")
    return [(item["eventType"], item["details"], item.get("state")) for item in reversed(items)]


def of_type(items: list[Item], event_type: str) -> Item:
    (found,) = [item for item in items if item.get("eventType") == event_type]
    return found


async def last_transaction(api: httpx.AsyncClient, entity_id: str) -> str:
    return (await read(api, entity_id))["meta"]["transactionId"]


@pytest.fixture
async def service(node: Node, signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    """A compute member's identity in the tenant `acme`."""
    async with client_of(node, signing_key, sub="svc-risk", caas_org_id="acme", scopes=["ROLE_M2M"]) as client:
        yield client


@pytest.fixture
async def order(api: httpx.AsyncClient) -> str:
    """Created in DRAFT, approved, deleted: nine events and three changes."""
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    ok(await api.put(f"/entity/JSON/{entity_id}/approve", json={"amount": 2}))
    ok(await api.delete(f"/entity/{entity_id}"))
    return entity_id


# --- the items ------------------------------------------------------------------------------------------------------


async def test_a_creation_is_told_step_by_step(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    created = await read(api, entity_id)
    change, finish, make, found, start = await trail(api, entity_id)
    common = {
        "auditEventType": "StateMachine", "severity": "INFO", "entityId": entity_id,
        "transactionId": created["meta"]["transactionId"],
    }  # fmt: skip
    assert without_time(start) == common | {
        "eventType": "STATE_MACHINE_START", "details": "State machine started", "data": None,
    }  # fmt: skip
    assert without_time(found) == common | {
        "eventType": "WORKFLOW_FOUND", "details": 'Workflow "review" selected (no criterion)', "data": None,
    }  # fmt: skip
    assert without_time(make) == common | {
        "eventType": "TRANSITION_MAKE", "details": 'Transition "start": NONE → DRAFT', "data": None, "state": "NONE",
    }  # fmt: skip
    assert without_time(finish) == common | {
        "eventType": "STATE_MACHINE_FINISH", "details": "State machine finished", "data": {"success": True},
        "state": "DRAFT",
    }  # fmt: skip
    assert without_time(change) == {
        "auditEventType": "EntityChange", "changeType": "CREATE", "severity": "INFO", "system": False,
        "entityId": entity_id, "transactionId": created["meta"]["transactionId"], "actor": ACTOR,
    }  # fmt: skip
    assert change["utcTime"] == created["meta"]["lastUpdateTime"]


def without_time(item: Item) -> Item:
    """The item without its times, which must agree."""
    rest = dict(item)
    moment = datetime.fromisoformat(rest.pop("utcTime"))
    assert rest.pop("microsTime") == (moment - datetime.fromisoformat("1970-01-01T00:00:00Z")) // timedelta(
        microseconds=1
    )
    return rest


async def test_a_deleted_entity_is_still_told_newest_first(api: httpx.AsyncClient, order: str) -> None:
    items = await trail(api, order)
    assert [item.get("changeType") or item["eventType"] for item in items] == [
        "DELETE", "UPDATE", "STATE_MACHINE_FINISH", "TRANSITION_MAKE", "STATE_MACHINE_START",
        "CREATE", "STATE_MACHINE_FINISH", "TRANSITION_MAKE", "WORKFLOW_FOUND", "STATE_MACHINE_START",
    ]  # fmt: skip
    assert [item["microsTime"] for item in items] == sorted((item["microsTime"] for item in items), reverse=True)
    deletion = items[0]
    assert deletion["actor"] == ACTOR
    assert deletion["entityId"] == order
    assert UUID(deletion["transactionId"])


async def test_named_transitions_and_loopbacks_have_their_own_words(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    ok(await api.put(f"/entity/JSON/{entity_id}/approve", json={}))
    approval = await last_transaction(api, entity_id)
    assert await told(api, entity_id, f"&transactionId={approval}") == [
        ("STATE_MACHINE_START", "Manual transition started", "DRAFT"),
        ("TRANSITION_MAKE", 'Transition "approve": DRAFT → APPROVED', "DRAFT"),
        ("STATE_MACHINE_FINISH", "Manual transition finished", "APPROVED"),
    ]
    ok(await api.put(f"/entity/JSON/{entity_id}", json={}))
    update = await last_transaction(api, entity_id)
    assert await told(api, entity_id, f"&transactionId={update}") == [
        ("STATE_MACHINE_START", "Loopback started", "APPROVED"),
        ("STATE_MACHINE_FINISH", "Loopback finished", "APPROVED"),
    ]


async def test_a_loopback_in_a_state_that_no_workflow_knows_succeeds(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    await workflow(api, definition=states(OTHER=[]))
    ok(await api.put(f"/entity/JSON/{entity_id}", json={}))
    assert (await told(api, entity_id))[-3:] == [
        ("STATE_MACHINE_START", "Loopback started", "DRAFT"),
        ("FORCE_SUCCESS", "No workflow contains current state for loopback", "DRAFT"),
        ("STATE_MACHINE_FINISH", "Loopback finished (state not in workflow)", "DRAFT"),
    ]


async def test_the_choice_of_a_workflow_is_told(api: httpx.AsyncClient) -> None:
    await model(api)
    default = await entity(api)
    assert ('WORKFLOW_FOUND', 'No imported workflow matched; using default workflow "default"', None) in await told(
        api, default
    )  # fmt: skip
    large = states(NONE=[]) | {"name": "large", "criterion": amount("GREATER_THAN", 100)}
    ok(await api.post("/model/order/1/workflow/import", json={"importMode": "REPLACE", "workflows": [large, REVIEW]}))
    small_order, large_order = await entity(api), await entity(api, {"amount": 101})
    items = await trail(api, small_order)
    skip = of_type(items, "WORKFLOW_SKIP")
    assert skip["details"] == 'Workflow "large" criterion not matched'
    assert skip["data"] == {"workflowName": "large", "reason": "criterion did not match"}
    assert of_type(items, "WORKFLOW_FOUND")["details"] == 'Workflow "review" selected (no criterion)'
    found = of_type(await trail(api, large_order), "WORKFLOW_FOUND")
    assert found["details"] == 'Workflow "large" matched criterion'


async def test_a_guard_that_does_not_let_pass_is_told(api: httpx.AsyncClient) -> None:
    await model(api)
    guarded = {"name": "grow", "next": "BIG", "criterion": amount("GREATER_THAN", 100)}
    await workflow(api, definition=states(SMALL=[guarded], BIG=[]))
    mismatch = of_type(await trail(api, await entity(api)), "TRANSITION_NOT_MATCH_CRITERION")
    assert (mismatch["details"], mismatch["state"]) == ('Automated transition "grow" criterion not matched', "SMALL")
    assert mismatch["data"] == {
        "workflowName": "flow", "transition": "grow", "criterion": "simple", "reason": "criterion did not match",
    }  # fmt: skip


async def test_processors_are_told_with_their_mode_and_success(api: httpx.AsyncClient, node: Node) -> None:
    async def work(request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
        return {"success": request["processorName"] != "b", "error": {"message": "no"}}

    InProcessMember(node, work)
    await model(api)
    processors = [{"name": "a"}, {"name": "b", "executionMode": "ASYNC_NEW_TX"}]
    await workflow(api, definition=states(NEW=[{"name": "go", "next": "DONE", "processors": processors}], DONE=[]))
    items = await trail(api, await entity(api))
    assert of_type(items, "PAUSE_FOR_PROCESSING")["details"] == "Paused for processors: [a b]"
    results = [item for item in reversed(items) if item.get("eventType") == "STATE_PROCESS_RESULT"]
    assert [(item["details"], item["data"], item["state"]) for item in results] == [
        ('Processor "a" completed', {"success": True, "mode": ""}, "NEW"),
        ('Processor "b" completed', {"success": False, "mode": "ASYNC_NEW_TX"}, "NEW"),
    ]


async def test_timers_that_are_armed_and_cancelled_are_told(api: httpx.AsyncClient) -> None:
    await model(api)
    later = {"name": "expire", "next": "GONE", "schedule": {"delayMs": 60_000}}
    leave = {"name": "leave", "next": "GONE", "manual": True}
    await workflow(api, definition=states(WAITING=[later, leave], GONE=[]))
    entity_id = await entity(api)
    ok(await api.put(f"/entity/JSON/{entity_id}/leave", json={}))
    items = await trail(api, entity_id)
    armed, cancelled = of_type(items, "SCHEDULED_TRANSITION_ARM"), of_type(items, "SCHEDULED_TRANSITION_CANCEL")
    assert (armed["details"], armed["state"]) == (
        'Scheduled transition "expire" armed for 60000ms from now', "WAITING",
    )  # fmt: skip
    due = armed["data"].pop("scheduledTime")
    assert armed["data"] == {"transition": "expire", "sourceState": "WAITING"}
    assert 0 <= due - armed["microsTime"] // 1000 - 59_990 <= 10
    assert (cancelled["details"], cancelled["state"], cancelled["data"]) == (
        'Scheduled transition "expire" cancelled (left state "WAITING")', "WAITING",
        {"transition": "expire", "sourceState": "WAITING"},
    )  # fmt: skip


async def test_all_events_of_a_segmented_operation_carry_its_entry_transaction(
    api: httpx.AsyncClient, node: Node
) -> None:
    InProcessMember(node)
    await model(api)
    pay = {"name": "pay", "executionMode": "COMMIT_BEFORE_DISPATCH"}
    await workflow(api, definition=states(NEW=[{"name": "go", "next": "DONE", "processors": [pay]}], DONE=[]))
    (chunk,) = ok(await api.post("/entity/JSON/order/1", json={"amount": 1}))
    (entity_id,) = chunk["entityIds"]
    items = await trail(api, entity_id)
    events = [item for item in items if item["auditEventType"] == "StateMachine"]
    assert {item["transactionId"] for item in events} == {chunk["transactionId"]}
    changes = [item["transactionId"] for item in items if item["auditEventType"] == "EntityChange"]
    assert len(set(changes)) == 2
    assert changes[-1] == chunk["transactionId"]
    finished = ok(await api.get(f"/audit/entity/{entity_id}/workflow/{chunk['transactionId']}/finished"))
    assert finished["state"] == "DONE"


# --- what leaves no trace -------------------------------------------------------------------------------------------


async def test_a_refused_operation_leaves_nothing(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    before = await trail(api, entity_id)
    for path, status, code in (
        ("ghost", 400, "TRANSITION_NOT_FOUND"),
        ("retire", 400, "TRANSITION_NOT_FOUND"),
    ):
        refused(await api.put(f"/entity/JSON/{entity_id}/{path}", json={}), status, code)
    stale = {"If-Match": UNKNOWN}
    refused(await api.put(f"/entity/JSON/{entity_id}/approve", json={}, headers=stale), 412, "ENTITY_MODIFIED")
    assert await trail(api, entity_id) == before


async def test_an_isolated_item_of_a_collection_leaves_its_start_and_abortion(api: httpx.AsyncClient) -> None:
    await model(api)
    await workflow(api)
    first, second = await entity(api), await entity(api)
    actual = await last_transaction(api, first)
    before = await trail(api, first)
    items = [
        {"id": first, "payload": "{}", "transition": "approve", "ifMatch": UNKNOWN},
        {"id": second, "payload": "{}", "transition": "approve"},
    ]
    (chunk,) = ok(await api.put("/entity/JSON", json=items))
    assert [failure["entityId"] for failure in chunk["failed"]] == [first]
    aborted, start, *rest = await trail(api, first)
    assert rest == before
    assert (start["eventType"], start["details"]) == ("STATE_MACHINE_START", "Manual transition started")
    assert (aborted["eventType"], aborted["state"]) == ("TRANSITION_ABORTED", "DRAFT")
    assert aborted["details"] == 'Transition "approve" aborted: entity has been modified since last read'
    assert aborted["data"] == {
        "reason": "ENTITY_MODIFIED", "transitionName": "approve", "expectedTxId": UNKNOWN, "actualTxId": actual,
    }  # fmt: skip
    assert start["transactionId"] == aborted["transactionId"] == chunk["transactionId"]


# --- filters and pages ----------------------------------------------------------------------------------------------


async def test_kinds_are_filtered(api: httpx.AsyncClient, order: str) -> None:
    everything = await trail(api, order)
    changes = [item for item in everything if item["auditEventType"] == "EntityChange"]
    events = [item for item in everything if item["auditEventType"] == "StateMachine"]
    assert (len(changes), len(events)) == (3, 7)
    assert await trail(api, order, "&eventType=EntityChange") == changes
    assert await trail(api, order, "&eventType=System&eventType=StateMachine&eventType=x") == events
    assert await trail(api, order, "&eventType=EntityChange&eventType=StateMachine") == everything
    for value in ("System", "Unknown", "entitychange", "EntityChange,StateMachine"):
        assert await trail(api, order, f"&eventType={value}") == []
    assert await trail(api, order, "&eventType[]=EntityChange") == everything


async def test_severities_are_compared_exactly(api: httpx.AsyncClient, order: str) -> None:
    assert await trail(api, order, "&severity=INFO") == await trail(api, order)
    for severity in ("info", "WARN", "ERROR"):
        assert await trail(api, order, f"&severity={severity}") == []


async def test_a_transaction_is_picked(api: httpx.AsyncClient, order: str) -> None:
    everything = await trail(api, order)
    update = everything[1]["transactionId"]
    picked = await trail(api, order, f"&transactionId={update.upper()}")
    assert picked == [item for item in everything if item["transactionId"] == update]
    assert len(picked) == 4
    assert await trail(api, order, f"&transactionId={UNKNOWN}") == []


async def test_a_period_includes_its_start_and_not_its_end(api: httpx.AsyncClient, order: str) -> None:
    everything = await trail(api, order)
    late, early = everything[2]["utcTime"], everything[6]["utcTime"]
    assert await trail(api, order, f"&fromUtcTime={early}&toUtcTime={late}") == everything[3:7]
    just_after = datetime.fromisoformat(early).strftime("%Y-%m-%dT%H:%M:%S.%f") + "001Z"
    assert await trail(api, order, f"&fromUtcTime={just_after}&toUtcTime={late}") == everything[3:6]
    assert await trail(api, order, f"&toUtcTime={just_after}") == everything[6:]
    assert await trail(api, order, "&fromUtcTime=2026-01-01&toUtcTime=9999-12-31T23:59:59.9999999Z") == everything
    assert await trail(api, order, "&toUtcTime=2026-01-01") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11])
async def test_a_walk_by_cursor_meets_every_item_once(api: httpx.AsyncClient, order: str, limit: int) -> None:
    everything = await trail(api, order)
    walked: list[Item] = []
    query = f"limit={limit}"
    while True:
        page = ok(await api.get(f"/audit/entity/{order}?{query}"))
        assert len(page["items"]) <= limit
        walked += page["items"]
        if not page["pagination"]["hasNext"]:
            assert page["pagination"] == {"hasNext": False}
            break
        assert len(page["items"]) == limit
        query = f"limit={limit}&cursor={page['pagination']['nextCursor']}"
    assert walked == everything


async def test_new_events_do_not_shift_the_pages_of_a_walk(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    everything = await trail(api, entity_id)
    first = ok(await api.get(f"/audit/entity/{entity_id}?limit=2"))
    ok(await api.put(f"/entity/JSON/{entity_id}", json={"amount": 2}))
    rest = await trail(api, entity_id, f"&cursor={first['pagination']['nextCursor']}")
    assert first["items"] + rest == everything


async def test_a_cursor_that_means_nothing_starts_anew_and_one_past_the_end_finds_nothing(
    api: httpx.AsyncClient, order: str
) -> None:
    everything = await trail(api, order)
    for cursor in ("", "x", "-1", "!", "WzFd", "%C3%A9", "1" * 40):
        assert await trail(api, order, f"&cursor={cursor}") == everything, cursor
    assert await trail(api, order, "&cursor=4") == everything[4:]
    end = ok(await api.get(f"/audit/entity/{order}?cursor=10000"))
    assert end == {"items": [], "pagination": {"hasNext": False}}


async def test_twenty_items_come_by_default_and_at_most_a_thousand(api: httpx.AsyncClient) -> None:
    await model(api)
    entity_id = await entity(api)
    for number in range(350):
        ok(await api.put(f"/entity/JSON/{entity_id}", json={"amount": number}))
    page = ok(await api.get(f"/audit/entity/{entity_id}"))
    assert (len(page["items"]), page["pagination"]["hasNext"]) == (20, True)
    for limit in ("1000", "1001", "5000", "+5000", "9" * 18):
        page = ok(await api.get(f"/audit/entity/{entity_id}", params={"limit": limit}))
        assert (len(page["items"]), page["pagination"]["hasNext"]) == (1000, True)


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_parameters_that_do_not_bind_are_refused(api: httpx.AsyncClient, order: str) -> None:
    for name, value in (("fromUtcTime", "x"), ("toUtcTime", "2026-01-01T00:00:00"), ("transactionId", "x")):
        refused(
            await api.get(f"/audit/entity/{UNKNOWN}?{name}={value}"), 400, "BAD_REQUEST",
            f"invalid value for parameter '{name}'", parameter=name,
        )  # fmt: skip
    refused(await api.get("/audit/entity/x?limit=0"), 400, "BAD_REQUEST", parameter="entityId")
    refused(await api.get(f"/audit/entity/x/workflow/{UNKNOWN}/finished"), 400, "BAD_REQUEST", parameter="entityId")
    refused(await api.get(f"/audit/entity/{order}/workflow/x/finished"), 400, "BAD_REQUEST", parameter="transactionId")
    for limit in ("0", "-1", "abc", "", "1.5", " 1", "9" * 30):
        answer = await api.get(f"/audit/entity/{order}", params={"limit": limit})
        refused(answer, 400, "BAD_REQUEST", "invalid limit parameter")


async def test_existence_is_judged_before_the_limit_and_by_tenant(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, order: str
) -> None:
    for client, entity_id in ((api, UNKNOWN), (stranger, order)):
        answer = await client.get(f"/audit/entity/{entity_id}?limit=0&eventType=System")
        refused(answer, 404, "ENTITY_NOT_FOUND", "entity not found")
        assert answer.json()["properties"] == {"errorCode": "ENTITY_NOT_FOUND"}
    foreign, missing = [await stranger.get(f"/audit/entity/{i}") for i in (order, UNKNOWN)]
    assert foreign.text == missing.text.replace(UNKNOWN, order)


# --- finished -------------------------------------------------------------------------------------------------------


async def test_the_finish_of_an_operation_is_found_by_its_transaction(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    creation = await last_transaction(api, entity_id)
    update = ok(await api.put(f"/entity/JSON/{entity_id}/approve", json={}))["transactionId"]
    for transaction_id, state in ((creation, "DRAFT"), (update, "APPROVED")):
        item = ok(await api.get(f"/audit/entity/{entity_id}/workflow/{transaction_id}/finished"))
        assert item in await trail(api, entity_id)
        assert (item["eventType"], item["state"], item["data"], item["transactionId"]) == (
            "STATE_MACHINE_FINISH", state, {"success": True}, transaction_id,
        )  # fmt: skip
    deletion = ok(await api.delete(f"/entity/{entity_id}"))["transactionId"]
    for client, one, other in (
        (api, entity_id, UNKNOWN),
        (api, UNKNOWN, creation),
        (api, entity_id, deletion),
        (stranger, entity_id, creation),
    ):
        answer = await client.get(f"/audit/entity/{one}/workflow/{other}/finished")
        refused(answer, 404, "ENTITY_NOT_FOUND", "finished event not found")


async def test_of_several_finishes_in_one_transaction_the_earliest_is_told(api: httpx.AsyncClient, node: Node) -> None:
    await model(api)
    await workflow(api)
    entity_id = await entity(api)
    transactions = node.platform.transactions
    async with transactions.run(OWNER) as transaction:
        transaction.lock.release()
        joined = {"X-Tx-Token": transactions.token(transaction)}
        ok(await api.put(f"/entity/JSON/{entity_id}", json={}, headers=joined))
        ok(await api.put(f"/entity/JSON/{entity_id}/approve", json={}, headers=joined))
        assert await trail(api, entity_id, f"&transactionId={transaction.id}") == []
        await transaction.lock.acquire()
    finished = ok(await api.get(f"/audit/entity/{entity_id}/workflow/{transaction.id}/finished"))
    assert (finished["details"], finished["state"]) == ("Loopback finished", "DRAFT")
    assert len(await trail(api, entity_id, f"&transactionId={transaction.id}")) == 6


# --- who did it -----------------------------------------------------------------------------------------------------


async def test_a_callbacks_joined_write_is_attributed_to_the_person_who_began(
    api: httpx.AsyncClient, service: httpx.AsyncClient, node: Node
) -> None:
    made: list[str] = []

    async def work(_request: dict[str, Any], joined: dict[str, str]) -> dict[str, Any]:
        for headers in (joined, {}):
            (chunk,) = ok(await service.post("/entity/JSON/note/1", json={"text": "x"}, headers=headers))
            made.extend(chunk["entityIds"])
        return {"success": True}

    InProcessMember(node, work)
    await model(api)
    await model(api, "note", {"text": "x"})
    await workflow(api, definition=states(NEW=[{"name": "go", "next": "DONE", "processors": [{"name": "p"}]}], DONE=[]))
    owner = await entity(api)
    joined, alone = made
    transaction_id = await last_transaction(api, owner)
    change = (await trail(api, joined, "&eventType=EntityChange"))[0]
    assert (change["actor"], change["transactionId"]) == (ACTOR, transaction_id)
    assert {item["transactionId"] for item in await trail(api, joined)} == {transaction_id}
    (own,) = await trail(api, alone, "&eventType=EntityChange")
    assert own["actor"] == {"id": "svc-risk", "name": "svc-risk", "legalId": "acme"}
    assert own["transactionId"] != transaction_id


async def test_changes_tell_how_they_differ_from_the_version_before_if_asked(api: httpx.AsyncClient) -> None:
    await model(api, sample={"name": "a", "amount": 1, "tags": ["x"]})
    entity_id = await entity(api, {"name": "a", "amount": 1})
    ok(await api.put(f"/entity/JSON/{entity_id}", json={"name": "b", "amount": 1, "tags": ["x", "y"]}))
    assert "changedFields" not in (await trail(api, entity_id))[0]
    made, *_, changed = reversed(await trail(api, entity_id, "&eventType=EntityChange&differences=true"))
    assert (made["toState"], made["changedFields"], "fromState" in made) == ("CREATED", 2, False)
    assert (changed["fromState"], changed["toState"], changed["changedFields"]) == ("CREATED", "CREATED", 3)
    ok(await api.delete(f"/entity/{entity_id}"))
    deleted = (await trail(api, entity_id, "&differences=true"))[0]
    assert (deleted["version"], "toState" in deleted) == (3, False)
