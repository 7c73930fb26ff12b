"""Why an entity is where it is, and what would make it move: nothing is called, nothing is written.

The workflow is the one that an update would use (contract: engine 2.1); a transition's verdict is its guard's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from cyoda.clock import utc_text
from cyoda.jsonio import Json
from workflows.core.audit import AuditRecord, Event, EventType
from workflows.core.entity import Version
from workflows.core.predicates.paths import FieldTypes
from workflows.core.timer import Timer

from .default import DEFAULT_WORKFLOW
from .document import Transition, Workflow, criterion_text, quoted, stored_workflow
from .verdicts import Tree, functions, judged, undecided

MembersOf = Callable[[str], int]
"""How many connected members match a comma separated tag requirement now."""

Kind = Literal["AUTOMATIC", "MANUAL", "SCHEDULED"]


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    pass


class Need(_Answer, frozen=True, kw_only=True):
    """Work that a calculation member would do; `members` of them match `tags` now."""

    kind: Literal["PROCESSOR", "CRITERION", "SCHEDULE"]
    name: str
    tags: str
    members: int
    execution_mode: str = ""


class ArmedTimer(_Answer, frozen=True, kw_only=True):
    """Without `timeoutMs` it fires however late; `isDue` once its moment has come."""

    due_at: str
    armed_at: str
    is_due: bool
    timeout_ms: int | UnsetType = UNSET


class Happened(_Answer, frozen=True, kw_only=True):
    """An event of the audit trail that tells of a failure or of a guard that was false."""

    type: str
    at: str
    details: str
    transaction_id: UUID
    reason: str = ""


class TransitionExplained(_Answer, frozen=True, kw_only=True):
    """`next` is the state it leads to; `move` says in words what would make it happen."""

    name: str
    next: str
    kind: Kind
    disabled: bool
    needs: tuple[Need, ...]
    move: str
    criterion: Tree | UnsetType = UNSET
    timer: ArmedTimer | UnsetType = UNSET
    last_refusal: Happened | UnsetType = UNSET


class Explanation(_Answer, frozen=True, kw_only=True):
    """`workflow` is left out when no active workflow has the state."""

    entity_id: UUID
    state: str
    summary: str
    transitions: tuple[TransitionExplained, ...]
    workflow: str | UnsetType = UNSET
    last_error: Happened | UnsetType = UNSET


def explain(
    entity: Version,
    workflows: Sequence[bytes],
    *,
    fields: FieldTypes,
    timers: Iterable[Timer],
    trail: Iterable[AuditRecord],
    members_of: MembersOf,
    now: datetime,
) -> Explanation:
    """Explain an entity at rest; `workflows` are the model's stored texts, `trail` its audit records, oldest first."""
    workflow = _applicable(entity.state, workflows)
    records = list(trail)
    last_error = _last_error(records)
    if workflow is None:
        summary = f"no active workflow has the state {quoted(entity.state)}: updates keep it where it is"
        return Explanation(
            entity_id=entity.entity_id, state=entity.state, summary=summary, transitions=(), last_error=last_error
        )
    armed = {timer.transition: timer for timer in timers if timer.source_state == entity.state}
    refusals = _refusals(records, entity.state)
    explained = tuple(
        _transition(transition, entity, fields, armed.get(transition.name), refusals, members_of, now)
        for transition in workflow.states[entity.state].transitions
    )
    return Explanation(
        entity_id=entity.entity_id, state=entity.state, workflow=workflow.name, transitions=explained,
        summary=_summary(entity.state, explained), last_error=last_error,
    )  # fmt: skip


def _applicable(state: str, texts: Sequence[bytes]) -> Workflow | None:
    documents = [stored_workflow(text) for text in texts] or [DEFAULT_WORKFLOW]
    return next((workflow for workflow in documents if workflow.active and state in workflow.states), None)


def _transition(
    transition: Transition, entity: Version, fields: FieldTypes, timer: Timer | None,
    refusals: Mapping[str, Happened], members_of: MembersOf, now: datetime,
) -> TransitionExplained:  # fmt: skip
    text = criterion_text(transition.criterion)
    tree = None if text is None else judged(text, entity, fields)
    kind: Kind = "SCHEDULED" if transition.schedule is not UNSET else "MANUAL" if transition.manual else "AUTOMATIC"
    needs = tuple(_needs(transition, tree, members_of))
    return TransitionExplained(
        name=transition.name,
        next=transition.next,
        kind=kind,
        disabled=transition.disabled,
        criterion=UNSET if tree is None else tree,
        needs=needs,
        timer=UNSET if timer is None else _armed(timer, now),
        last_refusal=refusals.get(transition.name, UNSET),
        move=_move(transition, kind, tree, timer, needs),
    )


def _needs(transition: Transition, tree: Tree | None, members_of: MembersOf) -> Iterable[Need]:
    for function in functions(tree) if tree is not None else ():
        tags = function.tags or ""
        yield Need(kind="CRITERION", name=function.name, tags=tags, members=members_of(tags))
    for processor in transition.processors:
        tags = processor.config.calculation_nodes_tags
        yield Need(
            kind="PROCESSOR", name=processor.name, tags=tags, members=members_of(tags),
            execution_mode=processor.execution_mode or "SYNC",
        )  # fmt: skip
    if transition.schedule is not UNSET and transition.schedule.function is not UNSET:
        function = transition.schedule.function
        tags = function.calculation_nodes_tags
        yield Need(kind="SCHEDULE", name=function.name, tags=tags, members=members_of(tags))


def _armed(timer: Timer, now: datetime) -> ArmedTimer:
    return ArmedTimer(
        due_at=utc_text(timer.due_at), armed_at=utc_text(timer.armed_at), is_due=timer.due_at <= now,
        timeout_ms=UNSET if timer.timeout_ms is None else timer.timeout_ms,
    )  # fmt: skip


# --- the audit trail ------------------------------------------------------------------------------------------------


def _last_error(records: Iterable[AuditRecord]) -> Happened | UnsetType:
    last: Happened | UnsetType = UNSET
    for record in records:
        for event in record.events:
            if _is_error(event):
                last = _happened(event, record)
    return last


def _is_error(event: Event) -> bool:
    """Of what is kept: a failure that rolled its transaction back left no event."""
    if event.type is EventType.STATE_PROCESS_RESULT:
        return _data(event).get("success") is False
    return event.type in (
        EventType.CANCEL, EventType.TRANSITION_ABORTED, EventType.SCHEDULED_TRANSITION_EXPIRE,
    )  # fmt: skip


def _refusals(records: Iterable[AuditRecord], state: str) -> dict[str, Happened]:
    """By transition of the state, the latest time its guard was false."""
    latest: dict[str, Happened] = {}
    for record in records:
        for event in record.events:
            if event.type is EventType.TRANSITION_NOT_MATCH_CRITERION and event.state == state:
                latest[str(_data(event).get("transition"))] = _happened(event, record)
    return latest


def _happened(event: Event, record: AuditRecord) -> Happened:
    reason = _data(event).get("reason")
    return Happened(
        type=event.type, at=utc_text(event.at), details=event.details, transaction_id=record.transaction_id,
        reason=reason if isinstance(reason, str) else "",
    )  # fmt: skip


def _data(event: Event) -> Mapping[str, Json]:
    data: Json = event.data
    return cast("dict[str, Json]", data) if isinstance(data, dict) else {}


# --- in words -------------------------------------------------------------------------------------------------------

_WHEN: dict[Kind, str] = {
    "AUTOMATIC": "taken at the next update",
    "MANUAL": "taken when a client names it",
    "SCHEDULED": "taken when its timer fires",
}


def _move(
    transition: Transition, kind: Kind, tree: Tree | None, timer: Timer | None, needs: Sequence[Need]
) -> str:  # fmt: skip
    if transition.disabled and timer is None:
        return "never while it is disabled: import the workflow with it enabled"
    when = _WHEN[kind]
    if kind == "SCHEDULED":
        unarmed = "armed at the next update of the entity; taken when that timer fires"
        when = unarmed if timer is None else f"taken when its timer fires at {utc_text(timer.due_at)}"
    conditions = [*_guard(tree), *_absent(needs)]
    return when if not conditions else f"{when}, once {' and '.join(conditions)}"


def _guard(tree: Tree | None) -> Iterable[str]:
    """What must become true; every leaf that stands in the way is named."""
    if tree is None or tree.verdict == "MATCHES":
        return ()
    if tree.verdict == "CANNOT_BE_EVALUATED":
        return ("its criterion can be evaluated (until then every attempt fails)",)
    joint = " or " if tree.operator == "OR" and tree.type == "group" else " and "
    return (joint.join(dict.fromkeys(_wish(leaf) for leaf in undecided(tree))) or "its criterion matches",)


def _wish(leaf: Tree) -> str:
    if leaf.type == "function":
        return f"the function {quoted(leaf.name)} says that it matches"
    return " ".join(word for word in (leaf.path, leaf.operator or leaf.type, _shown(leaf)) if word)


def _shown(leaf: Tree) -> str:
    if leaf.operand is UNSET or leaf.operand is None:
        return ""
    return bytes(msgspec.json.encode(leaf.operand)).decode()


def _absent(needs: Sequence[Need]) -> Iterable[str]:
    wanted = {need.tags: None for need in needs if not need.members}
    for tags in wanted:
        yield f"a member with one of the tags {quoted(tags)} is connected" if tags else "a member is connected"


def _summary(state: str, transitions: Sequence[TransitionExplained]) -> str:
    if not transitions:
        return f"{quoted(state)} is a terminal state: nothing leads out of it"
    moves = "; ".join(f"{quoted(transition.name)}: {transition.move}" for transition in transitions)
    return f"in {quoted(state)}. {moves}"
