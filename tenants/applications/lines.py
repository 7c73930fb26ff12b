"""Lines that processes write, on their way into rows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container
from datetime import datetime
from uuid import UUID

from cyoda.clock import Clock, system_clock
from tenants.models import LogLine

MAX_CHARACTERS = 4096
KEPT_LINES = 10_000
_WAITING_LINES = 5000
TRIM_EVERY = 1000


class Lines:
    """Heard in any thread, stored by the supervisor's; when they come faster than that, the oldest are lost."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._waiting: deque[tuple[UUID, int, datetime, str, str]] = deque(maxlen=_WAITING_LINES)
        self._untrimmed: dict[UUID, int] = {}

    def listener(self, application: UUID, replica: int, stream: LogLine.Stream) -> Callable[[str], None]:
        def heard(line: str) -> None:
            text = line.replace("\0", "\N{REPLACEMENT CHARACTER}")[:MAX_CHARACTERS]
            self._waiting.append((application, replica, self._clock(), stream, text))

        return heard

    @property
    def are_waiting(self) -> bool:
        return bool(self._waiting)

    def store(self, applications: Container[UUID]) -> None:
        """Write what waits, and remove what is too old. Of other applications than these nothing is kept."""
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        kept = [one for one in taken if one[0] in applications]
        LogLine.objects.bulk_create(
            LogLine(application_id=application, replica=replica, at=at, stream=stream, text=text)
            for application, replica, at, stream, text in kept
        )
        for application, number in Counter(one[0] for one in kept).items():
            self._untrimmed[application] = self._untrimmed.get(application, TRIM_EVERY) + number
            if self._untrimmed[application] >= TRIM_EVERY:
                self._untrimmed[application] = 0
                _trim(application)


def _trim(application: UUID) -> None:
    newest = LogLine.objects.filter(application=application).order_by("-pk")
    oldest_kept = newest.values_list("pk", flat=True)[KEPT_LINES - 1 : KEPT_LINES].first()
    if oldest_kept is not None:
        LogLine.objects.filter(application=application, pk__lt=oldest_kept).delete()
