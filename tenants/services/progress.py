"""Watching a run from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from tenants.models import Provisioning, ProvisioningStep

POLL_S = 0.1


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
