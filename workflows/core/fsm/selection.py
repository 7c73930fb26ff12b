"""Which workflow applies (contract: engine 2.1), and the transitions it offers (2.7)."""

from __future__ import annotations

from cyoda.errors import CyodaError
from workflows.core.audit import EventType

from .commands import Step
from .compiled import DEFAULT, CompiledWorkflow, CompiledWorkflows
from .document import quoted
from .evaluation import judge_workflow
from .run import Run

NONE_IMPORTED = "no workflows imported for model — using default workflow"
NONE_MATCHED = "no imported workflow matched entity — using default workflow"
_DEFAULT_CHOSEN = f"No imported workflow matched; using default workflow {quoted(DEFAULT.name)}"


def select(run: Run, workflows: CompiledWorkflows) -> Step[CompiledWorkflow]:
    """The workflow of a new entity: the first active one whose criterion is absent or true.

    Raises WorkflowFailed and the dispatch errors when a criterion cannot be evaluated.
    """
    for workflow in workflows.active:
        if workflow.criterion is None:
            run.record(EventType.WORKFLOW_FOUND, f"Workflow {quoted(workflow.name)} selected (no criterion)")
            return workflow
        verdict = yield from judge_workflow(run, workflow, workflow.criterion)
        if verdict.matches:
            run.record(EventType.WORKFLOW_FOUND, f"Workflow {quoted(workflow.name)} matched criterion")
            return workflow
        run.record(
            EventType.WORKFLOW_SKIP,
            f"Workflow {quoted(workflow.name)} criterion not matched",
            {"workflowName": workflow.name, "reason": verdict.recorded_reason},
        )
    run.trail.warnings.append(NONE_MATCHED if workflows.is_imported else NONE_IMPORTED)
    run.record(EventType.WORKFLOW_FOUND, _DEFAULT_CHOSEN)
    return DEFAULT


def offered(run: Run, workflows: CompiledWorkflows) -> Step[tuple[str, ...]]:
    """Names of all transitions of the entity's state in the workflow that its criteria select, in order.

    A criterion that cannot be evaluated selects the default workflow. The caller drops the run's events and warnings:
    the query exists over HTTP only, whose bodies carry none.
    """
    try:
        workflow = yield from select(run, workflows)
    except CyodaError:
        workflow = DEFAULT
    state = workflow.states.get(run.state)
    return () if state is None else tuple(state.transitions)
