"""Firing one timer, in a transaction of its own (contract: engine 4.4; docs/adr/0007-timers.md)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import structlog

from cyoda.errors import Conflict, CyodaError, Forbidden, StorageUnavailable, Unauthorized
from cyoda.principal import TenantId, system_principal
from workflows.core.entity import Version
from workflows.core.fsm.firing import decided, has_transition, record_expired
from workflows.core.fsm.trail import Trail
from workflows.core.predicates.lifecycle import epoch_ms
from workflows.core.timer import Timer
from workflows.services.configurations import View
from workflows.services.platform import Platform
from workflows.services.settling import Settling
from workflows.services.transaction import Transaction

log = structlog.get_logger(__name__)

Outcome = Literal["gone", "dropped", "discarded", "expired", "not matched", "fired", "lost", "failed"]
"""What became of a timer that was handed out.

The first means there was none any more; `dropped`, `lost` (another commit came first) and `failed` leave it as it was,
to be handed out again; after the others it is disarmed, or armed anew by the state that the entity settled in.
"""


async def fire_timer(tenant: TenantId, timer: Timer, *, platform: Platform) -> Outcome:
    """Resolve a timer as it was read when it was handed out; everything is read again and committed together.

    Raises StorageUnavailable, and Unauthorized or Forbidden for a tenant that is gone or suspended.
    """
    principal = system_principal(tenant)

    async def attempt(view: View) -> Outcome:
        async with platform.transactions.run(principal, origin=timer.armed_by) as transaction:
            armed = {found.id: found for found in await platform.storage.timers(tenant, [timer.id])}.get(timer.id)
            if armed is None:
                return "gone"
            if armed.armed_by != timer.armed_by:
                return "dropped"
            transaction.require_armed(armed)
            return await _resolve(armed, transaction, view, platform)

    try:
        return await platform.configurations.decide(tenant, attempt)
    except Conflict:
        return "lost"
    except (StorageUnavailable, Unauthorized, Forbidden):
        raise
    except CyodaError as error:
        log.info("a timer could not fire", tenant=tenant, entity=str(timer.entity_id), transition=timer.transition,
                 error=str(error))  # fmt: skip
        return "failed"


async def _resolve(timer: Timer, transaction: Transaction, view: View, platform: Platform) -> Outcome:
    """Steps 4 to 12 of a timer that is armed; what is to be stored is staged in the transaction."""
    grace_ms = platform.limits.expiry_grace // timedelta(milliseconds=1)
    version = await transaction.read(timer.entity_id)
    now = platform.clock()
    decision = decided(timer, version, now, grace_ms=grace_ms)
    is_due = epoch_ms(timer.due_at) <= epoch_ms(now)
    if version is not None and is_due and not await _is_offered(timer, version, transaction, view):
        decision = "discard"
    if version is None or decision == "discard":
        transaction.disarm(timer.id)
        return "discarded"
    if decision == "drop":
        if is_due:
            transaction.arm(timer)  # it stays due, so that the next look expires it
        return "dropped"
    if decision == "expire":
        trail = Trail(platform.clock)
        record_expired(timer, now, trail, grace_ms=grace_ms)
        transaction.record(timer.entity_id, trail.take())
        transaction.disarm(timer.id)
        return "expired"
    settling = Settling(system_principal(transaction.tenant), transaction, view, platform)
    return "fired" if await settling.fire(version, timer) else "not matched"


async def _is_offered(timer: Timer, version: Version, transaction: Transaction, view: View) -> bool:
    configured = await view.get(version.model, transaction)
    return has_transition(timer, configured.workflows)
