"""The control plane's audit log: each change is recorded in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cyoda.clock import Clock, system_clock
from cyoda.principal import Principal
from cyoda.telemetry import request_ids
from tenants.models import AuditEvent, Environment, Organisation

Source = AuditEvent.Source
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doer:
    """Who makes a change, through what, and why; the first argument of every use case that changes something."""

    id: str
    name: str
    kind: str
    source: Source
    request_id: str = field(default_factory=request_ids.current)
    reason: str = ""


PLATFORM = Doer(id="system", name="system", kind="system", source=Source.PLATFORM)
"""The platform itself: what it does by its configuration or because a time has come."""


def caller(principal: Principal, source: Source = Source.API) -> Doer:
    """An API caller."""
    return Doer(id=principal.user_id, name=principal.user_id, kind=principal.kind, source=source)


def record(
    doer: Doer,
    action: str,
    target: tuple[str, str],
    *,
    owner: Organisation | Environment | None = None,
    before: Values | None = None,
    after: Values | None = None,
    clock: Clock = system_clock,
) -> None:
    """Write one event inside the caller's transaction.

    `action` is a verb in the past ("secret rotated"), `target` a type and an id, `before` and `after` the changed
    fields as JSON values without secrets. `owner` None: the change concerns the whole installation.
    """
    AuditEvent.objects.create(
        at=clock(),
        actor_id=doer.id,
        actor_name=doer.name,
        actor_kind=doer.kind,
        source=doer.source,
        action=action,
        target_type=target[0],
        target_id=target[1],
        organisation_id=_organisation_id(owner),
        tenant_id=owner.tenant_id if isinstance(owner, Environment) else "",
        before=before,
        after=after,
        request_id=doer.request_id,
        reason=doer.reason,
    )


def _organisation_id(owner: Organisation | Environment | None) -> UUID | None:
    if isinstance(owner, Environment):
        return owner.organisation.pk
    return None if owner is None else owner.pk
