"""Opening a member stream (contract: grpc 3, 11.1-11.4; checklist 1-4)."""

from __future__ import annotations

import json
import uuid

import grpc
import grpc.aio
import pytest

from tests.contract.grpc.conftest import Client, Node
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent

JOIN = "CalculationMemberJoinEvent"
UNARY = ("entityModelManage", "entityManage", "entitySearch")
FRAMES = ("entityManageCollection", "entitySearchCollection")


@pytest.fixture
def backend() -> str:
    """Nothing here is stored."""
    return "memory"


@pytest.mark.parametrize("bearer", [None, "nobody", "broken-validator"])
async def test_a_stream_without_a_valid_token_is_unauthenticated(client: Client, bearer: str | None) -> None:
    assert await client.stream(bearer).end() == (grpc.StatusCode.UNAUTHENTICATED, "authentication failed")


@pytest.mark.parametrize("rpc", UNARY + FRAMES)
async def test_every_other_rpc_without_a_token_is_unauthenticated_before_its_data_is_looked_at(
    client: Client, rpc: str
) -> None:
    call = getattr(client.stub, rpc)(CloudEvent(type="nonsense"))
    assert (await call.code(), await call.details()) == (grpc.StatusCode.UNAUTHENTICATED, "authentication failed")


@pytest.mark.parametrize(
    ("rpc", "label"),
    [
        ("entityModelManage", "model"),
        ("entityManage", "entity"),
        ("entityManageCollection", "collection"),
        ("entitySearch", "search"),
        ("entitySearchCollection", "search collection"),
    ],
)
async def test_a_user_token_reaches_the_other_rpcs_which_refuse_what_they_do_not_serve(
    client: Client, rpc: str, label: str
) -> None:
    metadata = (("authorization", "Bearer acme-user"),)
    unknown = getattr(client.stub, rpc)(CloudEvent(type="X", text_data="{}"), metadata=metadata)
    assert (await unknown.code(), await unknown.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        f"unsupported {label} event type: X",
    )
    empty = getattr(client.stub, rpc)(CloudEvent(type="X"), metadata=metadata)
    assert await empty.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (await empty.details()).startswith("invalid CloudEvent: ")


async def test_a_member_needs_the_m2m_role(client: Client) -> None:
    assert await client.stream("acme-user").end() == (
        grpc.StatusCode.PERMISSION_DENIED,
        "ROLE_M2M required for streaming",
    )


async def test_a_joined_member_is_greeted_with_its_id_and_tenant(client: Client, node: Node) -> None:
    stream = client.stream()
    await stream.send(JOIN, {"id": "j", "tags": ["rating"]})
    event = await stream.event()
    (member,) = node.registry.members()
    assert event.type == "CalculationMemberGreetEvent"
    assert (event.source, event.spec_version, dict(event.attributes)) == ("cyoda", "1.0", {})
    assert uuid.UUID(event.id).version == 4
    assert event.WhichOneof("data") == "text_data"
    assert json.loads(event.text_data) == {
        "id": str(member.id),
        "memberId": str(member.id),
        "joinedLegalEntityId": "acme",
        "success": True,
    }
    assert event.id != str(member.id)
    assert member.id.version == 4


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(
    "payload",
    [
        {"owner": "PLAY", "tags": ["rating"]},
        {"id": "j", "tags": ["rating"], "success": True, "warnings": []},
        {"id": "j", "tags": ["rating"], "joinedLegalEntityId": ""},
        {"id": "j", "tags": ["rating"], "joinedLegalEntityId": "acme"},
    ],
)
async def test_the_joins_of_all_known_clients_are_accepted_as_text_and_as_bytes(
    client: Client, node: Node, payload: dict[str, object], binary: bool
) -> None:
    stream = client.stream()
    await stream.send(JOIN, payload, binary=binary)
    await stream.receive("CalculationMemberGreetEvent")
    assert [member.tags for member in node.registry.members()] == [{"rating"}]


@pytest.mark.parametrize("payload", ['{"id":"j"}', '{"id":"j","tags":null}', '{"id":"j","tags":[]}'])
async def test_a_member_may_join_without_tags(client: Client, node: Node, payload: str) -> None:
    stream = client.stream()
    await stream.send(JOIN, payload)
    await stream.receive("CalculationMemberGreetEvent")
    assert [member.tags for member in node.registry.members()] == [frozenset()]


async def test_joining_twice_over_two_streams_makes_two_members(client: Client, node: Node) -> None:
    first, second = await client.member(("rating",)), await client.member(("rating",))
    assert first.greeting["memberId"] != second.greeting["memberId"]
    assert len(node.registry.candidates("acme", "rating")) == 2


async def test_the_first_event_must_be_a_join(client: Client) -> None:
    stream = client.stream()
    await stream.send("EventAckResponse", {"id": "a"})
    assert await stream.end() == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "first message must be CalculationMemberJoinEvent, got EventAckResponse",
    )


async def test_a_join_of_another_tenant_is_refused_and_leaves_no_member(client: Client, node: Node) -> None:
    stream = client.stream()
    await stream.send(JOIN, {"id": "j", "joinedLegalEntityId": "other"})
    assert await stream.end() == (grpc.StatusCode.PERMISSION_DENIED, "tenant mismatch")
    assert node.registry.members() == []


@pytest.mark.parametrize("payload", ["{", "[]", '{"tags":"rating"}', '{"tags":[1]}', ""])
async def test_a_join_with_a_wrong_payload_is_an_invalid_argument(client: Client, payload: str) -> None:
    stream = client.stream()
    await stream.send(JOIN, payload)
    status, message = await stream.end()
    assert status == grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("invalid join event payload: ")


async def test_a_first_event_without_json_data_does_not_parse(client: Client) -> None:
    for event in (CloudEvent(type=JOIN), CloudEvent(type=JOIN, proto_data={"type_url": "x"})):
        stream = client.stream()
        await stream.call.write(event)
        status, message = await stream.end()
        assert status == grpc.StatusCode.INVALID_ARGUMENT
        assert message.startswith("failed to parse first message: ")


async def test_first_bytes_that_are_no_event_do_not_parse(client: Client) -> None:
    path = "/org.cyoda.cloud.api.grpc.CloudEventsService/startStreaming"
    call = client.channel.stream_stream(path)(metadata=(("authorization", "Bearer acme-m2m"),))
    await call.write(b"\xff\xff\xff")
    assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (await call.details()).startswith("failed to parse first message: ")


async def test_the_rpc_names_are_lower_camel(client: Client) -> None:
    path = "/org.cyoda.cloud.api.grpc.CloudEventsService/StartStreaming"
    assert await client.channel.stream_stream(path)().code() == grpc.StatusCode.UNIMPLEMENTED
