"""Who is calling: what the edges need to know of the identity service."""

from __future__ import annotations

from typing import Protocol

from cyoda.principal import Principal


class Authenticator(Protocol):
    """Turns an `Authorization` header value (or gRPC metadata of that name) into a principal."""

    async def authenticate(self, authorization: str | None) -> Principal:
        """Raises Unauthorized, always the same one, whatever is wrong (contract: identity 5)."""
        ...


class FixedAuthenticator:
    """Everyone is the same principal (mock IAM mode, contract: identity 1)."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal

    async def authenticate(self, authorization: str | None) -> Principal:
        return self._principal
