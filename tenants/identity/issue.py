"""Minting first-party tokens (contract: identity 4)."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import jwt

from cyoda.clock import Clock
from tenants.identity.clients import Client
from tenants.identity.keys import KeyRing


class NoSigningKey(Exception):
    """No active key pair of audience `client` can sign now."""


class TokenIssuer:
    """Signs tokens with the ring's current key, RS256."""

    def __init__(
        self, ring: KeyRing, *, issuer: str, expiry_seconds: int, clock: Clock, new_id: Callable[[], UUID] = uuid4
    ) -> None:
        self._ring = ring
        self._issuer = issuer
        self._clock = clock
        self._new_id = new_id
        self.expiry_seconds = expiry_seconds

    def for_client(self, client: Client) -> str:
        """A token of a client's own. Raises NoSigningKey."""
        return self._signed(
            {
                "sub": client.id,
                "iss": self._issuer,
                "caas_user_id": client.user_id,
                "caas_org_id": client.tenant,
                "scopes": list(client.roles),
            }
        )

    def _signed(self, claims: dict[str, object]) -> str:
        now = self._clock()
        pair = self._ring.signing(now)
        if pair is None:
            raise NoSigningKey
        issued_at = int(now.timestamp())
        claims |= {
            "caas_tier": "unlimited",
            "iat": issued_at,
            "exp": issued_at + self.expiry_seconds,
            "jti": str(self._new_id()),
        }
        return jwt.encode(claims, pair.private_key, algorithm="RS256", headers={"kid": pair.kid})
