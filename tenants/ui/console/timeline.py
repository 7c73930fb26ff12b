"""A run as rows on one scale of time: criteria, processors, state changes, timers (ui: 4.4).

Stretches in which nothing was under way, and which are much longer than the others, are squeezed: the scale says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any

PAGE_STEPS = 500
LONG = 10
"""A gap is squeezed when it is so many times longer than the median stretch."""
MAX_LABELS = 10
SHOWN = 0.98
"""Of the width: what happens last is seen too."""
GAP_SHARE = 0.04
"""Of the scale's width, for each squeezed gap; all of them take no more than half of it."""
_TIMERS = "SCHEDULED_TRANSITION_"
_KINDS = {
    "TRANSITION_MAKE": "state",
    "STATE_PROCESS_RESULT": "processor",
    "TRANSITION_NOT_MATCH_CRITERION": "criterion",
    "STATE_MACHINE_FINISH": "end",
}
_OF_CALLS = {"criteria": "criterion"}
"""Kinds of callouts that are named otherwise here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One question to a member; times in milliseconds since the run began."""

    begin: float
    end: float
    member: str
    outcome: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One row. `begin` and `end` in milliseconds since the run began; they are the same for what takes no time."""

    number: int
    kind: str
    label: str
    event: str
    entity_id: str
    model: dict[str, Any] | None
    state: str
    begin: float
    end: float
    at: str
    failure: str = ""
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()

    @property
    def ms(self) -> float:
        return self.end - self.begin

    @property
    def page(self) -> int:
        """The number that its page begins with."""
        return (self.number - 1) // PAGE_STEPS * PAGE_STEPS + 1

    @property
    def members(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(attempt.member for attempt in self.attempts if attempt.member))


def steps_of(events: Iterable[dict[str, Any]]) -> list[Step]:
    """Of the events of `GET /audit/transactions/{id}`, in their order."""
    steps: list[Step] = []
    began: datetime | None = None
    before: dict[str, float] = {}
    for event in events:
        at, entity_id = datetime.fromisoformat(event["utcTime"]), event["entityId"]
        began = began or at
        now = (at - began).total_seconds() * 1000
        for step in _steps(event, now, before.get(entity_id, now)):
            steps.append(_numbered(step, len(steps) + 1, event))
        before[entity_id] = now
    return steps


def _steps(event: dict[str, Any], now: float, before: float) -> list[dict[str, Any]]:
    """Callouts end with their event, one after another; a processor's result is the row of its callouts.

    Of a result without any, which an older release has noted, `before` is when it was waited for: the event before.
    """
    attempts = list(_attempts(event.get("calls", ()), now))
    kind = _KINDS.get(event["eventType"], "timer" if event["eventType"].startswith(_TIMERS) else "other")
    if kind == "processor" and not event["details"].startswith('Processor "'):
        kind = "other"  # the second word on one that failed
    rows: list[dict[str, Any]] = []
    while attempts and not (kind == "processor" and attempts[0][0]["kind"] == "processor"):
        call, first = attempts.pop(0)
        tries = [first]
        while first.outcome != "answered" and attempts and attempts[0][0]["name"] == call["name"]:
            call, first = attempts.pop(0)
            tries.append(first)
        failed = first.outcome != "answered"
        rows.append({
            "kind": _OF_CALLS.get(call["kind"], call["kind"]), "label": call["name"], "begin": tries[0].begin,
            "end": first.end, "attempts": tuple(tries), "failure": first.error if failed else "",
        })  # fmt: skip
    own = tuple(attempt for _, attempt in attempts)
    data = event["data"] if isinstance(event["data"], dict) else {}
    begin = own[0].begin if own else before if kind == "processor" and not rows else now
    is_well = bool(own) and own[-1].outcome == "answered" and data.get("success") is not False
    rows.append({
        "kind": kind, "label": event["details"], "begin": begin, "end": now, "attempts": own,
        "failure": "" if is_well else event.get("failure", ""),
        "reason": data.get("reason", "") or "; ".join(attempt.error for attempt in own[:-1]),
    })  # fmt: skip
    return rows


def _attempts(calls: Sequence[dict[str, Any]], now: float) -> list[tuple[dict[str, Any], Attempt]]:
    found: list[tuple[dict[str, Any], Attempt]] = []
    for call in reversed(calls):
        end = now - float(call.get("pauseMillis", 0))
        begin = end - float(call["durationMillis"])
        attempt = Attempt(
            begin=begin, end=end, member=call.get("memberId", ""), outcome=call["outcome"], error=call.get("error", "")
        )
        found.append((call, attempt))
        now = begin
    return found[::-1]


def _numbered(row: dict[str, Any], number: int, event: dict[str, Any]) -> Step:
    return Step(
        number=number,
        event=event["eventType"],
        entity_id=event["entityId"],
        model=event.get("model"),
        state=event["state"],
        at=event["utcTime"],
        **row,
    )


# --- the scale ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Between two moments, where it begins on the scale and how wide it is (0 to 100); `ms` long."""

    begin: float
    end: float
    x: float
    width: float
    is_gap: bool

    @property
    def ms(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Scale:
    stretches: tuple[Stretch, ...]
    _begins: list[float] = field(default_factory=list[float])

    @property
    def gaps(self) -> list[tuple[float, float, float]]:
        """Of each squeezed one where it begins, how wide it is, and its milliseconds."""
        return [(x := self.at(one.begin), self.at(one.end) - x, one.ms) for one in self.stretches if one.is_gap]

    @property
    def labelled(self) -> list[tuple[float, float, float]]:
        """Those whose length is written above; more of them would write over each other."""
        return self.gaps if len(self.gaps) <= MAX_LABELS else []

    def at(self, moment: float) -> float:
        """Where a moment is, from 0 to 100."""
        if not self.stretches:
            return 0.0
        place = self.stretches[max(0, bisect_right(self._begins, moment) - 1)]
        share = (moment - place.begin) / place.ms if place.ms else 0.0
        return round(SHOWN * (place.x + place.width * min(1.0, max(0.0, share))), 3)


def scale_of(steps: Sequence[Step]) -> Scale:
    moments = sorted({moment for step in steps for moment in (step.begin, step.end)})
    pairs = list(pairwise(moments))
    if not pairs:
        return Scale(())
    busy = _busy(steps)
    usual = median(end - begin for begin, end in pairs)
    long = max(LONG * usual, GAP_SHARE * (moments[-1] - moments[0]))  # a short one would be widened
    gaps = {pair for pair in pairs if pair[1] - pair[0] > long and not _is_within(pair, busy)}
    shown = sum(end - begin for begin, end in pairs if (begin, end) not in gaps)
    for_gaps = min(0.5, GAP_SHARE * len(gaps)) if shown else 1.0
    stretches: list[Stretch] = []
    x = 0.0
    for begin, end in pairs:
        is_gap = (begin, end) in gaps
        width = 100 * (for_gaps / len(gaps) if is_gap else (1 - for_gaps) * (end - begin) / shown)
        stretches.append(Stretch(begin=begin, end=end, x=x, width=width, is_gap=is_gap))
        x += width
    return Scale(tuple(stretches), [stretch.begin for stretch in stretches])


def _busy(steps: Sequence[Step]) -> list[tuple[float, float]]:
    """When something was under way, joined and in order."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted((step.begin, step.end) for step in steps if step.ms > 0):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _is_within(pair: tuple[float, float], busy: list[tuple[float, float]]) -> bool:
    place = bisect_right(busy, (pair[0], float("inf"))) - 1
    return place >= 0 and busy[place][1] >= pair[1]
