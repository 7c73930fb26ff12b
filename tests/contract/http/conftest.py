"""The whole node over each store, asked over HTTP in-process by two tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.http.request import Receive, Scope, Send
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair, load_key_pair
from tests.contract.stores import BACKENDS, empty_store
from workflows.services.background import OwnWorkers
from workflows.storage.base import Storage


async def no_pages(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("outside the context path")


@pytest.fixture(scope="session")
def signing_key() -> KeyPair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return load_key_pair(pem_of(key))


def pem_of(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class TickingClock(ManualClock):
    """Moves on by a millisecond at every look, so that no two commits share a moment."""

    def __call__(self) -> Any:
        self.advance(timedelta(milliseconds=1))
        return self.now


@pytest.fixture
def clock() -> ManualClock:
    return TickingClock()


@pytest.fixture(params=BACKENDS)
def storage(request: pytest.FixtureRequest) -> Storage:
    return empty_store(request.getfixturevalue("postgres_url") if request.param == "postgres" else None)


@pytest.fixture
def settings() -> dict[str, str]:
    """What the node is set to besides the defaults; a module overrides it."""
    return {}


@pytest.fixture
async def node(
    storage: Storage, signing_key: KeyPair, clock: ManualClock, settings: dict[str, str]
) -> AsyncIterator[Node]:
    identity = {"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(signing_key.private_key)}
    node = build_node(load(identity | settings), storage, fallback=no_pages, clock=clock)
    await node.platform.storage.open()
    yield node
    if isinstance(node.platform.workers, OwnWorkers):
        await node.platform.workers.stop()
    await node.platform.storage.close()


def client_of(node: Node, signing_key: KeyPair, **claims: object) -> httpx.AsyncClient:
    """A client whose token carries the claims."""
    now = int(node.platform.clock().timestamp())
    payload = {"sub": "u-1", "iss": "cyoda", "iat": now, "exp": now + 3600, **claims}
    token = jwt.encode(payload, signing_key.private_key, algorithm="RS256", headers={"kid": signing_key.kid})
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(node.api), base_url="http://node/api", headers=headers)


@pytest.fixture
async def api(node: Node, signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    """A person of the tenant `acme`."""
    async with client_of(node, signing_key, caas_org_id="acme", user_roles=[]) as client:
        yield client


@pytest.fixture
async def stranger(node: Node, signing_key: KeyPair) -> AsyncIterator[httpx.AsyncClient]:
    """A service of another tenant."""
    async with client_of(node, signing_key, caas_org_id="globex", scopes=["ROLE_M2M"]) as client:
        yield client
