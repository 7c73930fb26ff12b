"""Arming and cancelling timers when an entity settles (contract: engine 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

from msgspec import UNSET

from cyoda.errors import CyodaError, ScheduleFunctionInvalidResult
from cyoda.jsonio import Json
from workflows.core.audit import EventType
from workflows.core.callout import Callout, CalloutAnswer
from workflows.core.predicates.lifecycle import epoch_ms
from workflows.core.timer import Timer, timer_id

from .commands import ReadTimers, Step
from .compiled import CompiledTransition, CompiledWorkflow, timeout_ms
from .document import Schedule, ScheduleFunction, quoted
from .run import Run, ask, explained

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = epoch_ms(datetime(9999, 1, 1, tzinfo=UTC))
_FIRE, _EXPIRE = ("fireAt", "fireAfterMs"), ("expireAt", "expireAfterMs")


class Timers(NamedTuple):
    """Timers to arm, and ids of timers to remove."""

    arm: tuple[Timer, ...] = ()
    disarm: tuple[str, ...] = ()


NO_TIMERS = Timers()


class Due(NamedTuple):
    """When a timer fires and how late it may, both in milliseconds; the former since the epoch, None without limit."""

    at_ms: int
    timeout_ms: int | None


def reconcile(run: Run, workflow: CompiledWorkflow, fired: Timer | None = None) -> Step[Timers]:
    """The timers of an entity that settled: those of its state armed anew, those of other states cancelled.

    `fired` is the timer that caused this run; it goes without a CANCEL event unless it is armed again.
    Raises ScheduleFunctionInvalidResult, WorkflowFailed and the dispatch errors.
    """
    now = run.trail.clock()
    armed: list[Timer] = []
    disarmed: dict[str, None] = {} if fired is None else {fired.id: None}
    state = workflow.states.get(run.state)
    for transition in state.scheduled if state is not None else ():
        timer = yield from _timer(run, workflow, transition, now)
        disarmed.pop(timer.id, None)
        if isinstance(timer, Timer):
            armed.append(timer)
        else:
            disarmed[timer.id] = None
    if not run.is_new:
        for timer in (yield ReadTimers(run.subject.entity_id)):
            if timer.source_state != run.state and timer.id not in disarmed:
                disarmed[timer.id] = None
                _record_cancel(run, timer)
    for timer in armed:
        _record_arm(run, timer, now)
    return Timers(tuple(armed), tuple(disarmed))


class _BornExpired(NamedTuple):
    id: str


def _timer(
    run: Run, workflow: CompiledWorkflow, transition: CompiledTransition, now: datetime
) -> Step[Timer | _BornExpired]:
    subject, terms = run.subject, run.terms
    identity = timer_id(terms.tenant, subject.entity_id, run.state, transition.name)
    assert transition.schedule is not None
    due = yield from _due(run, workflow, transition, transition.schedule, now)
    if due is None:
        run.record(
            EventType.SCHEDULED_TRANSITION_EXPIRE,
            f"Scheduled transition {quoted(transition.name)} born expired "
            "(Function result already past its resolved expiry)",
            {"transition": transition.name, "sourceState": run.state},
        )
        return _BornExpired(identity)
    return Timer(
        id=identity, entity_id=subject.entity_id, model=subject.model, source_state=run.state,
        transition=transition.name, due_at=_moment(due.at_ms), timeout_ms=due.timeout_ms, armed_at=now,
        armed_by=terms.origin,
    )  # fmt: skip


def _due(
    run: Run, workflow: CompiledWorkflow, transition: CompiledTransition, schedule: Schedule, now: datetime
) -> Step[Due | None]:
    """None when the timer is born expired."""
    now_ms = epoch_ms(now)
    if schedule.function is UNSET:
        return Due(now_ms + schedule.delay_ms, None if schedule.timeout_ms is UNSET else schedule.timeout_ms)
    callout = _callout(run, workflow, transition, schedule.function)
    try:
        answer = yield from ask(run, callout)
    except CyodaError as error:
        raise explained(error, "failed to reconcile scheduled tasks: ") from error.__cause__
    return resolved(answer, now_ms)


def _callout(
    run: Run, workflow: CompiledWorkflow, transition: CompiledTransition, function: ScheduleFunction
) -> Callout:
    return Callout(
        kind="function", name=function.name, subject=run.view(), workflow=workflow.name, transition=transition.name,
        transaction_id=run.transaction_id, tags=function.calculation_nodes_tags,
        timeout_ms=timeout_ms(function.response_timeout_ms), context=function.context,
        attach_entity=function.attach_entity,
    )  # fmt: skip


def resolved(answer: CalloutAnswer, now_ms: int) -> Due | None:
    """The time a schedule function computed (contract: engine 4.3); None when it expires before it fires.

    Raises ScheduleFunctionInvalidResult.
    """
    times = _times(answer)
    fire_ms = times["fireAt"] if "fireAt" in times else now_ms + times["fireAfterMs"]
    if "expireAt" in times:
        expire_ms = times["expireAt"]
    elif "expireAfterMs" in times:
        expire_ms = fire_ms + times["expireAfterMs"]
    else:
        return Due(fire_ms, None)
    return Due(fire_ms, expire_ms - fire_ms) if expire_ms > fire_ms else None


def _times(answer: CalloutAnswer) -> Mapping[str, int]:
    if answer.result_kind != "Schedule":
        raise ScheduleFunctionInvalidResult(f'resultKind must be "Schedule" (got {quoted(answer.result_kind)})')
    sent: Json = answer.result
    if not isinstance(sent, dict):
        raise ScheduleFunctionInvalidResult("result must be an object")
    result = cast("dict[str, Json]", sent)
    for key, value in result.items():
        if key not in _FIRE and key not in _EXPIRE:
            raise ScheduleFunctionInvalidResult(f"unknown result key {quoted(key)}")
        if type(value) is not int or abs(value) >= 1 << 63:
            raise ScheduleFunctionInvalidResult(f"{key} must be an integer of milliseconds")
    _require(result, _FIRE, at_least=1)
    _require(result, _EXPIRE, at_least=0)
    return result


def _require(result: Mapping[str, int], keys: Sequence[str], *, at_least: int) -> None:
    count = sum(key in result for key in keys)
    if not at_least <= count <= 1:
        bound = "exactly one" if at_least else "at most one"
        raise ScheduleFunctionInvalidResult(f"{bound} of {' and '.join(keys)} is required")


def _moment(at_ms: int) -> datetime:
    """The instant, kept within what every store can hold; a timer beyond it never fires anyway."""
    return _EPOCH + timedelta(milliseconds=min(max(at_ms, 0), _LATEST_MS))


def _record_arm(run: Run, timer: Timer, now: datetime) -> None:
    due_ms = epoch_ms(timer.due_at)
    run.record(
        EventType.SCHEDULED_TRANSITION_ARM,
        f"Scheduled transition {quoted(timer.transition)} armed for {due_ms - epoch_ms(now)}ms from now",
        {"transition": timer.transition, "sourceState": timer.source_state, "scheduledTime": due_ms},
    )


def _record_cancel(run: Run, timer: Timer) -> None:
    run.trail.record(
        EventType.SCHEDULED_TRANSITION_CANCEL,
        timer.source_state,
        f"Scheduled transition {quoted(timer.transition)} cancelled (left state {quoted(timer.source_state)})",
        {"transition": timer.transition, "sourceState": timer.source_state},
    )
