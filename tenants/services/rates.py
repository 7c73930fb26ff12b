"""Token buckets that hold over all nodes: one statement a request (contract: control plane 4.4)."""

from __future__ import annotations

import math
from datetime import timedelta

from django.db import connection

from cyoda.clock import Clock, system_clock
from tenants.models import RateBucket

BURST = 10
PER_SECOND = 1.0

# Below zero nothing was taken: what the bucket holds is one more, so that asking too often costs nothing.
_TAKE = """
INSERT INTO tenants_ratebucket AS bucket (key, tokens, at) VALUES (%(key)s, %(burst)s - 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    tokens = least(%(burst)s, CASE WHEN bucket.tokens < 0 THEN bucket.tokens + 1 ELSE bucket.tokens END
        + greatest(extract(epoch FROM %(now)s - bucket.at), 0) * %(rate)s) - 1,
    at = greatest(bucket.at, %(now)s)
RETURNING tokens
"""


def take(key: str, *, clock: Clock = system_clock) -> int | None:
    """Take one token; None when there was one, else the seconds until there is."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"key": key, "burst": float(BURST), "rate": PER_SECOND, "now": clock()})
        [(left,)] = cursor.fetchall()
    return None if left >= 0 else max(1, math.ceil(-left / PER_SECOND))


def forget_full(*, clock: Clock = system_clock) -> None:
    """Buckets that are full again need no row."""
    RateBucket.objects.filter(at__lt=clock() - timedelta(seconds=BURST / PER_SECOND)).delete()
