"""A node with listeners of its own on the memory store, which a test can stop and start again; members that join it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from cyoda.conf import load
from cyoda.http.request import Receive, Scope, Send
from cyoda.runtime import Node, build_node
from cyoda.serving import Addresses, running
from cyoda_member import Backoff, Member, Settings
from cyoda_member.http import Http
from cyoda_member.tokens import Tokens
from tests.contract.http.steps import model, ok, workflow
from tests.nodes import CLIENT_ID, CLIENT_SECRET, TENANT, signing_key
from workflows.storage.memory.store import MemoryStorage

PATIENCE_SECONDS = 20


async def no_pages(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("outside the context path")


async def until(holds: Callable[[], Any]) -> None:
    """Wait for something that another task or thread brings about."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


@dataclass
class LiveNode:
    """Stopped and started on the same ports; its data is gone with each stop."""

    environ: Mapping[str, str]
    key: str
    addresses: Addresses = field(default_factory=lambda: Addresses(http=0, grpc=0, admin=0))
    node: Node | None = None
    _running: AsyncExitStack | None = None

    async def start(self) -> None:
        settings = {
            "CYODA_IAM_MODE": "jwt",
            "CYODA_JWT_SIGNING_KEY": self.key,
            "CYODA_BOOTSTRAP_CLIENT_ID": CLIENT_ID,
            "CYODA_BOOTSTRAP_CLIENT_SECRET": CLIENT_SECRET,
            "CYODA_BOOTSTRAP_TENANT_ID": TENANT,
            "CYODA_HTTP_BIND_ADDRESS": "127.0.0.1",
            "CYODA_GRPC_BIND_ADDRESS": "127.0.0.1",
            "CYODA_HTTP_PORT": str(self.addresses.http),
            "CYODA_GRPC_PORT": str(self.addresses.grpc),
            "CYODA_ADMIN_PORT": "0",
            **self.environ,
        }
        self.node = build_node(load(settings), MemoryStorage(), fallback=no_pages)
        self._running = AsyncExitStack()
        self.addresses = await self._running.enter_async_context(running(self.node))

    async def stop(self) -> None:
        if self._running is not None:
            await self._running.aclose()
        self._running = None

    @property
    def settings(self) -> Settings:
        return Settings(
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            api=f"http://127.0.0.1:{self.addresses.http}/api",
            grpc=f"127.0.0.1:{self.addresses.grpc}",
        )

    @property
    def members(self) -> list[Any]:
        assert self.node is not None
        return self.node.members.members()


@pytest.fixture(scope="session")
def key() -> str:
    return signing_key()


@pytest.fixture
def environ() -> dict[str, str]:
    """What the node is set to besides the defaults; a test overrides it by parametrising."""
    return {}


@pytest.fixture
async def live(environ: dict[str, str], key: str) -> AsyncIterator[LiveNode]:
    node = LiveNode(environ, key)
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def api(live: LiveNode) -> AsyncIterator[httpx.AsyncClient]:
    """The member's own client, calling from outside any transaction."""
    headers = await bearer(live)
    async with httpx.AsyncClient(base_url=live.settings.api, timeout=PATIENCE_SECONDS, headers=headers) as client:
        yield client


async def bearer(live: LiveNode) -> dict[str, str]:
    """The header of a fresh token."""
    async with httpx.AsyncClient(base_url=live.settings.api) as client:
        answer = await client.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=(CLIENT_ID, CLIENT_SECRET)
        )
    return {"Authorization": f"Bearer {ok(answer)['access_token']}"}


Connect = Callable[[Member], Awaitable["asyncio.Task[None]"]]


@pytest.fixture
async def connect(live: LiveNode) -> AsyncIterator[Connect]:
    """Serves members until the end of the test."""
    serving: list[tuple[Member, asyncio.Task[None]]] = []

    async def start(member: Member) -> asyncio.Task[None]:
        before = len(live.members)
        task = asyncio.create_task(member.serve(live.settings))
        serving.append((member, task))
        await until(lambda: len(live.members) > before or task.done())
        return task

    yield start
    for member, task in serving:
        member.stop()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


@pytest.fixture
def member() -> Member:
    return Member(tags=["tests"], backoff=Backoff(first=0.05, longest=0.2))


def calls_out(kind: str, name: str, **config: Any) -> dict[str, Any]:
    """A workflow whose first transition calls the member."""
    configured = {"calculationNodesTags": "tests", "responseTimeoutMs": PATIENCE_SECONDS * 1000, **config}
    transition: dict[str, Any] = {"name": "go", "next": "DONE"}
    done: dict[str, Any] = {}
    if kind == "processor":
        transition["processors"] = [
            {"type": "externalized", "name": name, "executionMode": "SYNC", "config": configured}
        ]
    elif kind == "criterion":
        transition["criterion"] = {"type": "function", "function": {"name": name, "config": configured}}
        transition["manual"] = True
    else:
        function = {"name": name, "resultKind": "Schedule", **configured}
        done = {"transitions": [{"name": "remind", "next": "REMINDED", "schedule": {"function": function}}]}
    states = {"NEW": {"transitions": [transition]}, "DONE": done, "REMINDED": {}}
    return {"version": "1.3", "name": "calls-out", "initialState": "NEW", "states": states}


async def order_model(api: httpx.AsyncClient, kind: str, name: str, **config: Any) -> None:
    """The model `order`, whose entities call the member."""
    await model(api, sample={"amount": 1, "note": "a", "ratio": 1.5}, lock=False)
    ok(await api.post("/model/order/1/changeLevel/STRUCTURAL"))
    ok(await api.put("/model/order/1/lock"))
    await workflow(api, definition=calls_out(kind, name, **config))


class SteppedClock:
    """Seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def tokens(live: LiveNode) -> Iterator[Tokens]:
    """Tokens of the live node, on a clock that stands still."""
    settings = live.settings
    with ThreadPoolExecutor(2) as executor:
        yield Tokens(Http(settings.api, executor), settings.client_id, settings.client_secret, SteppedClock())
