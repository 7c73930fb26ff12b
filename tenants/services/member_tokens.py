"""Credentials with which compute nodes of an organisation join its environment (contract: control plane 5)."""

from __future__ import annotations

from datetime import timedelta

from cyoda.clock import Clock, system_clock
from cyoda.principal import ROLE_M2M
from tenants.models import Environment
from tenants.services.audit import Doer
from tenants.services.clients import Issued, create_client

DEFAULT_DAYS, MAX_DAYS = 30, 365


class InvalidValidity(ValueError):
    """The text is a sentence."""


class EnvironmentClosed(Exception):
    """Only an environment that is ready can be joined."""


def mint_member_token(
    doer: Doer, environment: Environment, *, label: str = "", days: int = DEFAULT_DAYS, clock: Clock = system_clock
) -> Issued:
    """A client that may join as a member and use the data, and never administrates; its secret is shown once.

    An access token would end within the hour, and a member obtains a new one for each connection: so this is a client
    with an end. Raises InvalidValidity, EnvironmentClosed.
    """
    if not 1 <= days <= MAX_DAYS:
        raise InvalidValidity(f"expires_in_days must be a number from 1 to {MAX_DAYS}.")
    if environment.state != Environment.State.READY:
        raise EnvironmentClosed(environment.state)
    ends = clock() + timedelta(days=days)
    return create_client(doer, environment, roles=(ROLE_M2M,), label=label or "compute member", expires_at=ends)
