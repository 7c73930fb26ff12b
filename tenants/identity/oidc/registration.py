"""What a tenant may say of a provider, checked in the contract's order and words (contract: identity 10.1, 10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from uuid import UUID

from cyoda.errors import BadRequest, OidcInvalidTenant
from cyoda.principal import TenantId
from tenants.identity.oidc.destinations import InvalidUri, parse_endpoint

MAX_URI_CHARACTERS = 1000
MAX_ENTRIES = 10
MAX_ENTRY_CHARACTERS = 1000
MAX_CLAIM_CHARACTERS = 100

URI, ISSUERS, AUDIENCES, ROLES_CLAIM = "wellKnownConfigUri", "issuers", "expectedAudiences", "rolesClaim"

Body = Mapping[str, Any]


class Changes(TypedDict, total=False):
    """Settings to be replaced; what is absent stays, None clears."""

    issuers: list[str] | None
    expected_audiences: list[str] | None
    roles_claim: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A provider that was checked. None: not pinned, the installation's roles claim."""

    uri: str
    issuers: list[str] | None = None
    expected_audiences: list[str] | None = None
    roles_claim: str | None = None


def uri_of(body: Body, *, require_https: bool) -> str:
    """Raises BadRequest."""
    if URI not in body:
        raise BadRequest("wellKnownConfigUri is required")
    uri = body[URI]
    if not isinstance(uri, str) or not uri:
        raise BadRequest("wellKnownConfigUri is required and must be a non-empty string")
    if len(uri) > MAX_URI_CHARACTERS:
        raise BadRequest(f"wellKnownConfigUri must be <= {MAX_URI_CHARACTERS} characters")
    try:
        parse_endpoint(uri, require_https=require_https)
    except InvalidUri as fault:
        raise BadRequest(str(fault)) from None
    return uri


def registration_of(uri: str, body: Body) -> Registration:
    """The rest of a new provider. Raises BadRequest."""
    return Registration(uri=uri, **changes_of(body))


def changes_of(body: Body) -> Changes:
    """Raises BadRequest."""
    changes = Changes()
    if ISSUERS in body:
        changes["issuers"] = _entries(ISSUERS, body[ISSUERS])
    if AUDIENCES in body:
        changes["expected_audiences"] = _entries(AUDIENCES, body[AUDIENCES])
    if ROLES_CLAIM in body:
        changes["roles_claim"] = _claim(body[ROLES_CLAIM])
    return changes


def check_tenant(tenant: TenantId) -> None:
    """Raises OidcInvalidTenant."""
    try:
        UUID(tenant)
    except ValueError:
        raise OidcInvalidTenant from None


def _entries(name: str, value: object) -> list[str] | None:
    """None for null and for an empty array."""
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(entry, str) and "\0" not in entry for entry in value):
        raise BadRequest(f"invalid {name} field")
    if len(value) > MAX_ENTRIES:
        raise BadRequest(f"{name} must have at most {MAX_ENTRIES} entries")
    for index, entry in enumerate(value):
        if not entry:
            raise BadRequest(f"{name}[{index}]: must not be empty")
        if len(entry) > MAX_ENTRY_CHARACTERS:
            raise BadRequest(f"{name}[{index}]: too long (got {len(entry)} chars, max {MAX_ENTRY_CHARACTERS})")
    return value or None


def _claim(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or "\0" in value:
        raise BadRequest(f"invalid {ROLES_CLAIM} field")
    if len(value) > MAX_CLAIM_CHARACTERS:
        raise BadRequest(f"{ROLES_CLAIM} must be <= {MAX_CLAIM_CHARACTERS} characters")
    return value or None
