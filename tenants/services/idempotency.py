"""Requests that are answered once, however often they are sent (contract: control plane 4.5).

The organisation's row is held by the caller, so that equal requests at the same moment meet here one after another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from cyoda.clock import Clock, system_clock
from tenants.models import Environment, IdempotencyKey, Organisation

KEPT = timedelta(hours=24)
"""How long a key is remembered after its environment has come to a terminal state."""


class IdempotencyConflict(Exception):
    """The key was used for another request."""


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Who sent a request under which key, and the SHA-256 of its canonical body."""

    user_id: str
    key: str
    digest: bytes


def answered(organisation: Organisation, request: RequestKey) -> Environment | None:
    """What the request has made already, as it is now. Raises IdempotencyConflict."""
    rows = IdempotencyKey.objects.select_related("environment__build", "environment__organisation")
    known = rows.filter(organisation=organisation, user_id=request.user_id, key=request.key).first()
    if known is None:
        return None
    if bytes(known.digest) != request.digest:
        raise IdempotencyConflict
    return known.environment


def remember(organisation: Organisation, request: RequestKey, environment: Environment, *, clock: Clock) -> None:
    IdempotencyKey.objects.create(
        organisation=organisation,
        user_id=request.user_id,
        key=request.key,
        digest=request.digest,
        environment=environment,
        created_at=clock(),
    )


def forget_old(*, clock: Clock = system_clock) -> None:
    """Keys whose environment has been in a terminal state for long enough."""
    long_ago = clock() - KEPT
    IdempotencyKey.objects.filter(
        Q(environment__build__finished_at__lte=long_ago) | Q(environment__build=None), created_at__lte=long_ago
    ).delete()
