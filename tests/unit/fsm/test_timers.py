"""Arming, cancelling and firing timers (contract: engine 4)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from cyoda.errors import NoComputeMemberForTag, ScheduleFunctionInvalidResult, WorkflowFailed
from workflows.core.callout import Callout, CalloutAnswer, CalloutFailed
from workflows.core.fsm.commands import ReadTimers
from workflows.core.fsm.firing import decided, fire_timer, has_transition, record_expired
from workflows.core.fsm.operations import create, fire_named, loopback
from workflows.core.timer import Timer, timer_id

from .support import (
    ALICE,
    ENTITY,
    MODEL,
    NOW,
    NOW_MS,
    compiled,
    equals,
    existing,
    lines,
    new,
    play,
    processor,
    state,
    terms,
    trail,
    transition,
    workflow,
)  # fmt: skip

STATIC = compiled(
    workflow(
        {
            "A": state(
                transition("go", "B", manual=True),
                transition("late", "B", schedule={"delayMs": 5000, "timeoutMs": 100}),
                transition("off", "B", schedule={"delayMs": 1}, disabled=True),
                transition("again", "A", manual=True),
            ),
            "B": {},
        }
    )
)


def timer(name: str = "late", source: str = "A", **members: Any) -> Timer:
    timed = Timer(
        id=timer_id("t", ENTITY, source, name), entity_id=ENTITY, model=MODEL, source_state=source, transition=name,
        due_at=NOW + timedelta(seconds=5), timeout_ms=100, armed_at=NOW, armed_by=ALICE,
    )  # fmt: skip
    return replace(timed, **members)


def test_settling_in_a_state_arms_its_timers() -> None:
    played = play(create(new(), STATIC, trail(), terms()))
    assert played.result.arm == (timer(),)
    assert played.result.disarm == ()
    assert lines(played.result.events)[-2:] == [
        (
            'SCHEDULED_TRANSITION_ARM [A] Scheduled transition "late" armed for 5000ms from now '
            f'{{"transition": "late", "sourceState": "A", "scheduledTime": {NOW_MS + 5000}}}'
        ),
        'STATE_MACHINE_FINISH [A] State machine finished {"success": true}',
    ]


def test_leaving_the_state_cancels() -> None:
    played = play(fire_named(existing("A"), "go", STATIC, trail(), terms()), [timer()])
    assert played.commands == [ReadTimers(ENTITY)]
    assert (played.result.arm, played.result.disarm) == ((), (timer().id,))
    assert lines(played.result.events)[-2] == (
        'SCHEDULED_TRANSITION_CANCEL [A] Scheduled transition "late" cancelled (left state "A") '
        '{"transition": "late", "sourceState": "A"}'
    )


@pytest.mark.parametrize("rule", [lambda: loopback(existing("A"), STATIC, trail(), terms()),
                                  lambda: fire_named(existing("A"), "again", STATIC, trail(), terms())])  # fmt: skip
def test_staying_arms_anew_without_a_cancel(rule: Any) -> None:
    played = play(rule(), [timer(due_at=NOW)])
    assert (played.result.arm, played.result.disarm) == ((timer(),), ())
    assert not [e for e in played.result.events if e.type == "SCHEDULED_TRANSITION_CANCEL"]


def test_states_that_are_only_passed_through_do_not_arm() -> None:
    chain = compiled(
        workflow({"A": state(transition("late", "B", schedule={"delayMs": 1}), transition("now", "B")), "B": {}})
    )
    assert play(create(new(), chain, trail(), terms())).result.arm == ()


def test_a_null_timeout_never_expires_and_far_times_are_kept_storable() -> None:
    far = compiled(workflow({"A": state(transition("x", "B", schedule={"delayMs": 2**62})), "B": {}}))
    (armed,) = play(create(new(), far, trail(), terms())).result.arm
    assert armed.timeout_ms is None
    assert armed.due_at.year == 9999


# --- functions --------------------------------------------------------------------------------------------------

COMPUTED = compiled(
    workflow(
        {
            "A": state(
                transition(
                    "remind", "B",
                    schedule={"timeoutMs": 1, "function": {
                        "name": "next", "resultKind": "Schedule", "calculationNodesTags": "cal", "context": "c",
                        "attachEntity": False, "responseTimeoutMs": 9}},
                )
            ),
            "B": {},
        }
    )
)  # fmt: skip


def computed(result: Any, kind: str = "Schedule") -> CalloutAnswer:
    return CalloutAnswer(result_kind=kind, result=result)


def test_a_function_is_asked_when_the_entity_settles() -> None:
    (callout,) = play(create(new(), COMPUTED, trail(), terms()), computed({"fireAfterMs": 1})).commands
    assert isinstance(callout, Callout)
    assert (callout.kind, callout.name, callout.transition, callout.tags) == ("function", "next", "remind", "cal")
    assert (callout.context, callout.attach_entity, callout.timeout_ms, callout.subject.state) == ("c", False, 9, "A")


@pytest.mark.parametrize(
    ("result", "after_ms", "timeout_ms"),
    [
        ({"fireAfterMs": 60_000}, 60_000, None),
        ({"fireAfterMs": 60_000, "expireAfterMs": 5_000}, 60_000, 5_000),
        ({"fireAt": NOW_MS + 7, "expireAt": NOW_MS + 10}, 7, 3),
        ({"fireAt": NOW_MS + 7, "expireAfterMs": 4}, 7, 4),
        ({"fireAfterMs": 7, "expireAt": NOW_MS + 8}, 7, 1),
        ({"fireAt": NOW_MS - 500}, -500, None),
    ],
)
def test_absolute_and_relative_times(result: Any, after_ms: int, timeout_ms: int | None) -> None:
    (armed,) = play(create(new(), COMPUTED, trail(), terms()), computed(result)).result.arm
    assert armed.due_at == NOW + timedelta(milliseconds=after_ms)
    assert armed.timeout_ms == timeout_ms


@pytest.mark.parametrize(
    "result", [{"fireAt": NOW_MS + 7, "expireAt": NOW_MS + 7}, {"fireAfterMs": 1, "expireAfterMs": -1}]
)
def test_a_timer_born_expired_removes_the_earlier_one(result: Any) -> None:
    earlier = timer("remind")
    played = play(loopback(existing("A"), COMPUTED, trail(), terms()), computed(result), [earlier])
    assert (played.result.arm, played.result.disarm) == ((), (earlier.id,))
    assert lines(played.result.events)[1:] == [
        (
            'SCHEDULED_TRANSITION_EXPIRE [A] Scheduled transition "remind" born expired '
            '(Function result already past its resolved expiry) {"transition": "remind", "sourceState": "A"}'
        ),
        'STATE_MACHINE_FINISH [A] Loopback finished {"success": true}',
    ]


@pytest.mark.parametrize(
    "answer",
    [
        computed({"fireAfterMs": 1}, kind="Other"), computed(None), computed([]), computed({}),
        computed({"fireAt": 1, "fireAfterMs": 1}), computed({"expireAt": 1}),
        computed({"fireAt": 1, "expireAt": 2, "expireAfterMs": 1}), computed({"fireAt": "1"}),
        computed({"fireAt": True}), computed({"fireAt": Decimal("1.0")}),
        computed({"fireAt": 1, "extra": 1}), computed({"fireAt": 2**63}),
    ],
)  # fmt: skip
def test_a_bad_result_fails_the_write(answer: CalloutAnswer) -> None:
    assert isinstance(play(create(new(), COMPUTED, trail(), terms()), answer).error, ScheduleFunctionInvalidResult)


def test_dispatch_failures_of_a_function_fail_the_write() -> None:
    failed = play(create(new(), COMPUTED, trail(), terms()), CalloutFailed("function dispatch failed: m"))
    assert isinstance(failed.error, WorkflowFailed)
    assert failed.error.message == "failed to reconcile scheduled tasks: function dispatch failed: m"
    alone = play(create(new(), COMPUTED, trail(), terms()), NoComputeMemberForTag("no matching"))
    assert isinstance(alone.error, NoComputeMemberForTag)


# --- firing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("late_ms", "timeout_ms", "decision"),
    [
        (-1, 100, "drop"), (0, 0, "fire"), (100, 100, "fire"), (101, 100, "drop"), (200, 100, "drop"),
        (201, 100, "expire"), (10**9, None, "fire"),
    ],
)  # fmt: skip
def test_lateness_decides(late_ms: int, timeout_ms: int | None, decision: str) -> None:
    due = timer(due_at=NOW, timeout_ms=timeout_ms)
    assert decided(due, existing("A"), NOW + timedelta(milliseconds=late_ms)) == decision


def test_a_timer_whose_entity_is_gone_or_elsewhere_is_discarded() -> None:
    assert decided(timer(), None, NOW) == "discard"
    assert decided(timer(), existing("B"), NOW) == "discard"


@pytest.mark.parametrize(
    ("name", "source", "is_there"),
    [("late", "A", True), ("off", "A", True), ("late", "B", False), ("late", "Z", False)],
)
def test_a_timer_needs_an_active_workflow_that_has_its_transition_by_name(
    name: str, source: str, is_there: bool
) -> None:
    assert has_transition(timer(name, source), STATIC) is is_there


def test_an_expiry_says_how_late_it_was() -> None:
    kept = trail()
    record_expired(timer(due_at=NOW), NOW + timedelta(milliseconds=300), kept)
    assert lines(kept.events) == [
        (
            'SCHEDULED_TRANSITION_EXPIRE [A] Scheduled transition "late" expired '
            "(lateness 300ms > timeout 100ms + grace 100ms)"
        )
    ]


def fire(workflows: Any, *answers: Any, due: Timer | None = None, kept: Any = None, data: Any = None) -> Any:
    subject = existing("A", data, transition="earlier")
    return play(fire_timer(subject, due or timer(), workflows, kept or trail(), terms()), *answers)


def test_a_fire_makes_the_transition_and_settles_without_start_and_finish() -> None:
    other = timer("other")
    played = fire(STATIC, [timer(), other])
    assert (played.result.state, played.result.transition) == ("B", "earlier")
    assert played.result.disarm == (timer().id, other.id)
    assert lines(played.result.events) == [
        'TRANSITION_MAKE [A] Transition "late": A → B',
        (
            'SCHEDULED_TRANSITION_CANCEL [A] Scheduled transition "other" cancelled (left state "A") '
            '{"transition": "other", "sourceState": "A"}'
        ),
        'SCHEDULED_TRANSITION_FIRE [B] Scheduled transition "late" fired',
    ]


def test_a_heartbeat_arms_itself_again() -> None:
    beat = compiled(workflow({"A": state(transition("late", "A", schedule={"delayMs": 5000, "timeoutMs": 100}))}))
    played = fire(beat, [timer(due_at=NOW)])
    assert (played.result.arm, played.result.disarm) == ((timer(),), ())


def test_a_false_guard_means_no_fire() -> None:
    kept = trail()
    guarded = compiled(
        workflow({"A": state(transition("late", "B", schedule={"delayMs": 1}, criterion=equals("$.n", 1))), "B": {}})
    )
    assert fire(guarded, kept=kept, data={"n": 2}).result is None
    assert lines(kept.events) == [
        (
            'TRANSITION_NOT_MATCH_CRITERION [A] Transition "late" criterion not matched {"workflowName": "w", '
            '"transition": "late", "criterion": "simple", "reason": "criterion did not match"}'
        )
    ]


def test_a_transition_that_no_workflow_has_any_more_does_not_fire() -> None:
    assert fire(STATIC, due=timer("gone")).result is None
    assert fire(compiled(workflow({"X": {}}, initial="X"))).result is None


def test_a_transition_disabled_after_arming_still_fires() -> None:
    assert fire(STATIC, [], due=timer("off")).result.state == "B"


def test_a_failing_processor_fails_the_fire() -> None:
    failing = compiled(
        workflow({"A": state(transition("late", "B", schedule={"delayMs": 1}, processors=[processor("p")])), "B": {}})
    )
    assert isinstance(fire(failing, CalloutFailed("processor dispatch failed: x")).error, WorkflowFailed)
