"""Names: of a tenant's schema, and of environments (contract: control plane 2, 2.1)."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

MAX_ENVIRONMENT_NAME = 22
_ENVIRONMENT_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
_RESERVED = frozenset(("default", "kube-system", "kube-public", "kube-node-lease", "app", "cl"))
_RESERVED_STARTS = ("app-", "cl-")
_SCHEMA_DIGITS = 32


class UnusableTenantId(ValueError):
    """A text that the database cannot hold."""


def schema_name_of(tenant_id: str) -> str:
    """The schema of a tenant: safe as an identifier, at most 63 bytes, its own for every id.

    Raises UnusableTenantId for an empty id, and for one with NUL or a lone surrogate in it.
    """
    if not tenant_id or "\0" in tenant_id:
        raise UnusableTenantId(tenant_id)
    try:
        digest = hashlib.sha256(tenant_id.encode()).hexdigest()
    except UnicodeEncodeError:
        raise UnusableTenantId(tenant_id) from None
    return "t_" + digest[:_SCHEMA_DIGITS]


def is_environment_name(name: str) -> bool:
    """1 to 22 lower-case letters, digits and single hyphens, starting with a letter; some names are reserved."""
    return (
        len(name) <= MAX_ENVIRONMENT_NAME
        and _ENVIRONMENT_NAME.fullmatch(name) is not None
        and name not in _RESERVED
        and not name.startswith(_RESERVED_STARTS)
    )


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
