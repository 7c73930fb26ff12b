"""The permission table: which role may do what. HTTP, gRPC, the pages and the back office all read this one.

Contract: identity 14. Only ROLE_ADMIN and ROLE_M2M are the contract's; the others are those of people who sign in.
A caller without any of these roles may do what needs only authentication.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

from cyoda.errors import Forbidden
from cyoda.principal import ROLE_ADMIN, ROLE_M2M, Principal

ROLE_OPERATOR = "ROLE_OPERATOR"
ROLE_OWNER = "ROLE_OWNER"
ROLE_DEVELOPER = "ROLE_DEVELOPER"
ROLE_VIEWER = "ROLE_VIEWER"


class Action(StrEnum):
    """What can be allowed. Everything but the last two stays inside the caller's tenant."""

    READ = "read"
    """Look at entities, history, models, workflows, searches, messages, statistics."""
    WRITE = "write"
    """Make and change entities and messages."""
    DELETE = "delete"
    """Delete entities and messages."""
    CONFIGURE = "configure"
    """Change models and workflows."""
    COMPUTE = "compute"
    """Connect as a calculation member."""
    MANAGE_CLIENTS = "manage clients"
    """Technical clients, trusted keys and OIDC providers of the tenant."""
    MANAGE_PEOPLE = "manage people"
    """Memberships and invitations of the organisation."""
    MANAGE_ENVIRONMENTS = "manage environments"
    """Make, change and delete environments of the organisation."""
    MANAGE_KEYS = "manage keys"
    """The installation's signing keys."""
    OPERATE = "operate"
    """Run the platform: log level, trace sampler, every organisation."""


_DATA = frozenset({Action.READ, Action.WRITE, Action.DELETE, Action.CONFIGURE})
_TENANT = _DATA | {Action.MANAGE_CLIENTS, Action.MANAGE_PEOPLE, Action.MANAGE_ENVIRONMENTS}

_INSTALLATION = frozenset({Action.MANAGE_KEYS, Action.OPERATE})

AUTHENTICATED = _DATA
"""What needs no role."""

TABLE: Mapping[str, frozenset[Action]] = {
    ROLE_ADMIN: _TENANT | _INSTALLATION,
    ROLE_M2M: _DATA | {Action.COMPUTE},
    ROLE_OPERATOR: _INSTALLATION,
    ROLE_OWNER: _TENANT,
    ROLE_DEVELOPER: _DATA,
    ROLE_VIEWER: frozenset({Action.READ}),
}

DESCRIPTIONS: Mapping[str, str] = {
    ROLE_ADMIN: "administrator",
    ROLE_M2M: "technical client",
    ROLE_OPERATOR: "operator of the platform",
    ROLE_OWNER: "owner of the organisation",
    ROLE_DEVELOPER: "developer",
    ROLE_VIEWER: "viewer: may look, and change nothing",
}


@lru_cache(maxsize=1024)
def permitted(roles: tuple[str, ...]) -> frozenset[Action]:
    """What the roles allow together; unknown ones neither add nor take away."""
    known = [TABLE[role] for role in roles if role in TABLE]
    return frozenset[Action]().union(*known) if known else AUTHENTICATED


def require(principal: Principal, action: Action) -> None:
    """Raises Forbidden."""
    if action not in permitted(principal.roles):
        raise Forbidden("forbidden")


def require_grantable(principal: Principal, roles: Iterable[str]) -> None:
    """Nobody hands out what reaches beyond a tenant without having it. Raises Forbidden."""
    for action in _INSTALLATION & permitted(tuple(roles)):
        require(principal, action)
