"""Taking transitions: one, and then automated ones until none applies (contract: engine 2.4, 2.5)."""

from __future__ import annotations

from cyoda.errors import WorkflowFailed
from workflows.core.audit import EventType

from .commands import Step
from .compiled import CompiledTransition, CompiledWorkflow
from .document import quoted
from .evaluation import judge_transition, mismatch
from .processing import process
from .run import Run

MAX_TRANSITIONS = 100


def settle(run: Run, workflow: CompiledWorkflow) -> Step[None]:
    """Take automated transitions until none applies.

    Raises WorkflowFailed when a state is visited too often, after 100 transitions, or when a step fails.
    """
    visits = {run.state: 1}
    for _ in range(MAX_TRANSITIONS):
        state = workflow.states.get(run.state)
        if state is None or not state.automated:
            return
        transition = yield from _first_open(run, workflow, state.automated)
        if transition is None:
            return
        yield from take(run, workflow, transition)
        count = visits[run.state] = visits.get(run.state, 0) + 1
        if count > run.terms.max_state_visits:
            limit = run.terms.max_state_visits
            _abort(run, f"state {quoted(run.state)} visited {count} times (limit: {limit})")
    _abort(run, f"cascade depth exceeded ({MAX_TRANSITIONS}) at state {quoted(run.state)}")


def take(run: Run, workflow: CompiledWorkflow, transition: CompiledTransition) -> Step[None]:
    """Run the transition's processors and enter its target state. Raises the first fatal failure."""
    if transition.processors:
        yield from process(run, workflow, transition)
    run.record(EventType.TRANSITION_MAKE, transition.made)
    run.enter(transition.next)


def _first_open(
    run: Run, workflow: CompiledWorkflow, candidates: tuple[CompiledTransition, ...]
) -> Step[CompiledTransition | None]:
    for transition in candidates:
        if transition.criterion is None:
            return transition
        verdict = yield from judge_transition(run, workflow, transition)
        if verdict.matches:
            return transition
        run.record(
            EventType.TRANSITION_NOT_MATCH_CRITERION,
            f"Automated transition {quoted(transition.name)} criterion not matched",
            mismatch(workflow, transition, verdict),
        )
    return None


def _abort(run: Run, reason: str) -> None:
    run.record(EventType.CANCEL, f"State machine aborted: {reason}")
    raise WorkflowFailed(f"state machine aborted: {reason}")
