"""A transition's processors, one after another, each in its execution mode (contract: engine 3.4 to 3.7)."""

from __future__ import annotations

from msgspec.structs import replace

from cyoda.errors import (
    ComputeMemberDisconnected,
    CyodaError,
    DispatchForwardFailed,
    DispatchTimeout,
    NoComputeMemberForTag,
    WorkflowFailed,
)
from workflows.core.audit import EventType
from workflows.core.callout import Callout

from .commands import Resume, RollBackTo, Savepoint, Segment, Step
from .compiled import CompiledTransition, CompiledWorkflow, timeout_ms
from .document import Processor, quoted
from .run import Run, ask, explained

INTERNALIZED = "internalized"
DISPATCH_FAILURES = (
    WorkflowFailed,
    NoComputeMemberForTag,
    DispatchTimeout,
    ComputeMemberDisconnected,
    DispatchForwardFailed,
)
"""What an ASYNC_NEW_TX processor may suffer without failing its transition."""


def process(run: Run, workflow: CompiledWorkflow, transition: CompiledTransition) -> Step[None]:
    """Run all processors; the document they leave is the run's. Raises the first fatal failure."""
    if not transition.processors:
        return
    run.record(EventType.PAUSE_FOR_PROCESSING, transition.paused)
    for processor in transition.processors:
        try:
            succeeded = yield from _execute(run, workflow, transition, processor)
        except CyodaError as error:
            failure = explained(error, f"processor {processor.name} failed: ")
            _record_result(run, processor, succeeded=False)
            run.record(
                EventType.STATE_PROCESS_RESULT,
                f"Processor failed for transition {quoted(transition.name)}: {failure.message}",
                {"success": False},
            )
            raise failure from error.__cause__
        _record_result(run, processor, succeeded=succeeded)


def _record_result(run: Run, processor: Processor, *, succeeded: bool) -> None:
    run.record(
        EventType.STATE_PROCESS_RESULT,
        f"Processor {quoted(processor.name)} completed",
        {"success": succeeded, "mode": processor.execution_mode},
    )


def _execute(run: Run, workflow: CompiledWorkflow, transition: CompiledTransition, processor: Processor) -> Step[bool]:
    """Whether the processor succeeded; fatal failures are raised."""
    if processor.type == INTERNALIZED:
        raise WorkflowFailed(f"execution type {quoted(INTERNALIZED)} is not yet implemented")
    match processor.execution_mode:
        case "ASYNC_NEW_TX":
            return (yield from _in_savepoint(run, _callout(run, workflow, transition, processor)))
        case "COMMIT_BEFORE_DISPATCH":
            yield from _between_segments(run, _callout(run, workflow, transition, processor), processor)
        case _:
            answer = yield from ask(run, _callout(run, workflow, transition, processor))
            run.apply(answer.document)
    return True


def _in_savepoint(run: Run, callout: Callout) -> Step[bool]:
    """The result is discarded; a failure undoes what callbacks wrote and is otherwise ignored."""
    savepoint = yield Savepoint()
    try:
        yield from ask(run, callout)
    except DISPATCH_FAILURES:
        yield RollBackTo(savepoint)
        return False
    return True


def _between_segments(run: Run, callout: Callout, processor: Processor) -> Step[None]:
    """Commit the entity in its source state, call out, and apply the answer in the transaction that follows."""
    is_detached = processor.config.start_new_tx_on_dispatch is not True
    run.transaction_id = yield Segment(
        subject=replace(run.view(), transition=run.saved_transition), events=run.trail.take(), detached=is_detached
    )
    run.is_new = False
    callout = replace(callout, transaction_id=None if is_detached else run.transaction_id)
    answer = yield from ask(run, callout)
    if is_detached:
        yield Resume(run.subject.entity_id)
    run.apply(answer.document)


def _callout(run: Run, workflow: CompiledWorkflow, transition: CompiledTransition, processor: Processor) -> Callout:
    config = processor.config
    return Callout(
        kind="processor", name=processor.name, subject=run.view(), workflow=workflow.name,
        transition=transition.name, transaction_id=run.transaction_id, tags=config.calculation_nodes_tags,
        timeout_ms=timeout_ms(config.response_timeout_ms), context=config.context,
        attach_entity=config.attach_entity, retry_policy=config.retry_policy,
    )  # fmt: skip
