"""Identifiers: time-based ones of entities and transactions, name-based ones of models (contract: entities 1.5)."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from uuid import NAMESPACE_URL, UUID, uuid5

IdSource = Callable[[], UUID]
"""Returns a fresh UUID version 1."""

_GREGORIAN_OFFSET = 0x01B21DD213814000  # 100 ns ticks between 1582-10-15 and 1970-01-01
_VERSION_AND_VARIANT = (1 << 76) | (0b10 << 62)


class TimeIds:
    """Version 1 UUIDs, strictly rising in time within the process, with a random node and clock sequence."""

    def __init__(self) -> None:
        self._last_ticks = 0
        self._low = (secrets.randbits(14) << 48) | secrets.randbits(48) | (1 << 40)  # multicast bit: no real MAC
        self._lock = threading.Lock()

    def __call__(self) -> UUID:
        with self._lock:
            ticks = time.time_ns() // 100 + _GREGORIAN_OFFSET
            self._last_ticks = ticks = max(ticks, self._last_ticks + 1)
        time_low, time_mid, time_high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
        return UUID(int=(time_low << 96) | (time_mid << 80) | (time_high << 64) | _VERSION_AND_VARIANT | self._low)


def model_id(name: str, version: int) -> UUID:
    """The deterministic id of a model, equal in every tenant."""
    return uuid5(NAMESPACE_URL, f"{name}.{version}")
