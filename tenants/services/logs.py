"""What an environment's making and its applications have written, in pages (contract: control plane 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tenants.models import Application, Environment, LogLine, ProvisioningStep

MAX_LINES, DEFAULT_LINES = 1000, 200
_STEP_LINE = re.compile(r"(\S+Z) ((?:running|undoing), attempt \d+|done|undone|failed)(?:\Z|: )")
_CURSOR = re.compile(r"(\d{1,9})\.(\d{1,18})")


class InvalidCursor(ValueError):
    """It did not come from here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """`source` is an application's name, or provisioning (then without a replica and a stream)."""

    at: datetime
    source: str
    replica: int | None
    stream: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """The oldest come first; `cursor` asks for what comes after them, also if that is nothing yet."""

    lines: Sequence[Line]
    cursor: str


def log_page(environment: Environment, since: str, limit: int, *, application: Application | None = None) -> Page:
    """At most `limit` lines after the cursor `since`; empty: from the oldest on. Raises InvalidCursor.

    Of the provisioning it is told which steps began and ended, without what drivers wrote: that may name parts of the
    installation.
    """
    steps_seen, last = _seen(since)
    steps = [] if application is not None else _of_provisioning(environment)[steps_seen : steps_seen + limit]
    rows = LogLine.objects.filter(application__environment=environment, pk__gt=last).select_related("application")
    rows = rows if application is None else rows.filter(application=application)
    lines = list(rows.order_by("pk")[: limit - len(steps)])
    last = lines[-1].pk if lines else last
    written = [
        Line(at=row.at, source=row.application.name, replica=row.replica, stream=row.stream, text=row.text)
        for row in lines
    ]
    return Page([*steps, *written], f"{steps_seen + len(steps)}.{last}")


def _seen(cursor: str) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InvalidCursor(cursor)
    return int(match[1]), int(match[2])


def _of_provisioning(environment: Environment) -> list[Line]:
    lines: list[Line] = []
    for step in ProvisioningStep.objects.filter(run__environment=environment):
        for match in filter(None, map(_STEP_LINE.match, step.log.splitlines())):
            at = datetime.fromisoformat(match[1])
            lines.append(Line(at=at, source="provisioning", replica=None, stream=None, text=f"{step.name}: {match[2]}"))
    return sorted(lines, key=lambda line: line.at)
