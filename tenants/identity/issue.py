"""Minting first-party tokens (contract: identity 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import jwt

from cyoda.clock import Clock
from cyoda.principal import TenantId
from tenants.identity.clients import Client
from tenants.identity.keys import Audience, KeyRing, jwks

UNLIMITED = "unlimited"


class NoSigningKey(Exception):
    """No active key pair can sign now."""


class TokenIssuer:
    """Signs tokens with the ring's current key, RS256. Every method raises NoSigningKey."""

    def __init__(
        self, ring: KeyRing, *, issuer: str, expiry_seconds: int, clock: Clock, new_id: Callable[[], UUID] = uuid4
    ) -> None:
        self._ring = ring
        self._issuer = issuer
        self._clock = clock
        self._new_id = new_id
        self.expiry_seconds = expiry_seconds

    def for_client(self, client: Client) -> str:
        """A token of a client's own."""
        return self._signed(
            {
                "sub": client.id,
                "iss": self._issuer,
                "caas_user_id": client.user_id,
                "caas_org_id": client.tenant,
                "scopes": list(client.roles),
                "caas_tier": UNLIMITED,
            },
            "client",
        )

    def for_subject(self, client: Client, subject: str, user_roles: Any) -> str:
        """A token of somebody in the client's tenant, for whom the client acts; `user_roles` as it was vouched for."""
        claims = self._user_claims(subject, client.tenant, user_roles)
        return self._signed(claims | {"act": {"sub": client.id}}, "client")

    def for_person(
        self,
        user_id: str,
        tenant: TenantId,
        roles: Sequence[str],
        name: str | None = None,
        *,
        more: Mapping[str, Any] | None = None,
    ) -> str:
        """A token of somebody who signed in here; the pair for people signs it, without one that for clients.

        `more` are claims beside the usual ones.
        """
        claims = self._user_claims(user_id, tenant, list(roles)) | dict(more or {})
        return self._signed(claims if name is None else claims | {"name": name}, "human", "client")

    def id_token(self, claims: Mapping[str, Any]) -> str:
        """Tells a client who signed in (OpenID Connect); no API accepts it, for it names no tenant."""
        return self._signed(dict(claims), "human", "client")

    def public_keys(self) -> bytes:
        """The JWKS document by which its tokens are verified."""
        return jwks(self._ring.published(self._clock()))

    def _user_claims(self, user_id: str, tenant: TenantId, roles: Any) -> dict[str, Any]:
        return {
            "sub": user_id,
            "iss": self._issuer,
            "caas_user_id": user_id,
            "caas_org_id": tenant,
            "user_roles": roles,
            "caas_tier": UNLIMITED,
        }

    def _signed(self, claims: dict[str, Any], *audiences: Audience) -> str:
        now = self._clock()
        pairs = (self._ring.signing(audience, now) for audience in audiences)
        pair = next((pair for pair in pairs if pair is not None), None)
        if pair is None or pair.private_key is None:
            raise NoSigningKey
        issued_at = int(now.timestamp())
        claims |= {
            "iat": issued_at,
            "exp": issued_at + self.expiry_seconds,
            "jti": str(self._new_id()),
        }
        return jwt.encode(claims, pair.private_key, algorithm="RS256", headers={"kid": pair.kid})
