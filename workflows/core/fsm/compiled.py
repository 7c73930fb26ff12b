"""A model's workflows ready to run: built once per configuration epoch, shared by all runs (contract: engine 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET

from workflows.core.callout import DEFAULT_TIMEOUT_MS
from workflows.core.predicates.paths import FieldTypes

from .criteria import Criterion, compile_criterion
from .default import DEFAULT_WORKFLOW
from .document import (
    Processor,
    Schedule,
    State,
    Transition,
    Workflow,
    criterion_text,
    quoted,
    stored_workflow,
)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledTransition:
    """`made` and `paused` are the audit details of taking it and of waiting for its processors."""

    name: str
    next: str
    is_disabled: bool
    criterion: Criterion | None
    processors: tuple[Processor, ...]
    schedule: Schedule | None
    made: str
    paused: str


@dataclass(frozen=True, slots=True, eq=False)
class CompiledState:
    """`automated` are the candidates of the cascade, `scheduled` those that arm a timer, in declaration order."""

    transitions: dict[str, CompiledTransition]
    automated: tuple[CompiledTransition, ...]
    scheduled: tuple[CompiledTransition, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CompiledWorkflow:
    name: str
    is_active: bool
    initial_state: str
    criterion: Criterion | None
    states: dict[str, CompiledState]
    has_schedule: bool


@dataclass(frozen=True, slots=True, eq=False)
class CompiledWorkflows:
    """`active` in stored order; `by_state` is the first active workflow that declares a state.

    `is_imported` tells whether the model has any workflow at all, active or not.
    """

    is_imported: bool
    active: tuple[CompiledWorkflow, ...]
    by_state: dict[str, CompiledWorkflow]

    def with_state(self, state: str) -> CompiledWorkflow | None:
        """The workflow for an existing entity: the default one only when none is imported (contract: engine 2.1)."""
        return self.by_state.get(state) if self.is_imported else DEFAULT


def compile_workflows(texts: Sequence[bytes], fields: FieldTypes) -> CompiledWorkflows:
    """`texts` are stored workflows in stored order, `fields` the model's declared types by flat path."""
    workflows = [_workflow(stored_workflow(text), fields) for text in texts]
    active = tuple(workflow for workflow in workflows if workflow.is_active)
    by_state: dict[str, CompiledWorkflow] = {}
    for workflow in active:
        for state in workflow.states:
            by_state.setdefault(state, workflow)
    return CompiledWorkflows(bool(workflows), active, by_state)


def timeout_ms(configured: int) -> int:
    """Zero and negative time-outs mean the default (contract: engine 1.3)."""
    return configured if configured > 0 else DEFAULT_TIMEOUT_MS


def _workflow(document: Workflow, fields: FieldTypes) -> CompiledWorkflow:
    states = {name: _state(name, state, fields) for name, state in document.states.items()}
    return CompiledWorkflow(
        name=document.name,
        is_active=document.active,
        initial_state=document.initial_state,
        criterion=compile_criterion(criterion_text(document.criterion), fields),
        states=states,
        has_schedule=any(t.schedule is not UNSET for state in document.states.values() for t in state.transitions),
    )


def _state(name: str, document: State, fields: FieldTypes) -> CompiledState:
    compiled = [(t, _transition(name, t, fields)) for t in document.transitions]
    enabled = [(t, c) for t, c in compiled if not t.disabled and not t.manual]
    return CompiledState(
        transitions={c.name: c for _, c in compiled},
        automated=tuple(c for _, c in enabled if c.schedule is None),
        scheduled=tuple(c for _, c in enabled if c.schedule is not None),
    )


def _transition(state: str, document: Transition, fields: FieldTypes) -> CompiledTransition:
    names = " ".join(processor.name for processor in document.processors)
    return CompiledTransition(
        name=document.name,
        next=document.next,
        is_disabled=document.disabled,
        criterion=compile_criterion(criterion_text(document.criterion), fields),
        processors=document.processors,
        schedule=None if document.schedule is UNSET else document.schedule,
        made=f"Transition {quoted(document.name)}: {state} → {document.next}",
        paused=f"Paused for processors: [{names}]",
    )


DEFAULT = _workflow(DEFAULT_WORKFLOW, {})
