"""Hostile bytes, events and payloads: an answer of the contract goes out, soon, and streams live on.

(contract: grpc 2.2, 4, 6, 11.7, 13)
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.grpc.callouts import callout
from tests.contract.grpc.conftest import Client, MemberClient, Node, _metadata
from tests.contract.grpc.requests import PLACEHOLDERS, REQUESTS, ROUTES, STREAMING
from tests.contract.http.test_fuzz import HOSTILE_VALUES, json_texts
from workflows.compute.events import RESPONSE_TYPES
from workflows.grpc.catalogue import RPCS
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

SERVICE = "/org.cyoda.cloud.api.grpc.CloudEventsService/"
MAX_SECONDS = 10
REFUSALS = (
    "invalid CloudEvent: ",
    "invalid payload: ",
    "invalid condition: ",
    "unsupported ",
    "payloads array is empty",
)
MARK = "@hostile@"
RESPONSE = "EntityProcessorCalculationResponse"
LARGE = 5 * 1024 * 1024


def fuzzing(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


async def answered(client: Client, rpc: str, message: bytes) -> list[CloudEvent]:
    """The replies to raw bytes: events of the contract, or none when the call is refused as a wrong argument."""
    channel, metadata = client.channel, _metadata("acme-user", None)
    async with asyncio.timeout(MAX_SECONDS):
        try:
            if rpc in STREAMING:
                frames = [each async for each in channel.unary_stream(SERVICE + rpc)(message, metadata=metadata)]
            else:
                frames = [await channel.unary_unary(SERVICE + rpc)(message, metadata=metadata)]
        except grpc.aio.AioRpcError as error:
            refusal = (error.code(), error.details() or "")
            assert refusal[0] == grpc.StatusCode.INVALID_ARGUMENT, (rpc, message[:200], refusal)
            assert refusal[1].startswith(REFUSALS), refusal
            return []
    replies = [CloudEvent.FromString(frame) for frame in frames]
    for reply in replies:
        check(reply, message)
    return replies


def check(reply: CloudEvent, message: bytes) -> None:
    assert reply.WhichOneof("data") == "text_data"
    body = json.loads(reply.text_data)
    assert body["id"] == CloudEvent.FromString(message).id
    assert body.keys() >= PLACEHOLDERS[reply.type].keys() | {"success"}
    if not body["success"]:
        assert body["error"]["code"] == "CLIENT_ERROR", (message[:200], body["error"])


def with_hostile(value: Any, text: str) -> Iterator[str]:
    """The JSON text of a value with each of its parts in turn replaced by a text."""
    yield text
    if isinstance(value, dict):
        for name, inner in value.items():
            for changed in with_hostile(inner, text):
                yield json.dumps({**value, name: MARK}).replace(json.dumps(MARK), changed)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for changed in with_hostile(inner, text):
                yield json.dumps([*value[:index], MARK, *value[index + 1 :]]).replace(json.dumps(MARK), changed)


def event_bytes(event_type: str, data: bytes) -> bytes:
    return CloudEvent(id="c1", type=event_type, binary_data=data).SerializeToString()


def test_every_event_type_has_an_example() -> None:
    assert {event_type for _, event_type, _ in ROUTES} == REQUESTS.keys()


@fuzzing(150)
@given(rpc=st.sampled_from([rpc.name for rpc in RPCS]), message=st.binary(max_size=80))
async def test_any_bytes(orders: Client, rpc: str, message: bytes) -> None:
    await answered(orders, rpc, message)


events = st.builds(
    CloudEvent,
    id=st.text(max_size=20),
    source=st.text(max_size=5),
    type=st.sampled_from(sorted(REQUESTS)) | st.text(max_size=20),
    text_data=st.text(max_size=30) | json_texts,
) | st.builds(CloudEvent, type=st.sampled_from(sorted(REQUESTS)), binary_data=st.binary(max_size=40))


@fuzzing(150)
@given(rpc=st.sampled_from([rpc.name for rpc in RPCS]), event=events)
async def test_any_event(orders: Client, rpc: str, event: CloudEvent) -> None:
    await answered(orders, rpc, event.SerializeToString())


payloads = st.sampled_from(ROUTES).flatmap(
    lambda route: st.tuples(
        st.just(route[0].name),
        st.just(route[1]),
        json_texts.flatmap(lambda text: st.sampled_from(list(with_hostile(REQUESTS[route[1]], text)))),
    )
)


@fuzzing(400)
@given(request=payloads)
async def test_any_value_anywhere_in_a_payload(orders: Client, request: tuple[str, str, str]) -> None:
    rpc, event_type, text = request
    await answered(orders, rpc, event_bytes(event_type, text.encode()))


@pytest.mark.parametrize("event_type", sorted(REQUESTS))
async def test_hostile_values_in_a_payload(orders: Client, event_type: str) -> None:
    rpc = next(rpc.name for rpc, served, _ in ROUTES if served == event_type)
    texts = [*with_hostile(REQUESTS[event_type], MARK)]
    for number, value in enumerate(HOSTILE_VALUES.values()):
        for text in (MARK, texts[number % len(texts)], texts[(number * 7 + 3) % len(texts)]):
            await answered(orders, rpc, event_bytes(event_type, text.encode().replace(MARK.encode(), value)))


async def test_large_and_endless_names_are_refused_without_repeating_them_whole(orders: Client) -> None:
    for rpc in (rpc.name for rpc in RPCS):
        await answered(orders, rpc, event_bytes("X" * LARGE, b"{}"))
        await answered(orders, rpc, event_bytes("\x00\r\n", b"{}"))
    stream = orders.stream()
    await stream.send("X" * LARGE, "{}")
    assert (await stream.end())[0] == grpc.StatusCode.INVALID_ARGUMENT
    converter = json.dumps(REQUESTS["EntityModelExportRequest"] | {"converter": "é" * 100_000}).encode()
    await answered(orders, "entityModelManage", event_bytes("EntityModelExportRequest", converter))
    document = json.dumps(REQUESTS["EntityCreateRequest"]).replace("A-2", "x" * LARGE).encode()
    (reply,) = await answered(orders, "entityManage", event_bytes("EntityCreateRequest", document))
    assert json.loads(reply.text_data)["success"]


# --- an open member stream: nothing of it is stored ---------------------------------------------------------------


class RawMember(MemberClient):
    """A member's end that writes bytes as they are."""

    async def write(self, message: bytes) -> None:
        await self.call.write(message)

    async def event(self) -> CloudEvent:
        return CloudEvent.FromString(await asyncio.wait_for(self.call.read(), MAX_SECONDS))


@pytest.fixture
async def member(client: Client) -> RawMember:
    raw = RawMember(client.channel.stream_stream(f"{SERVICE}startStreaming")(metadata=_metadata("acme-m2m", None)))
    await raw.write(event_bytes("CalculationMemberJoinEvent", b'{"tags":["rating"]}'))
    raw.greeting = json.loads((await raw.event()).text_data)
    return raw


async def asked(member: RawMember, node: Node) -> tuple[Any, str]:
    """A waiting callout and the id of its request, which must be the very next event."""
    waiting = node.call(callout())
    event = await member.event()
    assert event.type == "EntityProcessorCalculationRequest"
    return waiting, json.loads(event.text_data)["requestId"]


def good(request_id: str, number: int = 1) -> bytes:
    text = json.dumps({"requestId": request_id, "success": True, "payload": {"data": number}})
    return event_bytes(RESPONSE, text.encode())


async def settled(member: RawMember, node: Node, *garbage: bytes) -> None:
    """Garbage comes before the answer and after it; the answer counts, and so does that to the next question."""
    waiting, request_id = await asked(member, node)
    for message in garbage:
        await member.write(message)
    await member.write(good(request_id))
    await member.write(good(request_id, 2))
    async with asyncio.timeout(MAX_SECONDS):
        document = (await waiting).document
    assert document is not None
    assert document.value == 1
    for message in garbage:
        await member.write(message)


answers = st.builds(
    CloudEvent, type=st.sampled_from(sorted(RESPONSE_TYPES)) | st.text(max_size=12), text_data=json_texts | st.text()
).map(CloudEvent.SerializeToString)


@pytest.mark.parametrize("backend", ["memory"])
@fuzzing(60)
@given(garbage=st.lists(st.binary(max_size=60) | answers, max_size=8))
async def test_any_garbage_on_a_members_stream(member: RawMember, node: Node, garbage: list[bytes]) -> None:
    await settled(member, node, *garbage)


@pytest.mark.parametrize("backend", ["memory"])
async def test_hostile_answers_leave_the_stream_open(member: RawMember, node: Node) -> None:
    shapes = (
        b"%b", b'{"requestId":%b}', b'{"requestId":"foreign","success":%b}', b'{"requestId":"foreign","payload":%b}',
        b'{"requestId":"foreign","warnings":[%b]}', b'{"requestId":"foreign","error":{"message":%b}}',
    )  # fmt: skip
    for value in HOSTILE_VALUES.values():
        await settled(member, node, *(event_bytes(RESPONSE, shape % value) for shape in shapes))


@pytest.mark.parametrize("backend", ["memory"])
async def test_a_hostile_result_fails_its_callout_at_most(member: RawMember, node: Node) -> None:
    for value in HOSTILE_VALUES.values():
        for kind in ("processor", "criteria", "function"):
            waiting = node.call(callout(kind=kind, timeout_ms=50, target="TRANSITION" if kind == "criteria" else None))
            request_id = json.loads((await member.event()).text_data)["requestId"].encode()
            body = b'{"requestId":"%b","success":true,"payload":{"data":%b},"result":%b}' % (request_id, value, value)
            await member.write(event_bytes(RESPONSE, body))
            async with asyncio.timeout(MAX_SECONDS):
                (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            assert type(outcome).__name__ in {"CalloutAnswer", "CalloutFailed", "DispatchTimeout"}, outcome
    await settled(member, node)


@pytest.mark.parametrize("backend", ["memory"])
async def test_large_late_and_foreign_answers_leave_the_stream_open(member: RawMember, node: Node) -> None:
    late, late_id = await asked(member, node)
    late.cancel()
    large = b'{"requestId":"foreign","success":true,"payload":{"data":"%b"}}'
    garbage = (
        good(late_id), good("9a770000-0000-11f0-8000-000000000001"), event_bytes(RESPONSE, large % (b"x" * LARGE)),
        event_bytes(RESPONSE, large % (b"\xff" * LARGE)), event_bytes(RESPONSE, b"[" * LARGE),
        event_bytes("Y" * LARGE, b"{}"), b"\xff" * LARGE,
        CloudEvent(type=RESPONSE, proto_data={"type_url": "x"}).SerializeToString(),
    )  # fmt: skip
    await settled(member, node, *garbage)
    await settled(member, node)
