"""What an incoming workflow must fulfil (contract: engine 1.5). Every check raises ValidationFailed with its text."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType

from cyoda.errors import ValidationFailed

from .criterion_check import check_criterion
from .document import Processor, Schedule, Transition, Workflow, quoted

NAME_LIMIT_BYTES = 256
ANNOTATIONS_LIMIT_BYTES = 65_536
COMMIT_BEFORE_DISPATCH = "COMMIT_BEFORE_DISPATCH"
EXECUTION_MODES = ("SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX", COMMIT_BEFORE_DISPATCH)
RETRY_POLICIES = ("NONE", "FIXED")


def check_structure(workflows: Sequence[Workflow]) -> None:
    """The checks of incoming definitions: structure first, then annotations. Raises ValidationFailed."""
    seen: set[str] = set()
    for workflow in workflows:
        if workflow.name in seen:
            raise ValidationFailed(f"duplicate workflow name {quoted(workflow.name)} in request")
        seen.add(workflow.name)
        _check_workflow(workflow)
    for workflow in workflows:
        _check_all_annotations(workflow)


def check_dispatch_flags(workflow: Workflow) -> None:
    """The coherence of `startNewTxOnDispatch`, judged on the merged set. Raises ValidationFailed."""
    for state in workflow.states.values():
        for transition in state.transitions:
            for processor in transition.processors:
                flagged = processor.config.start_new_tx_on_dispatch is True
                if flagged and processor.execution_mode != COMMIT_BEFORE_DISPATCH:
                    raise ValidationFailed(
                        f"workflow {quoted(workflow.name)} transition {quoted(transition.name)} "
                        f"processor {quoted(processor.name)}: startNewTxOnDispatch=true is only valid with "
                        f"executionMode={COMMIT_BEFORE_DISPATCH} (got {quoted(processor.execution_mode)})"
                    )


def _check_workflow(workflow: Workflow) -> None:
    if not workflow.name:
        raise ValidationFailed("workflow with empty name is not allowed")
    _check_length("workflow", workflow.name)
    location = f"workflow {quoted(workflow.name)}"
    if not workflow.initial_state:
        raise ValidationFailed(f"{location}: initialState must not be empty")
    if workflow.initial_state not in workflow.states:
        raise ValidationFailed(f"{location}: initialState {quoted(workflow.initial_state)} is not declared in states")
    check_criterion(location, workflow.criterion)
    for name, state in workflow.states.items():
        if not name:
            raise ValidationFailed(f"{location}: empty state name is not allowed in the states map")
        _check_length(f"{location}: state", name)
        _check_transitions(f"{location} state {quoted(name)}", state.transitions, workflow)


def _check_transitions(location: str, transitions: Sequence[Transition], workflow: Workflow) -> None:
    seen: set[str] = set()
    for transition in transitions:
        if not transition.name:
            raise ValidationFailed(f"{location}: empty transition name is not allowed")
        _check_length(f"{location}: transition", transition.name)
        if transition.name in seen:
            raise ValidationFailed(f"{location}: duplicate transition name {quoted(transition.name)}")
        seen.add(transition.name)
        _check_transition(f"{location} transition {quoted(transition.name)}", transition, workflow)


def _check_transition(location: str, transition: Transition, workflow: Workflow) -> None:
    if transition.next not in workflow.states:
        raise ValidationFailed(f"{location}: next state {quoted(transition.next)} is not declared in states")
    if transition.schedule is not UNSET:
        if transition.manual:
            raise ValidationFailed(f"{location}: manual and scheduled are mutually exclusive")
        _check_schedule(location, transition.schedule)
    check_criterion(location, transition.criterion)
    for processor in transition.processors:
        _check_processor(location, processor)


def _check_schedule(location: str, schedule: Schedule) -> None:
    function = schedule.function
    if (schedule.delay_ms > 0) == (function is not UNSET):
        raise ValidationFailed(f"{location}: exactly one of schedule.delayMs or schedule.function is required")
    if function is UNSET:
        return
    if function.result_kind != "Schedule":
        raise ValidationFailed(
            f'{location}: schedule.function.resultKind must be "Schedule" (got {quoted(function.result_kind)})'
        )
    if not function.name or not function.calculation_nodes_tags:
        raise ValidationFailed(f"{location}: schedule.function requires name and calculationNodesTags")


def _check_processor(location: str, processor: Processor) -> None:
    if not processor.name:
        raise ValidationFailed(f"{location}: empty processor name is not allowed")
    _check_length(f"{location}: processor", processor.name)
    place = f"{location} processor {quoted(processor.name)}"
    config = processor.config
    unsupported = "is not supported on this backend (async/crossover semantics are not implemented)"
    if config.async_result is True:
        raise ValidationFailed(f"{place}: asyncResult=true {unsupported}")
    if config.crossover_to_async_ms is not UNSET:
        raise ValidationFailed(f"{place}: crossoverToAsyncMs {unsupported}")
    _check_choice(place, "executionMode", processor.execution_mode, EXECUTION_MODES)
    _check_choice(place, "retryPolicy", config.retry_policy, RETRY_POLICIES)


def _check_choice(place: str, member: str, value: str, allowed: tuple[str, ...]) -> None:
    if value and value not in allowed:
        names = ", ".join(allowed)
        raise ValidationFailed(f"{place}: unknown {member} {quoted(value)} (allowed: {names}, or empty)")


def _check_length(subject: str, name: str) -> None:
    size = len(name.encode())
    if size > NAME_LIMIT_BYTES:
        raise ValidationFailed(f"{subject} name length {size} exceeds the {NAME_LIMIT_BYTES}-char limit")


# --- annotations ------------------------------------------------------------------------------------------------


def _check_all_annotations(workflow: Workflow) -> None:
    place = f"workflow {quoted(workflow.name)}"
    _check_annotations(f"{place}: annotations", workflow.annotations)
    _check_annotations(f"{place} criterionAnnotations: annotations", workflow.criterion_annotations)
    for name, state in workflow.states.items():
        state_place = f"{place} state {quoted(name)}"
        _check_annotations(f"{state_place}: annotations", state.annotations)
        for transition in state.transitions:
            _check_transition_annotations(f"{state_place} transition {quoted(transition.name)}", transition)


def _check_transition_annotations(place: str, transition: Transition) -> None:
    _check_annotations(f"{place}: annotations", transition.annotations)
    _check_annotations(f"{place} criterionAnnotations: annotations", transition.criterion_annotations)
    for processor in transition.processors:
        _check_annotations(f"{place} processor {quoted(processor.name)}: annotations", processor.annotations)


def _check_annotations(subject: str, annotations: Raw | UnsetType) -> None:
    if annotations is UNSET:
        return
    text = bytes(annotations)
    if not text.startswith(b"{"):
        raise ValidationFailed(f"{subject} must be a JSON object")
    if len(text) > ANNOTATIONS_LIMIT_BYTES:
        raise ValidationFailed(f"{subject} size {len(text)} bytes exceeds the {ANNOTATIONS_LIMIT_BYTES}-byte limit")
