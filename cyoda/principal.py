"""Who asks: the frozen identity that every use case takes as its first argument (contract: identity 5, 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["user", "service", "system"]
TenantId = str
"""The `caas_org_id` of a token: any non-empty string."""

ROLE_ADMIN = "ROLE_ADMIN"
ROLE_M2M = "ROLE_M2M"


@dataclass(frozen=True, slots=True)
class Actor:
    """An id and its kind, as history and audit record them."""

    id: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated caller inside one tenant."""

    tenant: TenantId
    user_id: str
    kind: Kind
    roles: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        return Actor(self.user_id, self.kind)

    def has_role(self, role: str) -> bool:
        return role in self.roles


def system_principal(tenant: TenantId) -> Principal:
    """The platform itself, acting in a tenant (scheduled fires)."""
    return Principal(tenant=tenant, user_id="system", kind="system")
