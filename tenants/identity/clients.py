"""Technical clients that obtain tokens with an id and a secret (contract: identity 3.1, 9, 18)."""

from __future__ import annotations

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
    async def find(self, client_id: str) -> Client | None:
        """Raises StorageUnavailable."""
        ...

    def used(self, client: Client) -> None:
        """Note that the client has obtained a token just now; costs the caller nothing."""
        ...


class BootstrapClients:
    """The client of the configuration, alone."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    async def find(self, client_id: str) -> Client | None:
        return self._client if self._client is not None and self._client.id == client_id else None

    def used(self, client: Client) -> None:
        """Nothing is kept of it."""
