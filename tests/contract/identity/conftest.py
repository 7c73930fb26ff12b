"""Nodes over the rows of one database, asked over HTTP in-process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.principal import ROLE_ADMIN
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair
from tenants.services.directory import StoredTenants
from tenants.services.identity import stored_identity
from tenants.services.off_loop import OrmThread
from tenants.services.quotas import StoredQuotas
from tests.contract.http.conftest import client_of, no_pages, pem_of, signing_key
from tests.contract.tenants.conftest import database
from workflows.storage.memory.store import MemoryStorage

__all__ = ["database", "signing_key"]  # fixtures

SECRET = "the secret of the bootstrap client"
BOOTSTRAP = {
    "CYODA_BOOTSTRAP_CLIENT_ID": "boot",
    "CYODA_BOOTSTRAP_CLIENT_SECRET": SECRET,
    "CYODA_BOOTSTRAP_TENANT_ID": "acme",
}
GRANT = {"grant_type": "client_credentials"}


@dataclass
class Running:
    """One node; `admin` is an administrator of `acme`."""

    node: Node
    key: KeyPair
    admin: httpx.AsyncClient
    stack: AsyncExitStack

    async def client(self, tenant: str = "acme", **claims: Any) -> httpx.AsyncClient:
        """Somebody of a tenant; an administrator unless the claims say otherwise."""
        claims = {"caas_org_id": tenant, "user_roles": [ROLE_ADMIN]} | claims
        return await self.stack.enter_async_context(client_of(self.node, self.key, **claims))

    async def bearing(self, token: str) -> httpx.AsyncClient:
        """Whoever has the token."""
        client = await self.client()
        client.headers["Authorization"] = f"Bearer {token}"
        return client

    async def token(self, client_id: str = "boot", secret: str = SECRET, **form: str) -> httpx.Response:
        return await self.admin.post("/oauth/token", auth=(client_id, secret), data=GRANT | form)

    async def stop(self) -> None:
        await self.stack.aclose()


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def start(database: str, signing_key: KeyPair, clock: ManualClock) -> AsyncIterator[Start]:
    """Starts nodes of one installation; settings beside or instead of those in jwt mode with a bootstrap client."""
    nodes: list[Running] = []

    async def started(**settings: str) -> Running:
        environ = {"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(signing_key.private_key)}
        conf = load(environ | BOOTSTRAP | settings)
        stack, orm = AsyncExitStack(), OrmThread()
        stack.push_async_callback(orm.close)

        async def make_schema(_: str) -> None:
            """Data is in memory here."""

        tenants = StoredTenants(orm, make_schema, auto_create=conf.platform.tenant_auto_create)
        identity = stored_identity(conf, clock, orm, tenants)
        quotas = StoredQuotas(clock=clock) if conf.quotas.enabled else None
        node = build_node(conf, MemoryStorage(), fallback=no_pages, clock=clock, identity=identity, quotas=quotas)
        await node.platform.storage.open()
        stack.push_async_callback(node.platform.storage.close)
        await stack.enter_async_context(tenants)
        await stack.enter_async_context(identity.background)
        if quotas is not None:
            await stack.enter_async_context(quotas)
        admin = client_of(node, signing_key, caas_org_id="acme", user_roles=[ROLE_ADMIN])
        nodes.append(Running(node, signing_key, await stack.enter_async_context(admin), stack))
        return nodes[-1]

    yield started
    for node in nodes:
        await node.stop()


@pytest.fixture
async def node(start: Start) -> Running:
    return await start()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and detail of a refusal."""
    assert answer.headers["content-type"] == "application/problem+json"
    detail: str = answer.json()["detail"]
    assert detail.startswith(answer.json()["properties"]["errorCode"] + ": ")
    return answer.status_code, detail


async def accepted(node: Running, token: str) -> bool:
    """Whether a node lets the bearer in."""
    answer = await (await node.bearing(token)).get("/account")
    assert answer.status_code in (200, 401)
    return answer.status_code == 200
