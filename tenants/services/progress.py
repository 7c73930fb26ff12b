"""Watching a run from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from tenants.models import Provisioning, ProvisioningStep
from tenants.models.provisioning import ProvisioningEvent

POLL_S = 0.1


def note(run: Provisioning, step: ProvisioningStep | None = None, *, at: datetime) -> None:
    """Keep the state that a run or its step has just got, in the transaction that gave it."""
    changed = run if step is None else step
    attempt = 0 if step is None else step.attempts
    ProvisioningEvent.objects.create(run=run, step=step, state=changed.state, attempt=attempt, at=at)


def events_after(last: Mapping[UUID, int]) -> Sequence[ProvisioningEvent]:
    """Of each run those after the given id, in their order; one query."""
    if not last:
        return ()
    later = Q()
    for run_id, event_id in last.items():
        later |= Q(run=run_id, pk__gt=event_id)
    return list(ProvisioningEvent.objects.filter(later).select_related("run", "step"))


def watch_run(
    run: Provisioning, *, pause: Callable[[], None] = lambda: time.sleep(POLL_S)
) -> Iterator[ProvisioningStep]:
    """Each step that was begun, whenever its row has changed, until the run is finished; the run is renewed."""
    seen: dict[int, tuple[str, str, int]] = {}
    while True:
        run.refresh_from_db()
        for step in ProvisioningStep.objects.filter(run=run, attempts__gt=0):
            shown = (step.state, step.error, step.attempts)
            if seen.get(step.position) != shown:
                seen[step.position] = shown
                yield step
        if run.finished_at is not None:
            return
        pause()
