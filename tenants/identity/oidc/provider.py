"""A registered provider as tokens are judged by it, and whom a token of it speaks for (contract: identity 10, 10.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cyoda.principal import Principal, TenantId

PREFIX = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """`issuers` and `expected_audiences` None: not pinned. `roles_claim` None: the installation's.

    Whenever `revision` has changed, the provider's documents are fetched anew.
    """

    id: UUID
    tenant: TenantId
    uri: str
    created_at: datetime
    issuers: tuple[str, ...] | None = None
    expected_audiences: tuple[str, ...] | None = None
    roles_claim: str | None = None
    is_active: bool = True
    revision: object = None

    def accepted_issuers(self, discovered: str) -> tuple[str, ...]:
        """The `iss` of tokens that are this provider's, whose discovery document names the issuer `discovered`.

        None at all when other issuers than that are pinned.
        """
        if self.issuers is None:
            return (discovered,)
        return self.issuers if discovered in self.issuers else ()

    def expects(self, audiences: Iterable[object]) -> bool:
        """Whether one of the audiences is among those pinned."""
        return self.expected_audiences is not None and any(one in self.expected_audiences for one in audiences)


def audiences_of(claims: Mapping[str, Any]) -> list[object]:
    """`aud`, a text or an array of them."""
    audience = claims.get("aud")
    return audience if isinstance(audience, list) else [audience]


def roles_of(value: object) -> tuple[str, ...]:
    """The roles that a claim's value names; names with a comma or a control character are dropped."""
    if isinstance(value, str):
        names = value.split()
    elif isinstance(value, list | dict):
        names = [name for name in value if isinstance(name, str)]
    else:
        return ()
    return tuple(dict.fromkeys(name for name in names if name and "," not in name and not has_control(name)))


def principal_of(provider: Provider, claims: Mapping[str, Any], default_roles_claim: str) -> Principal:
    """Whom claims with a valid `sub` speak for; whatever they say of tenants and users of ours is ignored."""
    return Principal(
        tenant=provider.tenant,
        user_id=f"{PREFIX}:{provider.id}:{claims['sub']}",
        kind="user",
        roles=roles_of(claims.get(provider.roles_claim or default_roles_claim)),
    )


def shown_name(user_id: str) -> str:
    """The name of a user by the id: for one of a provider the `sub`, for others the id itself."""
    prefix, _, rest = user_id.partition(":")
    return rest.partition(":")[2] or user_id if prefix == PREFIX else user_id


def has_control(text: str) -> bool:
    """Whether there is a character below 0x20, or 0x7f, in the text."""
    return any(character < " " or character == "\x7f" for character in text)
