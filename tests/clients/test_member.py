"""The Python library for members, against a real node on the memory store."""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from grpc.aio import insecure_channel

from cyoda_member import (
    ApiError,
    Backoff,
    Caller,
    Context,
    HandlerFailed,
    Member,
    Model,
    Refused,
    Schedule,
    TokenUnavailable,
)
from cyoda_member.api import HttpApi
from cyoda_member.generated.cloudevents_pb2 import CloudEvent
from cyoda_member.generated.cyoda_cloud_api_pb2_grpc import CloudEventsServiceStub
from tests.clients.conftest import PATIENCE_SECONDS, Connect, LiveNode, bearer, order_model, until
from tests.contract.http.steps import MATCH_ALL, entity, ok, read, refused
from tests.nodes import CLIENT_SECRET, signing_key

EXACT = '{"amount":1,"note":"ä\\"","ratio":1.10,"wide":123456789012345678901234567890,"tiny":-1E-21}'

# --- processors ---------------------------------------------------------------------------------------------------


async def test_a_processor_replaces_the_document_and_numbers_stay_exact(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.processor("double")
    async def double(order: dict[str, Any]) -> dict[str, Any]:
        return order | {"doubled": order["ratio"] * 2, "wider": order["wide"] + 1}

    await connect(member)
    await order_model(api, "processor", "double")
    headers = {"Content-Type": "application/json"}
    (chunk,) = ok(await api.post("/entity/JSON/order/1", content=EXACT, headers=headers))
    text = (await api.get(f"/entity/{chunk['entityIds'][0]}")).text
    assert EXACT.removesuffix("}") + ',"doubled":2.20,"wider":123456789012345678901234567891}' in text


async def test_a_handler_learns_everything_about_the_callout(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    contexts: list[Context] = []

    @member.processor("look")
    def look(_order: dict[str, Any], context: Context) -> None:
        contexts.append(context)

    await connect(member)
    await order_model(api, "processor", "look", context='{"rate":0.10}')
    order = await entity(api)
    (context,) = contexts
    assert (context.entity_id, context.model, context.state) == (order, Model("order", 1), "NEW")
    assert (context.workflow, context.transition) == ("calls-out", "go")
    assert context.parsed_parameters() == {"rate": Decimal("0.10")}
    assert context.transaction_id == (await read(api, order))["meta"]["transactionId"]
    assert isinstance(context.caller, Caller)
    assert context.caller.kind == "service"
    assert "ROLE_M2M" in context.caller.roles
    assert context.tx_token is not None
    assert context.tx_token not in repr(context)


async def test_the_tags_of_the_environment_take_the_place_of_the_members(
    api: httpx.AsyncClient, live: LiveNode
) -> None:
    other = Member(tags=["other"])
    other.processor("look")(lambda order: order)
    serving = asyncio.create_task(other.serve(replace(live.settings, tags=("tests",))))
    await until(lambda: bool(live.members))
    await order_model(api, "processor", "look")
    assert (await read(api, await entity(api)))["meta"]["state"] == "DONE"
    other.stop()
    await serving


async def test_a_processor_that_returns_none_leaves_the_entity(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.processor("nothing")
    def nothing(order: dict[str, Any]) -> None:
        order["amount"] = 99

    await connect(member)
    await order_model(api, "processor", "nothing")
    answer = await read(api, await entity(api))
    assert (answer["data"], answer["meta"]["state"]) == ({"amount": 1, "name": "a"}, "DONE")


async def test_a_processor_without_the_entity_gets_no_document(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.processor("blind")
    def blind(document: None, context: Context) -> dict[str, Any]:
        assert (document, context.model, context.state) == (None, None, None)
        return {"amount": 5}

    await connect(member)
    await order_model(api, "processor", "blind", attachEntity=False)
    assert (await read(api, await entity(api)))["data"] == {"amount": 5}


def own_words(_order: dict[str, Any]) -> None:
    raise HandlerFailed("the rate is missing")


async def any_exception(_order: dict[str, Any]) -> None:
    raise KeyError("rate")


def not_json(_order: dict[str, Any]) -> dict[str, Any]:
    return {"amount": object()}


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (own_words, "the rate is missing"),
        (any_exception, "KeyError: 'rate'"),
        (not_json, "TypeError: object is not JSON"),
        (None, "this member has no processor 'fail'"),
    ],
)
async def test_a_failure_fails_the_transition_with_its_message(
    api: httpx.AsyncClient, member: Member, connect: Connect, handler: Any, message: str
) -> None:
    if handler is not None:
        member.processor("fail")(handler)
    await connect(member)
    await order_model(api, "processor", "fail")
    answer = await api.post("/entity/JSON/order/1", json={"amount": 1})
    refused(answer, 400, "WORKFLOW_FAILED")
    assert f"processor dispatch failed: {message}" in answer.json()["detail"]


async def test_warnings_reach_the_original_caller(
    live: LiveNode, api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.processor("warn")
    def warn(_order: dict[str, Any], context: Context) -> None:
        context.warnings.add("the rate table is old")

    await connect(member)
    await order_model(api, "processor", "warn")
    request = CloudEvent(
        id="c1", source="test", spec_version="1.0", type="EntityCreateRequest",
        text_data='{"id":"r","dataFormat":"JSON","payload":{"model":{"name":"order","version":1},"data":{"amount":1}}}',
    )  # fmt: skip
    async with insecure_channel(live.settings.grpc) as channel:
        metadata = (("authorization", api.headers["Authorization"]),)
        reply = await CloudEventsServiceStub(channel).entityManage(request, metadata=metadata)
    assert '"warnings":["processor warn: the rate table is old"]' in reply.text_data


# --- criteria and functions -----------------------------------------------------------------------------------------


async def test_a_criterion_answers_yes_or_no_and_why(api: httpx.AsyncClient, member: Member, connect: Connect) -> None:
    @member.criterion("isRich")
    async def is_rich(order: dict[str, Any], context: Context) -> bool | tuple[bool, str]:
        assert context.target == "TRANSITION"
        return order["amount"] > 1 or (False, "too small")

    await connect(member)
    await order_model(api, "criterion", "isRich")
    poor, rich = await entity(api), await entity(api, {"amount": 2})
    answer = await api.put(f"/entity/JSON/{poor}/go", json={"amount": 1})
    refused(answer, 400, "WORKFLOW_FAILED")
    assert answer.json()["detail"].endswith('transition "go" criterion not matched: too small')
    ok(await api.put(f"/entity/JSON/{rich}/go", json={"amount": 3}))
    assert (await read(api, rich))["meta"]["state"] == "DONE"


async def test_a_criterion_that_answers_something_else_fails(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.criterion("odd")
    def odd(_order: dict[str, Any]) -> str:
        return "yes"

    await connect(member)
    await order_model(api, "criterion", "odd")
    answer = await api.put(f"/entity/JSON/{await entity(api)}/go", json={"amount": 1})
    refused(answer, 400, "WORKFLOW_FAILED")
    assert "a criterion returns bool or (bool, reason)" in answer.json()["detail"]


@pytest.mark.parametrize("environ", [{"CYODA_SCHEDULER_SCAN_INTERVAL": "20ms"}])
async def test_a_function_says_when_a_transition_fires(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    @member.function("due")
    def due(order: dict[str, Any]) -> Schedule:
        return Schedule(after=timedelta(milliseconds=order["amount"]), expire_after=timedelta(hours=1))

    await connect(member)
    await order_model(api, "function", "due")
    soon, late = await entity(api, {"amount": 1}), await entity(api, {"amount": 3_600_000})
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await read(api, soon))["meta"]["state"] != "REMINDED":
            await asyncio.sleep(0.02)
    assert (await read(api, late))["meta"]["state"] == "DONE"


# --- joined callbacks -----------------------------------------------------------------------------------------------


async def test_a_joined_callback_is_part_of_the_transaction(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    seen: list[Any] = []

    @member.processor("split")
    async def split(_order: dict[str, Any], context: Context) -> None:
        async with context.join() as joined:
            first, second = await joined.create("part", 1, [{"of": context.entity_id, "amount": Decimal("0.10")}] * 2)
            await joined.update(first, {"of": context.entity_id, "amount": Decimal("0.20")})
            parts = await joined.search("part", 1, MATCH_ALL, limit=10, sort=["amount:desc"])
            seen.append([part.document["amount"] for part in parts])
            await joined.delete(second)
            seen.append((await joined.get(first)).model)
            with pytest.raises(ApiError) as refusal:
                await joined.get(second)
            seen.append(refusal.value.code)
        seen.append(len(ok(await api.get("/entity/part/1"))))
        with pytest.raises(RuntimeError, match="outside its"):
            await joined.get(first)

    await connect(member)
    await order_model(api, "processor", "split")
    ok(await api.post("/model/import/JSON/SAMPLE_DATA/part/1", json={"of": "x", "amount": 0.5}))
    ok(await api.put("/model/part/1/lock"))
    order = await entity(api)
    assert seen == [[Decimal("0.20"), Decimal("0.10")], Model("part", 1), "ENTITY_NOT_FOUND", 0]
    (part,) = ok(await api.get("/entity/part/1"))
    assert part["data"] == {"of": order, "amount": 0.2}
    assert part["meta"]["transactionId"] == (await read(api, order))["meta"]["transactionId"]


async def test_what_a_failing_handler_created_is_gone(api: httpx.AsyncClient, member: Member, connect: Connect) -> None:
    @member.processor("regret")
    async def regret(order: dict[str, Any], context: Context) -> None:
        async with context.join() as joined:
            (child,) = await joined.create("part", 1, order)
            assert (await joined.get(child)).document == order
        raise HandlerFailed("no")

    await connect(member)
    await order_model(api, "processor", "regret")
    ok(await api.post("/model/import/JSON/SAMPLE_DATA/part/1", json={"amount": 1}))
    ok(await api.put("/model/part/1/lock"))
    refused(await api.post("/entity/JSON/order/1", json={"amount": 1}), 400, "WORKFLOW_FAILED")
    assert ok(await api.get("/entity/part/1")) == []


# --- the connection -------------------------------------------------------------------------------------------------


async def test_after_a_restart_with_another_key_the_member_gets_a_new_token_and_is_back(
    live: LiveNode, member: Member, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    await connect(member)
    await live.stop()
    live.key = signing_key()
    with caplog.at_level(logging.DEBUG, "cyoda_member"):
        await live.start()
        await until(lambda: live.members)
    assert "UNAUTHENTICATED" in caplog.text
    assert CLIENT_SECRET not in caplog.text
    assert "eyJ" not in caplog.text


async def test_what_waited_on_a_lost_connection_is_not_begun(
    live: LiveNode, api: httpx.AsyncClient, connect: Connect
) -> None:
    member, release = Member(tags=["tests"], concurrency=1, backoff=Backoff(first=0.05, longest=0.2)), asyncio.Event()
    begun: list[str] = []

    @member.processor("slow")
    async def slow(_order: dict[str, Any], context: Context) -> None:
        begun.append(context.request_id)
        await release.wait()

    @member.processor("quick")
    async def quick(_order: dict[str, Any], context: Context) -> None:
        begun.append("quick")

    await connect(member)
    await order_model(api, "processor", "slow", responseTimeoutMs=1000)  # so that the node stops soon
    requests = [asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 1})) for _ in range(2)]
    await until(lambda: begun and live.members[0].outstanding == 2)
    await live.stop()
    await asyncio.wait(requests)
    await live.start()
    await until(lambda: live.members)
    release.set()
    assert len(begun) == 1
    api.headers.update(await bearer(live))
    await order_model(api, "processor", "quick")
    await entity(api)
    assert begun[1:] == ["quick"]


@pytest.mark.parametrize("environ", [{"CYODA_KEEPALIVE_INTERVAL": "30ms", "CYODA_KEEPALIVE_TIMEOUT": "10s"}])
async def test_keep_alives_are_answered(live: LiveNode, member: Member, connect: Connect) -> None:
    await connect(member)
    (joined,) = live.members
    await until(lambda: joined.last_seen > joined.connected_at)


@pytest.mark.parametrize("environ", [{"CYODA_BOOTSTRAP_ROLES": "ROLE_ADMIN"}])
async def test_a_client_that_may_not_be_a_member_is_told_so(live: LiveNode, member: Member) -> None:
    with pytest.raises(Refused, match="ROLE_M2M required"):
        await asyncio.wait_for(member.serve(live.settings), PATIENCE_SECONDS)


async def test_a_stopping_member_finishes_what_it_has_and_takes_nothing_new(
    live: LiveNode, api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    @member.processor("slow")
    async def slow(order: dict[str, Any]) -> dict[str, Any]:
        entered.set()
        await release.wait()
        return order | {"note": "finished"}

    serving = await connect(member)
    await order_model(api, "processor", "slow")
    first = asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 1}))
    await asyncio.wait_for(entered.wait(), PATIENCE_SECONDS)
    entered.clear()
    member.stop()
    await until(lambda: not live.members)
    refused(await api.post("/entity/JSON/order/1", json={"amount": 2}), 503, "NO_COMPUTE_MEMBER_FOR_TAG")
    assert not entered.is_set()
    release.set()
    (chunk,) = ok(await first)
    await asyncio.wait_for(serving, PATIENCE_SECONDS)
    assert (await read(api, chunk["entityIds"][0]))["data"] == {"amount": 1, "note": "finished"}


async def test_of_two_members_the_one_that_stops_finishes_its_work_and_the_other_gets_all_that_is_new(
    live: LiveNode, api: httpx.AsyncClient, connect: Connect
) -> None:
    old, new, release = Member(tags=["tests"]), Member(tags=["tests"]), asyncio.Event()

    async def slow(order: dict[str, Any]) -> dict[str, Any]:
        await release.wait()
        return order | {"note": "old"}

    old.processor("work")(slow)
    new.processor("work")(lambda order: order | {"note": "new"})
    serving = await connect(old)
    await order_model(api, "processor", "work")
    first = asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 0}))
    await until(lambda: live.members[0].outstanding)
    await connect(new)
    old.stop()
    await until(lambda: len(live.members) == 1)
    later = [ok(await api.post("/entity/JSON/order/1", json={"amount": amount})) for amount in range(1, 20)]
    release.set()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)
    stored = [await read(api, chunk["entityIds"][0]) for (chunk,) in (ok(await first), *later)]
    assert [entity["data"]["note"] for entity in stored] == ["old"] + ["new"] * 19


async def test_what_takes_too_long_is_left_behind_when_a_member_stops(
    live: LiveNode, api: httpx.AsyncClient, connect: Connect
) -> None:
    member, entered = Member(tags=["tests"], drain_seconds=0.05), asyncio.Event()

    @member.processor("endless")
    async def endless(_order: dict[str, Any]) -> None:
        entered.set()
        await asyncio.Event().wait()

    serving = await connect(member)
    await order_model(api, "processor", "endless")
    request = asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 1}))
    await asyncio.wait_for(entered.wait(), PATIENCE_SECONDS)
    member.stop()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)
    refused(await request, 503, "COMPUTE_MEMBER_DISCONNECTED")
    assert live.members == []


async def test_no_more_handlers_run_at_a_time_than_allowed(api: httpx.AsyncClient, connect: Connect) -> None:
    member, release = Member(tags=["tests"], concurrency=2), asyncio.Event()
    running: set[str] = set()
    most: list[int] = []

    @member.processor("counted")
    async def counted(_order: dict[str, Any], context: Context) -> None:
        running.add(context.request_id)
        most.append(len(running))
        await release.wait()
        running.remove(context.request_id)

    await connect(member)
    await order_model(api, "processor", "counted")
    requests = [asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 1})) for _ in range(6)]
    await until(lambda: len(running) == 2)
    release.set()
    for request in requests:
        ok(await request)
    assert (len(most), max(most)) == (6, 2)


async def test_handlers_that_are_not_async_run_beside_each_other(
    api: httpx.AsyncClient, member: Member, connect: Connect
) -> None:
    both = threading.Barrier(2, timeout=PATIENCE_SECONDS)

    @member.processor("meet")
    def meet(_order: dict[str, Any]) -> None:
        both.wait()

    await connect(member)
    await order_model(api, "processor", "meet")
    requests = [asyncio.create_task(api.post("/entity/JSON/order/1", json={"amount": 1})) for _ in range(2)]
    for request in requests:
        ok(await request)


# --- tokens ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "kept_seconds"),
    [({"CYODA_JWT_EXPIRY_SECONDS": "200"}, 140), ({"CYODA_JWT_EXPIRY_SECONDS": "30"}, 15)],
)
async def test_a_token_is_replaced_a_minute_before_it_expires_or_half_way(tokens: Any, kept_seconds: int) -> None:
    first = await tokens.current()
    tokens.clock.now += kept_seconds - 1
    assert await tokens.current() == first
    tokens.clock.now += 1
    second, third = await asyncio.gather(tokens.current(), tokens.current())
    assert first != second == third


async def test_a_refused_token_is_replaced_in_a_callback(api: httpx.AsyncClient, tokens: Any) -> None:
    await order_model(api, "processor", "unused")
    live_api = HttpApi(tokens.http, tokens)
    first = await tokens.current()
    tokens._token = first[:-4] + "AAAA"
    assert await live_api.search("order", 1, MATCH_ALL) == []


async def test_without_a_token_the_text_says_why_and_names_no_secret(tokens: Any) -> None:
    tokens.client_secret = "not the secret"
    with pytest.raises(TokenUnavailable, match="answered 401 to client 'tests'") as refusal:
        await tokens.current()
    assert "not the secret" not in repr(tokens) + str(refusal.value)
