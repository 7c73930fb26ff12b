"""Asking a criterion, locally or through client compute (contract: engine 2.6)."""

from __future__ import annotations

from typing import NamedTuple

from cyoda.errors import CyodaError, WorkflowFailed
from cyoda.jsonio import Json
from workflows.core.callout import Callout
from workflows.core.predicates.criterion import CriterionError

from .commands import Step
from .compiled import CompiledTransition, CompiledWorkflow
from .criteria import Criterion, Function, Inline, Junction
from .document import quoted
from .run import Run, ask, explained

NO_REASON = "criterion did not match"


class Verdict(NamedTuple):
    """`reason` is what a member said, empty for inline criteria."""

    matches: bool
    reason: str = ""

    @property
    def recorded_reason(self) -> str:
        return self.reason or NO_REASON


MATCHES = Verdict(True)


def judge_workflow(run: Run, workflow: CompiledWorkflow, criterion: Criterion) -> Step[Verdict]:
    """Whether a workflow's criterion selects it. Raises WorkflowFailed and the dispatch errors."""
    try:
        return (yield from _judge(run, criterion, workflow, None))
    except CyodaError as error:
        prefix = f"failed to evaluate workflow criterion for {quoted(workflow.name)}: "
        raise explained(error, prefix) from error.__cause__


def judge_transition(run: Run, workflow: CompiledWorkflow, transition: CompiledTransition) -> Step[Verdict]:
    """Whether a transition's guard lets the entity pass. Raises WorkflowFailed and the dispatch errors."""
    if transition.criterion is None:
        return MATCHES
    try:
        return (yield from _judge(run, transition.criterion, workflow, transition))
    except CyodaError as error:
        raise explained(error, "failed to evaluate transition criterion: ") from error.__cause__


def mismatch(workflow: CompiledWorkflow, transition: CompiledTransition, verdict: Verdict) -> Json:
    """The audit data of a guard that was false (contract: engine 6.3)."""
    criterion = transition.criterion
    return {
        "workflowName": workflow.name,
        "transition": transition.name,
        "criterion": "" if criterion is None else criterion.name,
        "reason": verdict.recorded_reason,
    }


def _judge(
    run: Run, criterion: Criterion, workflow: CompiledWorkflow, transition: CompiledTransition | None
) -> Step[Verdict]:
    match criterion:
        case Inline():
            return _judge_inline(run, criterion)
        case Function():
            return (yield from _judge_function(run, criterion, workflow, transition))
        case Junction():
            return (yield from _judge_junction(run, criterion, workflow, transition))
        case _:
            raise WorkflowFailed(criterion.reason)


def _judge_inline(run: Run, criterion: Inline) -> Verdict:
    try:
        return Verdict(criterion.matches(run.document.value, run.view()))
    except CriterionError as error:
        raise WorkflowFailed(str(error)) from error


def _judge_function(
    run: Run, criterion: Function, workflow: CompiledWorkflow, transition: CompiledTransition | None
) -> Step[Verdict]:
    if criterion.pre_check is not None:
        verdict = yield from _judge(run, criterion.pre_check, workflow, transition)
        if not verdict.matches:
            return verdict
    config = criterion.config
    answer = yield from ask(
        run,
        Callout(
            kind="criteria", name=criterion.name, subject=run.view(), workflow=workflow.name,
            transition="" if transition is None else transition.name, transaction_id=run.transaction_id,
            tags=config.calculation_nodes_tags, timeout_ms=config.response_timeout_ms, context=config.context,
            attach_entity=config.attach_entity, target="WORKFLOW" if transition is None else "TRANSITION",
            retry_policy=config.retry_policy,
        ),
    )  # fmt: skip
    return MATCHES if answer.matches else Verdict(False, answer.reason)


def _judge_junction(
    run: Run, junction: Junction, workflow: CompiledWorkflow, transition: CompiledTransition | None
) -> Step[Verdict]:
    """Left to right until decided; the reason is the last one a member gave for a false."""
    reason = ""
    for child in junction.children:
        verdict = yield from _judge(run, child, workflow, transition)
        if verdict.matches != junction.is_conjunction:
            return verdict
        reason = verdict.reason or reason
    return MATCHES if junction.is_conjunction else Verdict(False, reason)
