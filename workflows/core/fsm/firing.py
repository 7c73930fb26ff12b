"""Firing a timer (contract: engine 4.4): what is to be done with a due one, and the fire itself."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from workflows.core.audit import EventType
from workflows.core.entity import Version
from workflows.core.predicates.lifecycle import epoch_ms
from workflows.core.timer import Timer

from .cascade import settle, take
from .commands import Step
from .compiled import CompiledWorkflows
from .document import quoted
from .evaluation import judge_transition, mismatch
from .operations import settled
from .run import Run, Settled, Terms
from .schedule import reconcile
from .trail import Trail

GRACE_MS = 100

Decision = Literal["drop", "discard", "expire", "fire"]
"""Leave for a later scan; delete silently; delete and record EXPIRE; fire."""


def decided(timer: Timer, entity: Version | None, now: datetime, *, grace_ms: int = GRACE_MS) -> Decision:
    """Steps 4 to 9: what becomes of a timer that was re-read together with its entity."""
    if entity is None or entity.state != timer.source_state:
        return "discard"
    lateness_ms = epoch_ms(now) - epoch_ms(timer.due_at)
    if lateness_ms < 0:
        return "drop"
    if timer.timeout_ms is None or lateness_ms <= timer.timeout_ms:
        return "fire"
    return "expire" if lateness_ms > timer.timeout_ms + grace_ms else "drop"


def has_transition(timer: Timer, workflows: CompiledWorkflows) -> bool:
    """Step 7: whether an active workflow still has the timer's transition in its state."""
    workflow = workflows.with_state(timer.source_state)
    state = None if workflow is None else workflow.states.get(timer.source_state)
    return state is not None and timer.transition in state.transitions


def record_expired(timer: Timer, now: datetime, trail: Trail, *, grace_ms: int = GRACE_MS) -> None:
    """The audit event of a timer that came too late."""
    lateness_ms = epoch_ms(now) - epoch_ms(timer.due_at)
    trail.record(
        EventType.SCHEDULED_TRANSITION_EXPIRE,
        timer.source_state,
        f"Scheduled transition {quoted(timer.transition)} expired "
        f"(lateness {lateness_ms}ms > timeout {timer.timeout_ms}ms + grace {grace_ms}ms)",
    )


def fire_timer(
    subject: Version, timer: Timer, workflows: CompiledWorkflows, trail: Trail, terms: Terms
) -> Step[Settled | None]:
    """Take a due timer's transition, then settle. `terms.origin` is who armed it.

    None when it does not fire: no active workflow has the state or the transition (no event), or the guard is false
    (an event in the trail); either way the timer is to be deleted and the entity is not saved. Raises WorkflowFailed
    and the dispatch errors; the timer then stays.
    """
    run = Run(subject, trail, terms, subject.transition)
    workflow = workflows.with_state(run.state)
    state = None if workflow is None else workflow.states.get(run.state)
    transition = None if state is None else state.transitions.get(timer.transition)
    if workflow is None or transition is None:
        return None
    verdict = yield from judge_transition(run, workflow, transition)
    if not verdict.matches:
        run.record(
            EventType.TRANSITION_NOT_MATCH_CRITERION,
            f"Transition {quoted(transition.name)} criterion not matched",
            mismatch(workflow, transition, verdict),
        )
        return None
    yield from take(run, workflow, transition)
    yield from settle(run, workflow)
    timers = yield from reconcile(run, workflow, fired=timer)
    run.record(EventType.SCHEDULED_TRANSITION_FIRE, f"Scheduled transition {quoted(transition.name)} fired")
    return settled(run, timers)
