"""Technical clients that obtain tokens with an id and a secret (contract: identity 3.1, 9, 18)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_DUMMY_DIGEST = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client and the digest of its secret; `user_id` is the `caas_user_id` of its tokens."""

    id: str
    secret_digest: bytes
    tenant: str
    user_id: str
    roles: tuple[str, ...]


class ClientRegistry(Protocol):
    async def find(self, client_id: str) -> Client | None: ...


class BootstrapClients:
    """The client of the configuration, alone."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    async def find(self, client_id: str) -> Client | None:
        return self._client if self._client is not None and self._client.id == client_id else None


class ChainedClients:
    """Several registries, the first that knows a client wins: the configuration comes before stored clients."""

    def __init__(self, registries: Sequence[ClientRegistry]) -> None:
        self._registries = registries

    async def find(self, client_id: str) -> Client | None:
        for registry in self._registries:
            client = await registry.find(client_id)
            if client is not None:
                return client
        return None


def secret_digest(secret: str) -> bytes:
    """SHA-256: secrets are long and random, so a slow hash would protect nothing and cost every token request."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


async def authenticate_client(registry: ClientRegistry, client_id: str, secret: str) -> Client | None:
    """The client if the secret is its own; an unknown id costs the same comparison as a wrong secret."""
    client = await registry.find(client_id)
    expected = client.secret_digest if client is not None else _DUMMY_DIGEST
    return client if hmac.compare_digest(secret_digest(secret), expected) else None
