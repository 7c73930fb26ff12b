"""Who calls the cloud API, with which command line (contract: control plane 3.5, 4.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import jwt
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.module_loading import import_string

from cyoda.clock import system_clock
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.cloud import problems
from tenants.cloud.problems import Problem
from tenants.cloud.scopes import scopes_of
from tenants.identity.issue import TokenIssuer
from tenants.identity.verify import IncompleteIdentity
from tenants.models import Organisation, Tier
from tenants.services.organisations import organisations_meant
from tenants.services.tiers import tier_of

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")


class Bearers(Protocol):
    """The node's judgement of tokens, for Django's threads; `issuer` signs new ones, except in mock mode."""

    @property
    def issuer(self) -> TokenIssuer | None: ...

    def verify(self, authorization: str | None) -> Principal:
        """Raises Unauthorized, IncompleteIdentity, StorageUnavailable."""
        ...


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A verified token with the organisation that it speaks for; `limits` is the tier where tiers limit anybody."""

    principal: Principal
    organisation: Organisation
    scopes: frozenset[str]
    is_employee: bool

    @cached_property
    def tier(self) -> Tier:
        """Asked for when it is needed first: most requests are polls, which no tier limits.

        Raises Tier.DoesNotExist (there is no default tier).
        """
        return tier_of(self.organisation, system_clock())

    @property
    def limits(self) -> Tier | None:
        return self.tier if settings.CONF.quotas.enabled else None


def configured_bearers() -> Bearers:
    make: Callable[[], Bearers] = import_string(settings.BEARERS)
    return make()


def require_version(request: HttpRequest) -> None:
    """Clients without the header are no command line. Raises Problem."""
    given = request.headers.get("Cyoda-Cloud-CLI-Version")
    required = settings.CONF.cloud.cli_min_version
    if given is not None and _order(given) < _order(required):
        raise Problem(problems.SERVER_MIN_VERSION_REQUIRED, f"This server needs version {required} or newer.")


def authenticated(request: HttpRequest) -> Principal:
    """Whom the token speaks for. Raises Problem, StorageUnavailable."""
    try:
        return configured_bearers().verify(request.headers.get("Authorization"))
    except IncompleteIdentity:
        raise Problem(problems.INVALID_ORG_ID, "The token names no organisation or no user.") from None
    except Unauthorized:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(problems.UNAUTHENTICATED, "A valid bearer token is needed.", headers=headers) from None


def owners(principal: Principal) -> QuerySet[Organisation]:
    """The organisation that the token means comes first."""
    return organisations_meant(principal.tenant, of_person=principal.kind == "user")


def caller(principal: Principal, organisation: Organisation | None, claims: Mapping[str, Any]) -> Caller:
    """Raises Problem."""
    if organisation is None:
        raise Problem(problems.INVALID_ORG_ID, "The token's organisation is not known here.")
    if organisation.state != Organisation.State.ACTIVE:
        raise Problem(problems.FORBIDDEN, "The organisation is suspended.")
    return Caller(
        principal=principal,
        organisation=organisation,
        scopes=scopes_of(principal.roles, claims),
        is_employee=claims.get("caas_cyoda_employee") is True,
    )


def claims_of(authorization: str | None) -> Mapping[str, Any]:
    """What the token says beyond its principal; it was verified, except in mock mode, where everything is believed."""
    try:
        return jwt.decode((authorization or "").removeprefix("Bearer "), options={"verify_signature": False})
    except jwt.PyJWTError:
        return {}


def _order(version: str) -> tuple[int, int, int, bool]:
    """Versions as they follow each other: a pre-release comes before its release, what is none before all."""
    match = _VERSION.fullmatch(version.strip())
    if match is None:
        return (0, 0, 0, False)
    major, minor, patch, before = match.groups()
    return (int(major), int(minor), int(patch), before is None)
