"""Callouts over a member's stream: what is sent, what answers mean, how they fail (contract: grpc 12, 13, 15)."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from cyoda.errors import ComputeMemberDisconnected, DispatchTimeout, NoComputeMemberForTag, ServerError
from cyoda.principal import Principal, system_principal
from tests.contract.grpc.callouts import DOCUMENT, ENTITY_ID, TRANSACTION_ID, callout, criterion, entity
from tests.contract.grpc.conftest import PRINCIPALS, Client, Node, StartNode
from workflows.core.callout import CalloutFailed
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

ANN = PRINCIPALS["Bearer acme-user"]
PROCESSOR = "EntityProcessorCalculationRequest"
RESPONSE = "EntityProcessorCalculationResponse"


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


async def test_a_processor_request_carries_exactly_the_contract_fields(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout(context='{"rate":3}'), token="t.k")
    event = await member.event()
    request = json.loads(event.text_data)
    request_id = request["requestId"]
    assert uuid.UUID(request_id).version == 1
    assert event.type == PROCESSOR
    assert event.text_data == (
        f'{{"id":"{request_id}","requestId":"{request_id}","success":true,"entityId":"{ENTITY_ID}",'
        '"processorId":"enrich","processorName":"enrich","workflow":{"id":"order-wf","name":"order-wf"},'
        '"transition":{"id":"submit","name":"submit","stateFrom":"","stateTo":""},'
        f'"transactionId":"{TRANSACTION_ID}","parameters":"{{\\"rate\\":3}}",'
        f'"payload":{{"type":"JSON","data":{DOCUMENT.decode()},"meta":{{"id":"{ENTITY_ID}",'
        '"modelKey":{"name":"order","version":1},"state":"NEW","creationDate":"2026-01-02T03:04:05.1Z",'
        f'"lastUpdateTime":"2026-01-02T03:04:05.1Z","transactionId":"{TRANSACTION_ID}"}}}}}}'
    )
    assert event.id != request_id
    assert {name: value.ce_string for name, value in event.attributes.items()} == {
        "authtype": "user",
        "authid": "ann",
        "authclaims": "ROLE_USER",
        "cyodatxtoken": "t.k",
    }
    await member.answer(request)
    assert (await waiting).document is None


async def test_without_transaction_context_and_entity_their_members_are_empty_or_absent(
    client: Client, node: Node
) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout(transaction_id=None, attach_entity=False), system_principal("acme"))
    event = await member.event()
    request = json.loads(event.text_data)
    assert request["transactionId"] == ""
    assert not {"parameters", "payload", "error", "warnings"} & request.keys()
    assert {name: value.ce_string for name, value in event.attributes.items()} == {
        "authtype": "system",
        "authid": "system",
    }
    await member.answer(request)
    await waiting


async def test_a_criterion_request_names_its_target_and_its_answer_carries_the_reason(
    client: Client, node: Node
) -> None:
    member = await client.member(("rating",))
    waiting = node.call(criterion(target="WORKFLOW", transition=""), PRINCIPALS["Bearer acme-m2m"])
    event = await member.event()
    request = json.loads(event.text_data)
    assert event.type == "EntityCriteriaCalculationRequest"
    assert request["criteriaId"] == request["criteriaName"] == "isVip"
    assert request["target"] == "WORKFLOW"
    assert request["transition"] == {"id": "", "name": "", "stateFrom": "", "stateTo": ""}
    assert not {"processorId", "processorName", "functionId", "processor"} & request.keys()
    assert event.attributes["authtype"].ce_string == "service"
    await member.send(
        "EntityCriteriaCalculationResponse",
        {"requestId": request["requestId"], "success": True, "matches": False, "reason": "no VIP", "warnings": ["w"]},
    )
    answer = await waiting
    assert (answer.matches, answer.reason, answer.warnings) == (False, "no VIP", ("w",))


async def test_a_function_request_and_its_result(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout(kind="function", name="due", attach_entity=False))
    request = await member.receive("EntityFunctionCalculationRequest")
    assert request["functionId"] == request["functionName"] == "due"
    await member.send(
        "EntityFunctionCalculationResponse",
        {"requestId": request["requestId"], "success": True, "resultKind": "Schedule", "result": {"fireAfterMs": 6}},
    )
    answer = await waiting
    assert (answer.result_kind, answer.result) == ("Schedule", {"fireAfterMs": 6})


@pytest.mark.parametrize("binary", [False, True])
async def test_a_returned_document_replaces_the_entity_with_its_numbers_untouched(
    client: Client, node: Node, binary: bool
) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    request = await member.receive(PROCESSOR)
    data = '{"max":9223372036854775807,"long":0.10000000000000000000000000000001,"exp":1.50e+400,"text":"ü"}'
    await member.send(
        RESPONSE,
        f'{{"requestId":"{request["requestId"]}","success":true,"payload":{{"type":"JSON","data":{data}}}}}',
        binary=binary,
    )
    document = (await waiting).document
    assert document is not None
    assert document.text == data.encode()


async def test_a_document_of_five_mebibytes_goes_there_and_back(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    document = b'{"text":"%b"}' % (b"x" * (5 * 1024 * 1024))
    waiting = node.call(callout(subject=entity(document)))
    request = await member.receive(PROCESSOR)
    await member.answer(request, payload=request["payload"])
    answer = await waiting
    assert answer.document is not None
    assert answer.document.text == document


@pytest.mark.parametrize("rest", [{}, {"payload": None}, {"payload": {}}, {"payload": {"data": None}}])
async def test_success_without_a_document_leaves_the_entity_unchanged(
    client: Client, node: Node, rest: dict[str, Any]
) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    await member.answer(await member.receive(PROCESSOR), **rest)
    assert (await waiting).document is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"success": False, "error": {"code": "X", "message": "no rate"}}, "processor dispatch failed: no rate"),
        ({"success": False}, "processor dispatch failed: processor returned failure"),
        ({"success": None, "error": {}}, "processor dispatch failed: processor returned failure"),
        ({"success": False, "error": {"message": None}}, "processor dispatch failed: processor returned failure"),
    ],
)
async def test_anything_but_success_is_a_failure_with_the_members_words_and_warnings(
    client: Client, node: Node, answer: dict[str, Any], message: str
) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    await member.answer(await member.receive(PROCESSOR), warnings=["old table"], **answer)
    with pytest.raises(CalloutFailed) as failure:
        await waiting
    assert str(failure.value) == message
    assert failure.value.warnings == ("old table",)


async def test_an_absent_success_counts_as_failure(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    request = await member.receive(PROCESSOR)
    await member.send(RESPONSE, {"requestId": request["requestId"], "payload": {"data": {}}})
    with pytest.raises(CalloutFailed, match=r"^processor dispatch failed: processor returned failure$"):
        await waiting


async def test_a_payload_that_is_no_object_is_a_failure(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    await member.answer(await member.receive(PROCESSOR), payload="text")
    with pytest.raises(CalloutFailed, match=r"^processor dispatch failed: "):
        await waiting


async def test_many_requests_are_outstanding_at_once_and_answered_in_any_order(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = [node.call(callout(name=f"p{number}")) for number in range(50)]
    requests = [await member.receive(PROCESSOR) for _ in waiting]
    for request in reversed(requests):
        await member.answer(request, payload={"data": request["processorName"]})
    assert [answer.document and answer.document.value for answer in await asyncio.gather(*waiting)] == [
        f"p{number}" for number in range(50)
    ]


async def test_the_first_answer_wins_and_later_ones_are_ignored(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    request = await member.receive(PROCESSOR)
    await member.answer(request, payload={"data": 1})
    await member.answer(request, payload={"data": 2})
    document = (await waiting).document
    assert document is not None
    assert document.value == 1
    assert await is_alive(member, node)


async def test_an_answer_by_another_member_is_ignored(client: Client, node: Node) -> None:
    member, stranger = await client.member(("rating",)), await client.member(("other",))
    waiting = node.call(callout())
    request = await member.receive(PROCESSOR)
    await stranger.answer(request, payload={"data": "forged"})
    assert await is_alive(stranger, node, "other")
    assert not waiting.done()
    await member.answer(request, payload={"data": "true"})
    document = (await waiting).document
    assert document is not None
    assert document.value == "true"


async def test_garbage_after_the_join_is_ignored_and_the_stream_lives_on(client: Client, node: Node) -> None:
    path = "/org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming"
    member = await client.member(("rating",))
    await member.send(RESPONSE, "{")
    await member.send(RESPONSE, "[1]")
    await member.send(RESPONSE, {"requestId": 7})
    await member.send(RESPONSE, {"requestId": "unknown", "success": True})
    await member.send("CalculationMemberJoinEvent", {"id": "again", "tags": ["more"]})
    await member.send("Whatever", "not json", binary=True)
    await member.call.write(CloudEvent(type=RESPONSE))
    assert await is_alive(member, node)
    assert node.registry.candidates("acme", "more") == ()
    raw = client.channel.stream_stream(path)(metadata=(("authorization", "Bearer acme-m2m"),))
    join = CloudEvent(type="CalculationMemberJoinEvent", text_data='{"tags":["raw"]}')
    await raw.write(join.SerializeToString())
    await raw.read()
    await raw.write(b"\xff\xff\xff")
    waiting = node.call(callout(tags="raw"))
    assert b"EntityProcessorCalculationRequest" in await raw.read()
    raw.cancel()
    with pytest.raises(ComputeMemberDisconnected):
        await waiting


async def test_no_member_fails_at_once_and_names_the_tags(client: Client, node: Node) -> None:
    await client.member(("rating",), "other-m2m")
    await client.member(("Rating",))
    with pytest.raises(NoComputeMemberForTag) as refusal:
        await node.call(callout())
    assert refusal.value.message == 'no matching calculation member: tags "rating"'
    assert refusal.value.retryable


async def test_a_silent_member_times_out_after_the_configured_time(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout(timeout_ms=30))
    request = await member.receive(PROCESSOR)
    with pytest.raises(DispatchTimeout) as refusal:
        await waiting
    assert refusal.value.message == "processor dispatch timed out after 30ms"
    await member.answer(request)
    assert await is_alive(member, node)


async def test_a_member_that_leaves_fails_what_waits_at_once(client: Client, node: Node) -> None:
    for leave in ("cancel", "half-close"):
        member = await client.member(("rating",))
        waiting = [node.call(callout()), node.call(criterion())]
        for _ in waiting:
            await member.event()
        await (member.call.done_writing() if leave == "half-close" else hang_up(member))
        for task, kind in zip(waiting, ("processor", "criteria"), strict=True):
            with pytest.raises(ComputeMemberDisconnected) as refusal:
                await asyncio.wait_for(task, 5)
            assert refusal.value.message == f"compute member disconnected during {kind} dispatch"
        assert node.registry.members() == []


async def test_a_lost_connection_fails_what_waits_at_once(node: Node, connect: Callable[[Node], Client]) -> None:
    client = connect(node)
    member = await client.member(("rating",))
    waiting = node.call(callout())
    await member.event()
    await client.channel.close()
    with pytest.raises(ComputeMemberDisconnected):
        await asyncio.wait_for(waiting, 5)


async def test_a_cancelled_call_is_forgotten(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    waiting = node.call(callout())
    request = await member.receive(PROCESSOR)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert node.registry.members()[0].outstanding == 0
    await member.answer(request)
    assert await is_alive(member, node)


async def test_every_matching_member_is_chosen_sooner_or_later_and_strangers_never(
    client: Client, start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    node = await start_node(choose=alternately())
    client = connect(node)
    first, second = await client.member(("a", "rating")), await client.member(("rating",))
    foreign = await client.member(("rating",), "other-m2m")
    calls = [node.call(callout(tags="x, rating")) for _ in range(4)]
    for member in (first, second, first, second):
        await member.answer(await member.receive(PROCESSOR))
    await asyncio.gather(*calls)
    any_of_other = node.call(callout(tags=""), PRINCIPALS["Bearer other-m2m"])
    await foreign.answer(await foreign.receive(PROCESSOR))
    await any_of_other


async def test_an_unknown_kind_of_principal_fails_closed(client: Client, node: Node) -> None:
    member = await client.member(("rating",))
    stranger = Principal(tenant="acme", user_id="x", kind="robot")  # type: ignore[arg-type]
    with pytest.raises(ServerError):
        await node.call(callout(), stranger)
    assert await is_alive(member, node)


async def is_alive(member: Any, node: Node, tags: str = "rating") -> bool:
    """Whether a further callout still reaches the member as its very next event."""
    waiting = node.call(callout(name="still-there", tags=tags))
    request = await member.receive(PROCESSOR)
    await member.answer(request)
    await waiting
    return request["processorName"] == "still-there"


async def hang_up(member: Any) -> None:
    member.call.cancel()


def alternately() -> Callable[[Any], Any]:
    turn = 0

    def choose(members: Any) -> Any:
        nonlocal turn
        turn += 1
        return members[(turn - 1) % len(members)]

    return choose
