"""Armed timers of one tenant (contract: engine 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from workflows.core.timer import Timer
from workflows.storage.base import ChangeSet


class Timers:
    def __init__(self) -> None:
        self._armed: dict[str, Timer] = {}

    def apply(self, change: ChangeSet) -> None:
        """Disarm, then arm: a timer that fires on a loop removes itself and is armed anew in one change."""
        for timer_id in change.disarm:
            self._armed.pop(timer_id, None)
        for timer in change.arm:
            self._armed[timer.id] = timer

    def due(self, now: datetime, limit: int) -> Sequence[Timer]:
        due = [timer for timer in self._armed.values() if timer.due_at <= now]
        return sorted(due, key=lambda timer: (timer.due_at, timer.id))[:limit]

    def of(self, entity_id: UUID) -> Sequence[Timer]:
        return [timer for timer in self._armed.values() if timer.entity_id == entity_id]
