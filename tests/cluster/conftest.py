"""Three nodes of one cluster in the test's own process, over one store, each with listeners of its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import grpc.aio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cyoda.clock import system_clock
from cyoda.cluster.directory import Directory
from cyoda.cluster.embedded import EmbeddedDirectory
from cyoda.conf import load
from cyoda.runtime import Node, build_node
from cyoda.serving import Addresses, running
from tenants.identity.keys import load_key_pair
from tests.contract.grpc.conftest import Client
from tests.contract.http.conftest import no_pages, pem_of
from tests.contract.stores import empty_store
from workflows.storage.base import Storage

SECRET = "a secret that all nodes of the tests' cluster share"
PEM = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
KEY = load_key_pair(PEM)


def token(tenant: str = "acme", **claims: Any) -> str:
    """A bearer token that every node accepts; without claims, of a calculation member's service."""
    now = int(system_clock().timestamp())
    payload = {"sub": "svc", "iss": "cyoda", "iat": now, "exp": now + 3600, "caas_org_id": tenant}
    return jwt.encode(
        payload | (claims or {"scopes": ["ROLE_M2M"]}), KEY.private_key, algorithm="RS256", headers={"kid": KEY.kid}
    )


@dataclass
class ClusterNode:
    """One node and its clients."""

    node: Node
    addresses: Addresses
    life: AsyncExitStack
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def api(self, **claims: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token(**claims)}"}
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.addresses.http}/api", headers=headers, timeout=20, trust_env=False
        )
        return await self.clients.enter_async_context(client)

    async def grpc(self) -> Client:
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.addresses.grpc}")
        return Client(await self.clients.enter_async_context(channel))

    async def stop(self) -> None:
        """Leaves the cluster in order. Stopping twice is fine."""
        await self.clients.aclose()
        await self.life.aclose()


StartNode = Callable[..., Awaitable[ClusterNode]]


@pytest.fixture
async def directory(postgres_url: str) -> Directory:
    """A cluster of its own."""
    schema = f"t{uuid.uuid4().hex}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE SCHEMA {schema}")
    await connection.close()
    return EmbeddedDirectory(postgres_url, schema=schema)


@pytest.fixture
def storage(postgres_url: str) -> Storage:
    return empty_store(postgres_url)


@pytest.fixture
async def start_node(directory: Directory, storage: Storage) -> AsyncIterator[StartNode]:
    started: list[ClusterNode] = []

    async def start(node_id: str, **settings: str) -> ClusterNode:
        environ = {
            "CYODA_IAM_MODE": "jwt",
            "CYODA_JWT_SIGNING_KEY": PEM,
            "CYODA_CLUSTER_ENABLED": "true",
            "CYODA_NODE_ID": node_id,
            "CYODA_NODE_ADDR": "http://127.0.0.1:1",
            "CYODA_HMAC_SECRET": SECRET,
            **{f"CYODA_{name}_PORT": "0" for name in ("HTTP", "GRPC", "ADMIN", "PEER")},
            **{f"CYODA_{name}_BIND_ADDRESS": "127.0.0.1" for name in ("HTTP", "GRPC", "ADMIN", "PEER")},
        }
        node = build_node(load(environ | settings), storage, fallback=no_pages, directory=directory)
        life = AsyncExitStack()
        started.append(ClusterNode(node, await life.enter_async_context(running(node)), life))
        return started[-1]

    yield start
    for node in reversed(started):
        await node.stop()


@pytest.fixture
async def nodes(start_node: StartNode) -> list[ClusterNode]:
    """Three nodes that know each other."""
    nodes = [await start_node(name) for name in ("a", "b", "c")]
    for each in nodes:
        await knows(each, lambda view: set(view.nodes) == {"a", "b", "c"})
    return nodes


async def knows(each: ClusterNode, holds: Callable[[Any], bool]) -> None:
    """Wait until a node's view of the cluster is so."""
    assert each.node.cluster is not None
    view = each.node.cluster.membership.view
    async with asyncio.timeout(10):
        while True:
            changed = view.changed
            if holds(view):
                return
            await changed.wait()
