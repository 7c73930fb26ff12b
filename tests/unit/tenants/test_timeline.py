"""A run on a scale of time (ui: 4.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tenants.ui.console.timeline import scale_of, steps_of

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(kind: str, at_ms: float, details: str = "it happened", **more: Any) -> dict[str, Any]:
    moment = (NOON + timedelta(milliseconds=at_ms)).isoformat()
    shape = {"entityId": "e", "eventType": kind, "utcTime": moment, "state": "A", "details": details, "data": None}
    return shape | more


def call(kind: str, name: str, ms: float, outcome: str = "answered", member: str = "m") -> dict[str, Any]:
    return {"kind": kind, "name": name, "durationMillis": ms, "outcome": outcome, "memberId": member}


def test_a_processor_is_as_long_as_its_attempts_and_shows_each() -> None:
    late = call("processor", "p", 30, "timed_out") | {"pauseMillis": 10, "error": "too late"}
    answered = event(
        "STATE_PROCESS_RESULT",
        100,
        'Processor "p" completed',
        calls=[late, call("processor", "p", 20, member="n")],
        failure="late",
    )
    _, step = steps_of([event("STATE_MACHINE_START", 0), answered])
    assert (step.kind, step.begin, step.end, step.members) == ("processor", 40, 100, ("m", "n"))
    attempts = [(one.begin, one.end, one.outcome) for one in step.attempts]
    assert attempts == [(40, 70, "timed_out"), (80, 100, "answered")]
    assert (step.failure, step.reason) == ("", "too late")


def test_criteria_have_rows_of_their_own_before_the_event_that_they_led_to() -> None:
    calls = [call("criteria", "a", 10), call("criteria", "b", 5, "timed_out"), call("criteria", "b", 5)]
    steps = steps_of([event("STATE_MACHINE_START", 0), event("TRANSITION_MAKE", 20, "done", calls=calls)])
    assert [(one.kind, one.label, one.ms, len(one.attempts)) for one in steps[1:]] == [
        ("criterion", "a", 10, 1), ("criterion", "b", 10, 2), ("state", "done", 0, 0)
    ]  # fmt: skip


def test_a_result_without_a_note_of_its_callout_lasts_since_the_event_before() -> None:
    steps = steps_of([event("PAUSE_FOR_PROCESSING", 0), event("STATE_PROCESS_RESULT", 40, 'Processor "p" completed')])
    assert (steps[1].begin, steps[1].end) == (0, 40)


def test_long_waits_are_squeezed_and_work_is_not() -> None:
    steps = steps_of([event("OTHER", n) for n in (0, 1, 2, 3, 10_000, 10_001)])
    scale = scale_of(steps)
    ((x, width, ms),) = scale.gaps
    assert (round(ms), width < 5) == (9997, True)
    assert [scale.at(step.begin) for step in steps] == sorted(scale.at(step.begin) for step in steps)
    assert scale.at(10_001) <= 100
    assert x == scale.at(3)
    slow = [call("processor", "p", 9_997)]
    worked = [event("OTHER", n) for n in (0, 1, 2, 3)] + [
        event("STATE_PROCESS_RESULT", 10_000, 'Processor "p" completed', calls=slow)
    ]
    assert scale_of(steps_of(worked)).gaps == []


def test_one_moment_is_a_scale_too() -> None:
    assert scale_of(steps_of([event("OTHER", 0)])).at(0) == 0
    assert scale_of([]).at(5) == 0
