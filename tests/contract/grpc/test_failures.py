"""What the caller is told when a callout or a join fails (contract: grpc 13.2-13.4, 15.3, 16.5; engine 3.6)."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from cyoda.clock import system_clock
from cyoda.cluster.tokens import JoinTokens
from tests.contract.grpc.conftest import ANN, PRINCIPALS, Client, Node, _event, _metadata
from tests.contract.grpc.flows import (
    CONFIG,
    CRITERION,
    FUNCTION,
    GUARDED,
    PROCESSED,
    PROCESSOR,
    RATE,
    asked,
    flow,
    rate,
    say,
)
from tests.contract.grpc.orders import NIL, ORDER, created, entity_request, read
from tests.contract.grpc.requests import PLACEHOLDERS, REQUESTS, STREAMING

SCHEDULED = {"name": "later", "next": "OTHER", "schedule": {"function": FUNCTION}}
ARMING = {"NEW": {"transitions": [RATE]}, "RATED": {"transitions": [SCHEDULED]}, "OTHER": {}}
WORKFLOW_GUARDED = {"criterion": CRITERION}


async def set_up(node: Node, place: str) -> None:
    """A workflow that asks a member, when `rate` is fired (`workflow`: when an entity is created), at this place."""
    match place:
        case "processor":
            await flow(node, PROCESSED)
        case "transition":
            await flow(node, GUARDED)
        case "workflow":
            await flow(node, RATE, **WORKFLOW_GUARDED)
        case _:
            await flow(node, states=ARMING)


KIND_AT = {"processor": "processor", "transition": "criteria", "workflow": "criteria", "function": "function"}
PREFIX = {
    "processor": "processor enrich failed: ",
    "transition": "failed to evaluate transition criterion: ",
    "workflow": 'failed to evaluate workflow criterion for "order-wf": ',
    "function": "failed to reconcile scheduled tasks: ",
}
PLACES = sorted(KIND_AT)


async def started(client: Client, node: Node, place: str) -> asyncio.Task[dict[str, Any]]:
    """A write that is about to ask a member at this place."""
    await set_up(node, place)
    return await started_again(client, place)


async def started_again(client: Client, place: str) -> asyncio.Task[dict[str, Any]]:
    """The same over the workflow that is there already."""
    if place != "workflow":
        return rate(client, await created(client))
    payload = {"model": ORDER, "data": {"orderNo": "A-1"}}
    return asyncio.ensure_future(entity_request(client, "Create", dataFormat="JSON", payload=payload))


def error(reply: dict[str, Any]) -> tuple[str, bool]:
    """Message and retryability of a refusal that is no internal one."""
    assert reply["success"] is False
    assert reply["error"]["code"] == "CLIENT_ERROR"
    return reply["error"]["message"], reply["error"].get("retryable", False)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("said", "told"), [({"error": {"message": "no rate"}}, "no rate"), ({}, None)])
async def test_a_members_refusal_names_its_place_and_carries_its_words(
    orders: Client, node: Node, place: str, said: dict[str, Any], told: str | None
) -> None:
    member, kind = await orders.member(("rating",)), KIND_AT[place]
    writing = await started(orders, node, place)
    request, _ = await asked(member, kind)
    await say(member, request, kind, success=False, warnings=["old table"], **said)
    reply = await writing
    message, retryable = error(reply)
    assert message.startswith(f"WORKFLOW_FAILED: {PREFIX[place]}")
    assert message.endswith(f"{kind} dispatch failed: {told or f'{kind} returned failure'}")
    assert not retryable
    name = {"processor": "enrich", "criteria": "isVip", "function": "due"}[kind]
    assert reply["warnings"] == [f"{kind} {name}: old table"]


@pytest.mark.parametrize("place", PLACES)
async def test_without_a_member_the_place_and_the_tags_are_named_at_once(
    orders: Client, node: Node, place: str
) -> None:
    async with asyncio.timeout(5):
        message, retryable = error(await (await started(orders, node, place)))
    assert message.startswith(f"NO_COMPUTE_MEMBER_FOR_TAG: {PREFIX[place]}")
    assert message.endswith('no matching calculation member: tags "rating"')
    assert retryable


@pytest.mark.parametrize("place", PLACES)
async def test_silence_and_a_lost_stream_are_told_without_the_place(orders: Client, node: Node, place: str) -> None:
    member, kind = await orders.member(("rating",)), KIND_AT[place]
    writing = await started(orders, node, place)
    await asked(member, kind)
    assert error(await writing) == (f"DISPATCH_TIMEOUT: {kind} dispatch timed out after 500ms", True)
    writing = await started_again(orders, place)
    await asked(member, kind)
    member.call.cancel()
    assert error(await writing) == (
        f"COMPUTE_MEMBER_DISCONNECTED: compute member disconnected during {kind} dispatch",
        True,
    )


async def test_an_internalized_processor_is_not_implemented(orders: Client, node: Node) -> None:
    await flow(node, {**RATE, "processors": [{**PROCESSOR, "type": "internalized", "executionMode": "ASYNC_NEW_TX"}]})
    assert error(await rate(orders, await created(orders))) == (
        'WORKFLOW_FAILED: processor enrich failed: execution type "internalized" is not yet implemented',
        False,
    )


async def test_a_bad_result_of_a_function_shows_only_a_ticket(orders: Client, node: Node) -> None:
    member = await orders.member(("rating",))
    results: tuple[tuple[str, Any], ...] = (
        ("Schedule", {"fireAt": 1, "fireAfterMs": 1}), ("Schedule", {}), ("Schedule", {"fireAfterMs": 1.5}),
        ("Schedule", {"fireAfterMs": 1, "x": 1}), ("Other", {"fireAfterMs": 1}), ("Schedule", None),
    )  # fmt: skip
    await set_up(node, "function")
    entity_id = await created(orders)
    for kind, result in results:
        writing = rate(orders, entity_id)
        request, _ = await asked(member, "function")
        await say(member, request, "function", resultKind=kind, result=result)
        reply = await writing
        assert reply["error"]["code"] == "SERVER_ERROR"
        assert reply["error"]["message"].startswith("SERVER_ERROR: internal error [ticket: ")
        assert (await read(orders, entity_id))["meta"]["state"] == "NEW"


async def test_a_timer_that_is_born_expired_lets_the_write_succeed(orders: Client, node: Node) -> None:
    member = await orders.member(("rating",))
    await set_up(node, "function")
    entity_id = await created(orders)
    writing = rate(orders, entity_id)
    request, _ = await asked(member, "function")
    await say(member, request, "function", resultKind="Schedule", result={"fireAt": 10**13, "expireAt": 5})
    assert (await writing)["success"]
    assert await node.platform.storage.timers_of("acme", UUID(entity_id)) == []


@pytest.mark.parametrize(
    ("said", "told"),
    [({"matches": False, "reason": "no VIP"}, ": no VIP"), ({"matches": False}, ""), ({"matches": None}, ""), ({}, "")],
)
async def test_a_named_transition_whose_criterion_does_not_hold_is_refused_with_the_reason(
    orders: Client, node: Node, said: dict[str, Any], told: str
) -> None:
    member = await orders.member(("rating",))
    writing = await started(orders, node, "transition")
    request, _ = await asked(member, "criteria")
    assert request["target"] == "TRANSITION"
    await say(member, request, "criteria", **said)
    assert error(await writing) == (f'WORKFLOW_FAILED: transition "rate" criterion not matched{told}', False)


async def test_an_automated_transition_whose_criterion_does_not_hold_makes_way_for_the_next(
    orders: Client, node: Node
) -> None:
    await flow(node, {"name": "vip", "next": "RATED", "criterion": CRITERION}, {"name": "rest", "next": "OTHER"})
    member = await orders.member(("rating",))
    payload = {"model": ORDER, "data": {"orderNo": "A-1"}}
    writing = asyncio.ensure_future(entity_request(orders, "Create", dataFormat="JSON", payload=payload))
    await say(member, (await asked(member, "criteria"))[0], "criteria", matches=False)
    (entity_id,) = (await writing)["transactionInfo"]["entityIds"]
    assert (await read(orders, entity_id))["meta"]["state"] == "OTHER"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("refused", "WORKFLOW_FAILED: item 0: processor enrich failed: processor dispatch failed: no"),
        ("missing", "NO_COMPUTE_MEMBER_FOR_TAG: item 0: processor enrich failed: no matching calculation member: "),
        ("silent", "DISPATCH_TIMEOUT: processor dispatch timed out after 500ms"),
    ],
)
async def test_in_a_collection_the_item_is_named_where_the_contract_says_so(
    orders: Client, node: Node, failure: str, message: str
) -> None:
    await flow(node, {**PROCESSED, "manual": False})
    member = None if failure == "missing" else await orders.member(("rating",))
    payload = {"dataFormat": "JSON", "payloads": [{"model": ORDER, "data": {"orderNo": "A-1"}}]}
    writing = asyncio.ensure_future(orders.many("entityManageCollection", "EntityCreateCollectionRequest", payload))
    if member is not None:
        request, _ = await asked(member)
        if failure == "refused":
            await say(member, request, success=False, error={"message": "no"})
    ((_, reply),) = await writing
    assert error(reply)[0].startswith(message)
    assert reply["transactionInfo"] == {"entityIds": []}


async def test_a_failing_processor_of_a_savepoint_is_not_told_but_its_warnings_are(orders: Client, node: Node) -> None:
    await flow(node, {**RATE, "processors": [{**PROCESSOR, "executionMode": "ASYNC_NEW_TX"}]})
    member = await orders.member(("rating",))
    moving = rate(orders, await created(orders))
    request, _ = await asked(member)
    await say(member, request, success=False, error={"message": "no"}, warnings=["w"])
    assert await moving == {"id": "c1", "success": True, "warnings": ["processor enrich: w"]}
    nobody = {**PROCESSOR, "config": {**CONFIG, "calculationNodesTags": "nobody"}, "executionMode": "ASYNC_NEW_TX"}
    await flow(node, {**RATE, "processors": [nobody]})
    assert await rate(orders, await created(orders)) == {"id": "c1", "success": True}


async def test_a_caller_that_hangs_up_leaves_the_entity_free_and_unchanged(orders: Client, node: Node) -> None:
    await flow(node, PROCESSED)
    member = await orders.member(("rating",))
    entity_id = await created(orders)
    event = _event("EntityTransitionRequest", {"entityId": entity_id, "transition": "rate"})
    call = orders.stub.entityManage(event, metadata=_metadata("acme-user", None))
    request, token = await asked(member)
    assert call.cancel()
    async with asyncio.timeout(5):
        while node.registry.members()[0].outstanding or node.platform.transactions.joinable:
            await asyncio.sleep(0)
    _, late = await orders.one("entitySearch", "EntityGetRequest", {"entityId": entity_id}, token=token)
    assert error(late) == (JOIN_FAILURES["finished"], False)
    await say(member, request, payload={"data": {"orderNo": "late"}})
    assert (await read(orders, entity_id))["meta"]["state"] == "NEW"
    moving = rate(orders, entity_id)
    await say(member, (await asked(member))[0])
    assert (await moving)["success"]
    assert (await read(orders, entity_id))["data"]["orderNo"] == "A-1"


# --- joining (16.5) -----------------------------------------------------------------------------------------------

JOINING = [
    ("entityManage", "EntityCreateRequest", "EntityTransactionResponse"),
    ("entityManageCollection", "EntityCreateCollectionRequest", "EntityTransactionResponse"),
    ("entitySearch", "EntityGetRequest", "EntityResponse"),
    ("entitySearch", "EntitySnapshotSearchRequest", "EntityResponse"),
    ("entitySearchCollection", "EntitySearchRequest", "EntityResponse"),
]
JOIN_FAILURES = {
    "expired": "TRANSACTION_EXPIRED: transaction token has expired",
    "forged": "UNAUTHORIZED: invalid transaction token",
    "foreign": "FORBIDDEN: transaction belongs to a different tenant",
    "finished": "TRANSACTION_NOT_FOUND: transaction not found or no longer active",
    "elsewhere": "TRANSACTION_NODE_UNAVAILABLE: transaction node is not available",
}


async def token_that_is(fault: str, node: Node) -> str:
    """A join token with one fault."""
    transactions = node.platform.transactions
    lifetime = timedelta(seconds=-5 if fault == "expired" else 90)
    owner = "dead-node" if fault == "elsewhere" else "local"
    tokens = JoinTokens(b"k" * 32, node_id=owner, lifetime=lifetime, clock=system_clock)
    minted = tokens.mint(uuid.uuid4())
    if fault == "forged":
        payload, mac = minted.rsplit(".", 1)
        return f"{payload}.{'B' if mac[0] == 'A' else 'A'}{mac[1:]}"
    if fault == "finished":
        async with transactions.run(ANN) as transaction:
            return transactions.token(transaction)
    return minted


@pytest.mark.parametrize("backend", ["memory"])
@pytest.mark.parametrize("fault", sorted(JOIN_FAILURES))
@pytest.mark.parametrize(("rpc", "event_type", "reply_type"), JOINING)
async def test_a_token_that_leads_nowhere_is_refused_in_the_rpcs_reply_type(
    orders: Client, node: Node, fault: str, rpc: str, event_type: str, reply_type: str
) -> None:
    call = orders.many if rpc in STREAMING else orders.one
    request: dict[str, Any] = {"bearer": "acme-m2m"}
    if fault == "foreign":
        async with node.platform.transactions.run(PRINCIPALS["Bearer other-m2m"]) as transaction:
            token = node.platform.transactions.token(transaction)
            answer = await call(rpc, event_type, REQUESTS[event_type], token=token, **request)
    else:
        token = await token_that_is(fault, node)
        answer = await call(rpc, event_type, REQUESTS[event_type], token=token, **request)
    kind, reply = answer[0] if isinstance(answer, list) else answer
    assert kind == reply_type
    assert reply.pop("error") == {"code": "CLIENT_ERROR", "message": JOIN_FAILURES[fault]}
    request_id = "" if rpc in STREAMING else "c1"
    assert reply == {"success": False, **PLACEHOLDERS[reply_type], "id": request_id, "requestId": request_id}


async def test_an_empty_token_and_one_on_the_model_rpc_join_nothing(orders: Client) -> None:
    _, reply = await orders.one("entityModelManage", "EntityModelGetAllRequest", {}, token="forged")
    assert reply["success"]
    _, reply = await orders.one("entityManage", "EntityCreateRequest", REQUESTS["EntityCreateRequest"], token="")
    assert reply["transactionInfo"]["transactionId"] != NIL
