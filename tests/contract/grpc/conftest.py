"""A real server on a free loopback port, and members that speak to it through real channels."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from cyoda.admission import Admission
from cyoda.clock import system_clock
from cyoda.cluster.tokens import JoinTokens
from cyoda.errors import Unauthorized
from cyoda.ids import TimeIds
from cyoda.principal import ROLE_M2M, Principal
from tests.contract.stores import BACKENDS, empty_store
from workflows.compute.admission import DEFAULT_MAX_IN_FLIGHT
from workflows.compute.dispatcher import LocalDispatcher
from workflows.compute.members import Registry
from workflows.core.callout import Callout, CalloutAnswer
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.grpc.generated.cyoda_cloud_api_pb2_grpc import CloudEventsServiceStub
from workflows.grpc.options import GrpcOptions, KeepAlive
from workflows.grpc.server import GrpcServer
from workflows.grpc.streaming import END
from workflows.services.configurations import Configurations
from workflows.services.platform import Platform
from workflows.services.quotas import NoQuotas, Quotas
from workflows.services.transactions import Transactions
from workflows.storage.base import Storage

PRINCIPALS = {
    "Bearer acme-m2m": Principal(tenant="acme", user_id="acme-node", kind="service", roles=(ROLE_M2M,)),
    "Bearer other-m2m": Principal(tenant="other", user_id="other-node", kind="service", roles=(ROLE_M2M,)),
    "Bearer acme-user": Principal(tenant="acme", user_id="ann", kind="user", roles=("ROLE_USER",)),
}
ANN = PRINCIPALS["Bearer acme-user"]
OPTIONS = GrpcOptions(host="127.0.0.1", port=0, reflection=True)


async def authenticate(authorization: str | None) -> Principal:
    if authorization == "Bearer broken-validator":
        raise RuntimeError("the key store is gone")
    if authorization not in PRINCIPALS:
        raise Unauthorized
    return PRINCIPALS[authorization]


@dataclass
class Client:
    """One channel to the server, and what is called through it."""

    channel: grpc.aio.Channel
    stub: Any = field(init=False)

    def __post_init__(self) -> None:
        self.stub = CloudEventsServiceStub(self.channel)

    def stream(self, bearer: str | None = "acme-m2m") -> MemberClient:
        metadata = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
        return MemberClient(self.stub.startStreaming(metadata=metadata))

    async def one(
        self, rpc: str, event_type: str, payload: Any, *, bearer: str = "acme-user", token: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        """Type and payload of the reply of a unary rpc to the event with the CloudEvent id `c1`."""
        reply = await getattr(self.stub, rpc)(_event(event_type, payload), metadata=_metadata(bearer, token))
        assert reply.WhichOneof("data") == "text_data"
        return reply.type, json.loads(reply.text_data)

    async def many(
        self, rpc: str, event_type: str, payload: Any, *, bearer: str = "acme-user", token: str | None = None
    ) -> list[tuple[str, dict[str, Any]]]:
        """Type and payload of every frame of a server-stream rpc."""
        call = getattr(self.stub, rpc)(_event(event_type, payload), metadata=_metadata(bearer, token))
        return [(frame.type, json.loads(frame.text_data)) async for frame in call]

    async def member(self, tags: tuple[str, ...] = (), bearer: str = "acme-m2m") -> MemberClient:
        """A joined and greeted member."""
        stream = self.stream(bearer)
        await stream.send("CalculationMemberJoinEvent", {"id": str(uuid.uuid4()), "tags": list(tags)})
        stream.greeting = await stream.receive("CalculationMemberGreetEvent")
        return stream


def _event(event_type: str, payload: Any) -> CloudEvent:
    text = payload if isinstance(payload, str) else json.dumps({"id": "json-id", **payload})
    return CloudEvent(id="c1", source="test", spec_version="1.0", type=event_type, text_data=text)


def _metadata(bearer: str, token: str | None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {bearer}"), *((("tx-token", token),) if token is not None else ()))


@dataclass
class MemberClient:
    """The client's end of a member stream."""

    call: Any
    greeting: dict[str, Any] = field(default_factory=dict)

    async def send(self, event_type: str, payload: Any, *, binary: bool = False) -> None:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        event = CloudEvent(id="ce", source="test", spec_version="1.0", type=event_type)
        if binary:
            event.binary_data = text.encode()
        else:
            event.text_data = text
        await self.call.write(event)

    async def event(self) -> CloudEvent:
        event = await asyncio.wait_for(self.call.read(), 10)
        assert event is not END, f"the stream ended: {await self.call.code()} {await self.call.details()}"
        return cast(CloudEvent, event)

    async def receive(self, event_type: str) -> dict[str, Any]:
        """The payload of the next event, which must be of this type."""
        event = await self.event()
        assert event.type == event_type
        return json.loads(event.text_data)

    async def answer(self, request: dict[str, Any], **members: Any) -> None:
        await self.send(
            "EntityProcessorCalculationResponse", {"requestId": request["requestId"], "success": True, **members}
        )

    async def end(self) -> tuple[grpc.StatusCode, str]:
        """Wait for the server to end the stream; the status it gave."""
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await asyncio.wait_for(self.call.read(), 10) is not END:
                pass
        return await self.call.code(), await self.call.details()


@dataclass
class Node:
    """A running server with its registry and dispatcher."""

    server: GrpcServer
    registry: Registry
    dispatcher: LocalDispatcher
    platform: Platform
    port: int

    def call(
        self, callout: Callout, principal: Principal = ANN, token: str | None = None
    ) -> asyncio.Task[CalloutAnswer]:
        return asyncio.ensure_future(self.dispatcher.call(principal, callout, token=token))


def platform_over(storage: Storage, compute: LocalDispatcher, quotas: Quotas | None = None) -> Platform:
    """The use cases of one node."""
    new_id = TimeIds()
    tokens = JoinTokens(b"k" * 32, node_id="local", lifetime=timedelta(seconds=90), clock=system_clock)
    return Platform(
        storage=storage,
        clock=system_clock,
        new_id=new_id,
        configurations=Configurations(storage),
        compute=compute,
        transactions=Transactions(storage, clock=system_clock, new_id=new_id, tokens=tokens),
        quotas=quotas or NoQuotas(),
    )


StartNode = Callable[..., Any]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The store below the server; a module whose tests store nothing overrides it."""
    return request.param


@pytest.fixture
async def start_node(backend: str, request: pytest.FixtureRequest) -> AsyncIterator[StartNode]:
    """Starts servers, each on a store of its own, with their own keep-alive and choice; stops them at the end."""
    url = request.getfixturevalue("postgres_url") if backend == "postgres" else None
    started: list[tuple[GrpcServer, Storage]] = []

    async def start(
        *,
        keep_alive: KeepAlive | None = None,
        choose: Any = None,
        max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
        quotas: Quotas | None = None,
        admission: Admission | None = None,
    ) -> Node:
        registry = Registry(max_in_flight)
        dispatcher = LocalDispatcher(registry, new_id=TimeIds(), choose=choose or random.Random(7).choice)
        options = replace(OPTIONS, keep_alive=keep_alive or KeepAlive(interval=timedelta(hours=1)))
        storage = empty_store(url)
        await storage.open()
        platform = platform_over(storage, dispatcher, quotas)
        server = GrpcServer(
            options,
            authenticate=authenticate,
            registry=registry,
            clock=system_clock,
            platform=platform,
            admission=admission,
        )
        started.append((server, storage))
        return Node(server, registry, dispatcher, platform, await server.start())

    yield start
    for server, storage in started:
        await server.stop(0)
        await storage.close()


@pytest.fixture
async def node(start_node: StartNode) -> Node:
    return await start_node()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Node], Client]]:
    clients: list[Client] = []

    def open_channel(node: Node) -> Client:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        clients.append(Client(grpc.aio.insecure_channel(f"127.0.0.1:{node.port}", options=options)))
        return clients[-1]

    yield open_channel
    for client in clients:
        await client.channel.close()


@pytest.fixture
async def client(node: Node, connect: Callable[[Node], Client]) -> Client:
    return connect(node)


@pytest.fixture
async def orders(client: Client) -> Client:
    """A client of a tenant with a locked model of orders."""
    model = {"name": "order", "version": 1}
    sample = {"orderNo": "A-1", "total": 12.5, "max": 2**63 - 1}
    imported = {"model": model, "converter": "SAMPLE_DATA", "dataFormat": "JSON", "payload": sample}
    await client.one("entityModelManage", "EntityModelImportRequest", imported)
    await client.one("entityModelManage", "EntityModelTransitionRequest", {"model": model, "transition": "LOCK"})
    return client
