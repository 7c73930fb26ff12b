"""Technical clients that obtain tokens with an id and a secret (contract: identity 3.1, 9, 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client and the hashes of the secrets it may use now; `user_id` is the `caas_user_id` of its tokens."""

    id: str
    secret_hashes: tuple[str, ...]
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
