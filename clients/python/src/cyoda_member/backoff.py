"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Pauses that double from `first` to `longest` seconds; each is drawn from its upper half, so that members which
    lost their node together do not come back together."""

    first: float = 0.5
    longest: float = 30.0
    draw: Callable[[], float] = field(default=random.random, repr=False)
    _failures: int = field(default=0, init=False)

    def reset(self) -> None:
        """An attempt succeeded."""
        self._failures = 0

    def next_pause(self) -> float:
        """Seconds to wait after one more failure."""
        doubled = min(self.longest, self.first * 2 ** min(self._failures, 32))
        self._failures += 1
        return doubled * (0.5 + self.draw() / 2)
