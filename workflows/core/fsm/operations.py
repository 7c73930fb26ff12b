"""The engine's entry points (contract: engine 2.2): create, named transition, loopback.

`subject` is the entity as criteria see it: the posted document; for a new entity `number` 0 and `state` empty;
`updated_at` now; `transaction_id` of the open transaction; `transition` the requested name or empty (contract 2.6).
`trail` keeps events and warnings also when the rule raises.
"""

from __future__ import annotations

from cyoda.errors import TransitionNotFound, WorkflowFailed
from workflows.core.audit import EventType
from workflows.core.entity import LOOPBACK, Version

from .cascade import settle, take
from .commands import Step
from .compiled import CompiledTransition, CompiledWorkflow, CompiledWorkflows
from .document import quoted
from .evaluation import judge_transition, mismatch
from .run import Run, Settled, Terms
from .schedule import NO_TIMERS, Timers, reconcile
from .selection import NONE_IMPORTED, offered, select
from .trail import Trail

_SUCCESS = {"success": True}


def create(subject: Version, workflows: CompiledWorkflows, trail: Trail, terms: Terms) -> Step[Settled]:
    """Select a workflow for a new entity, enter its initial state and settle.

    Raises WorkflowFailed and the dispatch errors (contract: engine 3.6).
    """
    run = Run(subject, trail, terms, LOOPBACK)
    run.record(EventType.STATE_MACHINE_START, "State machine started")
    workflow = yield from select(run, workflows)
    run.enter(workflow.initial_state)
    yield from settle(run, workflow)
    timers = (yield from reconcile(run, workflow)) if workflow.has_schedule else NO_TIMERS
    return _finished(run, "State machine finished", timers)


def fire_named(subject: Version, name: str, workflows: CompiledWorkflows, trail: Trail, terms: Terms) -> Step[Settled]:
    """Take the transition that a client named, then settle.

    Raises TransitionNotFound, WorkflowFailed and the dispatch errors.
    """
    run = Run(subject, trail, terms, name)
    run.record(EventType.STATE_MACHINE_START, "Manual transition started")
    workflow = _workflow_of(run, workflows)
    if workflow is None:
        model = subject.model
        raise WorkflowFailed(f"no workflow contains state {quoted(run.state)} for model {model.name}.{model.version}")
    transition = _named(run, workflow, name)
    verdict = yield from judge_transition(run, workflow, transition)
    if not verdict.matches:
        run.record(
            EventType.TRANSITION_NOT_MATCH_CRITERION,
            f"Transition {quoted(name)} criterion not matched",
            mismatch(workflow, transition, verdict),
        )
        reason = f": {verdict.reason}" if verdict.reason else ""
        raise WorkflowFailed(f"transition {quoted(name)} criterion not matched{reason}")
    yield from take(run, workflow, transition)
    yield from settle(run, workflow)
    timers = (yield from reconcile(run, workflow)) if workflow.has_schedule else NO_TIMERS
    return _finished(run, "Manual transition finished", timers)


def loopback(subject: Version, workflows: CompiledWorkflows, trail: Trail, terms: Terms) -> Step[Settled]:
    """Settle an updated entity from where it is. Raises WorkflowFailed and the dispatch errors."""
    run = Run(subject, trail, terms, LOOPBACK)
    run.record(EventType.STATE_MACHINE_START, "Loopback started")
    workflow = _workflow_of(run, workflows)
    if workflow is None:
        run.record(EventType.FORCE_SUCCESS, "No workflow contains current state for loopback")
        return _finished(run, "Loopback finished (state not in workflow)", NO_TIMERS)
    yield from settle(run, workflow)
    timers = (yield from reconcile(run, workflow)) if workflow.has_schedule else NO_TIMERS
    return _finished(run, "Loopback finished", timers)


def list_transitions(
    subject: Version, workflows: CompiledWorkflows, trail: Trail, terms: Terms
) -> Step[tuple[str, ...]]:
    """Names of all transitions of an entity's state (contract: engine 2.7); the trail's events are to be dropped."""
    return (yield from offered(Run(subject, trail, terms, subject.transition), workflows))


def _workflow_of(run: Run, workflows: CompiledWorkflows) -> CompiledWorkflow | None:
    if not workflows.is_imported:
        run.trail.warnings.append(NONE_IMPORTED)
    return workflows.with_state(run.state)


def _named(run: Run, workflow: CompiledWorkflow, name: str) -> CompiledTransition:
    """The transition as far as it may be fired by name (contract: engine 2.3). Raises TransitionNotFound."""
    state = workflow.states.get(run.state)
    transition = None if state is None else state.transitions.get(name)
    shown, place = quoted(name), f"in state {quoted(run.state)}"
    if transition is None:
        raise _refused(run, f"Transition {shown} not found {place}", f"transition {shown} not found {place}")
    if transition.is_disabled:
        raise _refused(run, f"Transition {shown} is disabled", f"transition {shown} is disabled {place}")
    if transition.schedule is not None:
        cause = "is scheduled and fires automatically; it is not manually fireable"
        raise _refused(run, f"Transition {shown} {cause}", f"transition {shown} {place} {cause}")
    return transition


def _refused(run: Run, details: str, message: str) -> TransitionNotFound:
    run.record(EventType.TRANSITION_NOT_FOUND, details)
    return TransitionNotFound(f"{message}: transition not found")


def _finished(run: Run, details: str, timers: Timers) -> Settled:
    run.record(EventType.STATE_MACHINE_FINISH, details, _SUCCESS)
    return settled(run, timers)


def settled(run: Run, timers: Timers) -> Settled:
    """What is to be saved now."""
    return Settled(
        state=run.state, document=run.document, transition=run.saved_transition, events=run.trail.take(),
        arm=timers.arm, disarm=timers.disarm,
    )  # fmt: skip
