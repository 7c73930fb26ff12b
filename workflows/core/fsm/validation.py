"""What an incoming workflow must fulfil (contract: engine 1.5), in the order in which an import refuses.

Faults are made one by one as they are asked for: an import stops at the first, an editor shows all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, Raw, UnsetType

from .criterion_check import criterion_faults
from .document import Processor, Schedule, State, Transition, Workflow, quoted
from .issue import Issue, Place, pointed

NAME_LIMIT_BYTES = 256
ANNOTATIONS_LIMIT_BYTES = 65_536
COMMIT_BEFORE_DISPATCH = "COMMIT_BEFORE_DISPATCH"
EXECUTION_MODES = ("SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX", COMMIT_BEFORE_DISPATCH)
RETRY_POLICIES = ("NONE", "FIXED")
WORKFLOWS = "/workflows"
"""The pointer of the incoming definitions in an import request."""


def structure_faults(workflows: Sequence[Workflow]) -> Iterator[Issue]:
    """Of incoming definitions: structure first, then annotations."""
    seen: set[str] = set()
    for index, workflow in enumerate(workflows):
        if workflow.name in seen:
            message = f"duplicate workflow name {quoted(workflow.name)} in request"
            yield Issue(message=message, pointer=pointed(WORKFLOWS, index, "name"))
        seen.add(workflow.name)
        yield from _workflow_faults(workflow, pointed(WORKFLOWS, index))
    for index, workflow in enumerate(workflows):
        yield from _annotation_faults(workflow, place_of(workflow, pointed(WORKFLOWS, index)))


def place_of(workflow: Workflow, pointer: str) -> Place:
    return Place(f"workflow {quoted(workflow.name)}", pointer)


def state_place(place: Place, name: str) -> Place:
    return place.inner(f"state {quoted(name)}", "states", name)


def transition_place(place: Place, index: int, transition: Transition) -> Place:
    return place.inner(f"transition {quoted(transition.name)}", "transitions", index)


def processor_place(place: Place, index: int, processor: Processor) -> Place:
    return place.inner(f"processor {quoted(processor.name)}", "processors", index)


def dispatch_faults(workflow: Workflow, pointer: str) -> Iterator[Issue]:
    """The coherence of `startNewTxOnDispatch`, judged on the merged set."""
    for name, state in workflow.states.items():
        for number, transition in enumerate(state.transitions):
            for index, processor in enumerate(transition.processors):
                flagged = processor.config.start_new_tx_on_dispatch is True
                if flagged and processor.execution_mode != COMMIT_BEFORE_DISPATCH:
                    message = (
                        f"workflow {quoted(workflow.name)} transition {quoted(transition.name)} "
                        f"processor {quoted(processor.name)}: startNewTxOnDispatch=true is only valid with "
                        f"executionMode={COMMIT_BEFORE_DISPATCH} (got {quoted(processor.execution_mode)})"
                    )
                    inside = ("states", name, "transitions", number, "processors", index, "config")
                    yield Issue(message=message, pointer=pointed(pointer, *inside, "startNewTxOnDispatch"))


def _workflow_faults(workflow: Workflow, pointer: str) -> Iterator[Issue]:
    if not workflow.name:
        yield Issue(message="workflow with empty name is not allowed", pointer=pointed(pointer, "name"))
    yield from _length_faults(Place("workflow", pointer), workflow.name, "name")
    place = place_of(workflow, pointer)
    if not workflow.initial_state:
        yield place.fault(": initialState must not be empty", "initialState")
    elif workflow.initial_state not in workflow.states:
        initial = quoted(workflow.initial_state)
        yield place.fault(f": initialState {initial} is not declared in states", "initialState")
    yield from criterion_faults(place, workflow.criterion)
    for name, state in workflow.states.items():
        if not name:
            yield place.fault(": empty state name is not allowed in the states map", "states", name)
        yield from _length_faults(Place(f"{place.location}: state", pointed(pointer, "states", name)), name)
        yield from _state_faults(state_place(place, name), state, workflow)


def _state_faults(place: Place, state: State, workflow: Workflow) -> Iterator[Issue]:
    seen: set[str] = set()
    for index, transition in enumerate(state.transitions):
        here = ("transitions", index, "name")
        if not transition.name:
            yield place.fault(": empty transition name is not allowed", *here)
        subject = Place(f"{place.location}: transition", place.pointer)
        yield from _length_faults(subject, transition.name, *here)
        if transition.name in seen:
            yield place.fault(f": duplicate transition name {quoted(transition.name)}", *here)
        seen.add(transition.name)
        yield from _transition_faults(transition_place(place, index, transition), transition, workflow)


def _transition_faults(place: Place, transition: Transition, workflow: Workflow) -> Iterator[Issue]:
    if transition.next not in workflow.states:
        yield place.fault(f": next state {quoted(transition.next)} is not declared in states", "next")
    if transition.schedule is not UNSET:
        if transition.manual:
            yield place.fault(": manual and scheduled are mutually exclusive", "manual")
        yield from _schedule_faults(place, transition.schedule)
    yield from criterion_faults(place, transition.criterion)
    for index, processor in enumerate(transition.processors):
        yield from _processor_faults(place, index, processor)


def _schedule_faults(place: Place, schedule: Schedule) -> Iterator[Issue]:
    function = schedule.function
    if (schedule.delay_ms > 0) == (function is not UNSET):
        yield place.fault(": exactly one of schedule.delayMs or schedule.function is required", "schedule", "delayMs")
    if function is UNSET:
        return
    if function.result_kind != "Schedule":
        message = f': schedule.function.resultKind must be "Schedule" (got {quoted(function.result_kind)})'
        yield place.fault(message, "schedule", "function", "resultKind")
    if not function.name or not function.calculation_nodes_tags:
        member = "calculationNodesTags" if function.name else "name"
        yield place.fault(": schedule.function requires name and calculationNodesTags", "schedule", "function", member)


def _processor_faults(transition: Place, index: int, processor: Processor) -> Iterator[Issue]:
    if not processor.name:
        yield transition.fault(": empty processor name is not allowed", "processors", index, "name")
    subject = Place(f"{transition.location}: processor", transition.pointer)
    yield from _length_faults(subject, processor.name, "processors", index, "name")
    place = processor_place(transition, index, processor)
    config = processor.config
    unsupported = "is not supported on this backend (async/crossover semantics are not implemented)"
    if config.async_result is True:
        yield place.fault(f": asyncResult=true {unsupported}", "config", "asyncResult")
    if config.crossover_to_async_ms is not UNSET:
        yield place.fault(f": crossoverToAsyncMs {unsupported}", "config", "crossoverToAsyncMs")
    yield from _choice_faults(place, processor.execution_mode, EXECUTION_MODES, "executionMode")
    yield from _choice_faults(place, config.retry_policy, RETRY_POLICIES, "config", "retryPolicy")


def _choice_faults(place: Place, value: str, allowed: tuple[str, ...], *member: str) -> Iterator[Issue]:
    if value and value not in allowed:
        names = ", ".join(allowed)
        yield place.fault(f": unknown {member[-1]} {quoted(value)} (allowed: {names}, or empty)", *member)


def _length_faults(subject: Place, name: str, *member: str | int) -> Iterator[Issue]:
    size = len(name.encode())
    if size > NAME_LIMIT_BYTES:
        yield subject.fault(f" name length {size} exceeds the {NAME_LIMIT_BYTES}-char limit", *member)


# --- annotations ------------------------------------------------------------------------------------------------


def _annotation_faults(workflow: Workflow, place: Place) -> Iterator[Issue]:
    yield from _both_annotations(place, workflow.annotations, workflow.criterion_annotations)
    for name, state in workflow.states.items():
        inside = state_place(place, name)
        yield from _annotations(inside, ": annotations", "annotations", state.annotations)
        for index, transition in enumerate(state.transitions):
            yield from _transition_annotations(transition_place(inside, index, transition), transition)


def _transition_annotations(place: Place, transition: Transition) -> Iterator[Issue]:
    yield from _both_annotations(place, transition.annotations, transition.criterion_annotations)
    for index, processor in enumerate(transition.processors):
        inside = processor_place(place, index, processor)
        yield from _annotations(inside, ": annotations", "annotations", processor.annotations)


def _both_annotations(place: Place, own: Raw | UnsetType, of_criterion: Raw | UnsetType) -> Iterator[Issue]:
    yield from _annotations(place, ": annotations", "annotations", own)
    yield from _annotations(place, " criterionAnnotations: annotations", "criterionAnnotations", of_criterion)


def _annotations(place: Place, subject: str, member: str, annotations: Raw | UnsetType) -> Iterator[Issue]:
    if annotations is UNSET:
        return
    text = bytes(annotations)
    if not text.startswith(b"{"):
        yield place.fault(f"{subject} must be a JSON object", member)
    if len(text) > ANNOTATIONS_LIMIT_BYTES:
        yield place.fault(f"{subject} size {len(text)} bytes exceeds the {ANNOTATIONS_LIMIT_BYTES}-byte limit", member)
