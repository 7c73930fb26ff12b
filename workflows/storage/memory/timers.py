"""Armed timers of one tenant (contract: engine 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from cyoda.errors import Conflict
from cyoda.principal import TenantId
from workflows.core.timer import Timer
from workflows.storage.base import ChangeSet
from workflows.storage.memory.jobs import Agenda


class Timers:
    """Every armed timer is an entry of the agenda, too."""

    def __init__(self, tenant: TenantId, agenda: Agenda) -> None:
        self._tenant = tenant
        self._agenda = agenda
        self._armed: dict[str, Timer] = {}

    def check(self, change: ChangeSet) -> None:
        """Raises Conflict when a timer is no longer armed as it was read."""
        if any(self._armed.get(timer.id) != timer for timer in change.armed):
            raise Conflict

    def apply(self, change: ChangeSet) -> None:
        """Disarm, then arm: a timer that fires on a loop removes itself and is armed anew in one change."""
        for timer_id in change.disarm:
            if self._armed.pop(timer_id, None):
                self._agenda.drop(self._tenant, UUID(timer_id))
        for timer in change.arm:
            self._armed[timer.id] = timer
            self._agenda.put(self._tenant, "timer", UUID(timer.id), timer.due_at)

    def of(self, entity_id: UUID) -> Sequence[Timer]:
        return [timer for timer in self._armed.values() if timer.entity_id == entity_id]

    def some(self, timer_ids: Sequence[str]) -> Sequence[Timer]:
        return [self._armed[timer_id] for timer_id in timer_ids if timer_id in self._armed]
