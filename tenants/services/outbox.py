"""From rows to workers: what the outbox holds is handed over, and so is again whatever nobody acts on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from cyoda.clock import Clock, system_clock
from tenants.models import Outbox, Provisioning
from tenants.provisioning.saga import is_stalled

PROVISIONING = "provisioning"
SENT_AGAIN_AFTER = timedelta(seconds=5)
"""A run that was handed over and that no worker took within this time is handed over again."""
_BATCH = 100


def drain_outbox(send: Callable[[UUID], None], *, clock: Clock = system_clock) -> int:
    """Hand over every run that waits; returns how many. A run may be sent twice, and never less than once."""
    return _send_new(send, clock) + _send_stalled(send, clock)


@transaction.atomic
def _send_new(send: Callable[[UUID], None], clock: Clock) -> int:
    rows = list(Outbox.objects.select_for_update(skip_locked=True).filter(topic=PROVISIONING)[:_BATCH])
    for row in rows:
        send(UUID(row.payload))
    Outbox.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Provisioning.objects.filter(pk__in=[row.payload for row in rows]).update(sent_at=clock())
    return len(rows)


@transaction.atomic
def _send_stalled(send: Callable[[UUID], None], clock: Clock) -> int:
    now = clock()
    stalled = Provisioning.objects.filter(is_stalled(now, now - SENT_AGAIN_AFTER)).select_for_update(skip_locked=True)
    ids = [run.pk for run in stalled[:_BATCH]]
    for run_id in ids:
        send(run_id)
    Provisioning.objects.filter(pk__in=ids).update(sent_at=now)
    return len(ids)
