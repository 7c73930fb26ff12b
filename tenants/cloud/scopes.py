"""What a token may do in the cloud API: by its roles, narrowed by its `scope` claim (contract: control plane 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cyoda.permissions import Action, permitted

READ_BUILDS: Final = "read:builds"
DEPLOY_ENV: Final = "deploy:env"
CANCEL_ENV: Final = "cancel:env"
DELETE_ENV: Final = "delete:env"
DEPLOY_APP: Final = "deploy:app"
CANCEL_APP: Final = "cancel:app"
DELETE_APP: Final = "delete:app"
ADMIN_ALL: Final = "admin:all"

_OF_ACTION: Mapping[Action, tuple[str, ...]] = {
    Action.READ: (READ_BUILDS,),
    Action.MANAGE_ENVIRONMENTS: (DEPLOY_ENV, CANCEL_ENV, DELETE_ENV, DEPLOY_APP, CANCEL_APP, DELETE_APP),
    Action.OPERATE: (ADMIN_ALL,),
}
_ALL = frozenset(scope for scopes in _OF_ACTION.values() for scope in scopes)


def scopes_of(roles: tuple[str, ...], claims: Mapping[str, Any]) -> frozenset[str]:
    """Without a `scope` claim all that the roles give; with one only what it names of that."""
    allowed = permitted(roles)
    given = frozenset(scope for action, scopes in _OF_ACTION.items() if action in allowed for scope in scopes)
    given = _ALL if ADMIN_ALL in given else given
    claimed = claims.get("scope")
    if claimed is None:
        return given
    return given & _named(claimed)


def has_scope(scopes: frozenset[str], scope: str) -> bool:
    return scope in scopes or ADMIN_ALL in scopes


def _named(claimed: object) -> frozenset[str]:
    texts = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else ()
    return frozenset(text for text in texts if isinstance(text, str))
