"""From rows to workers: what the outbox holds is handed over, and so is again whatever nobody acts on.

Organisations take turns: of each, only a few runs are with the workers at once, and the others wait in the outbox. So
one that orders a hundred environments does not keep another's single one waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, TextField
from django.db.models.functions import Cast

from cyoda.clock import Clock, system_clock
from tenants.models import Outbox, Provisioning
from tenants.provisioning.saga import is_stalled

PROVISIONING = "provisioning"
SENT_AGAIN_AFTER = timedelta(seconds=5)
"""A run that was handed over and that no worker took within this time is handed over again."""
SHARE = 4
"""Runs of one organisation that are with the workers at once; those that wait after a failure do not count."""
_BATCH = 100

_NEXT = """
WITH waiting AS (
    SELECT o.id, e.organisation_id, row_number() OVER (PARTITION BY e.organisation_id ORDER BY o.id) AS place
    FROM tenants_outbox o
    JOIN tenants_provisioning r ON r.id = o.payload::uuid
    JOIN tenants_environment e ON e.id = r.environment_id
    WHERE o.topic = %(topic)s
),
under_way AS (
    SELECT e.organisation_id, count(*) AS runs
    FROM tenants_provisioning r
    JOIN tenants_environment e ON e.id = r.environment_id
    WHERE r.finished_at IS NULL AND r.not_before <= %(now)s
      AND NOT EXISTS (SELECT FROM tenants_outbox o WHERE o.topic = %(topic)s AND o.payload = r.id::text)
    GROUP BY e.organisation_id
)
SELECT o.id, o.payload
FROM tenants_outbox o
JOIN waiting w USING (id)
LEFT JOIN under_way u USING (organisation_id)
WHERE w.place + coalesce(u.runs, 0) <= %(share)s
ORDER BY w.place, o.id
LIMIT %(batch)s
FOR UPDATE OF o SKIP LOCKED
"""


def drain_outbox(send: Callable[[UUID], None], *, clock: Clock = system_clock) -> int:
    """Hand over every run that waits; returns how many. A run may be sent twice, and never less than once."""
    return _send_new(send, clock) + _send_stalled(send, clock)


@transaction.atomic
def _send_new(send: Callable[[UUID], None], clock: Clock) -> int:
    values = {"topic": PROVISIONING, "now": clock(), "share": SHARE, "batch": _BATCH}
    rows = list(Outbox.objects.raw(_NEXT, values))
    for row in rows:
        send(UUID(row.payload))
    Outbox.objects.filter(pk__in=[row.pk for row in rows]).delete()
    Provisioning.objects.filter(pk__in=[row.payload for row in rows]).update(sent_at=clock())
    return len(rows)


@transaction.atomic
def _send_stalled(send: Callable[[UUID], None], clock: Clock) -> int:
    now = clock()
    waiting = Outbox.objects.filter(topic=PROVISIONING, payload=Cast(OuterRef("pk"), TextField()))
    stalled = Provisioning.objects.filter(is_stalled(now, now - SENT_AGAIN_AFTER)).exclude(Exists(waiting))
    ids = [run.pk for run in stalled.select_for_update(skip_locked=True)[:_BATCH]]
    for run_id in ids:
        send(run_id)
    Provisioning.objects.filter(pk__in=ids).update(sent_at=now)
    return len(ids)
