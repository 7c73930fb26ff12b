"""Token buckets that hold over all nodes: one statement a request (contract: control plane 4.4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from cyoda.clock import Clock, system_clock
from tenants.models import RateBucket

BURST = 10
PER_SECOND = 1.0

# Below zero nothing was taken: what the bucket holds is one more, so that asking too often costs nothing.
TAKE = """
INSERT INTO tenants_ratebucket AS bucket (key, tokens, at) VALUES (%s, %s - 1, %s)
ON CONFLICT (key) DO UPDATE SET
    tokens = least(%s, CASE WHEN bucket.tokens < 0 THEN bucket.tokens + 1 ELSE bucket.tokens END
        + greatest(extract(epoch FROM excluded.at - bucket.at), 0) * %s) - 1,
    at = greatest(bucket.at, excluded.at)
RETURNING tokens
"""


def taking(key: str, clock: Clock) -> Sequence[object]:
    """The parameters of TAKE."""
    return [key, float(BURST), clock(), float(BURST), PER_SECOND]


def seconds_left(tokens: float) -> int | None:
    """None when there was a token, else the seconds until there is."""
    return None if tokens >= 0 else max(1, math.ceil(-tokens / PER_SECOND))


def forget_full(*, clock: Clock = system_clock) -> None:
    """Buckets that are full again need no row."""
    RateBucket.objects.filter(at__lt=clock() - timedelta(seconds=BURST / PER_SECOND)).delete()
