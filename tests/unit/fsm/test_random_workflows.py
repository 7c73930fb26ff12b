"""Whatever the workflow and whatever members answer: a defined state that the audit explains, or a typed refusal."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid1

from hypothesis import given, settings
from hypothesis import strategies as st

from cyoda.errors import Conflict, CyodaError, DispatchTimeout, NoComputeMemberForTag
from workflows.core.audit import Event
from workflows.core.callout import Callout, CalloutAnswer, CalloutFailed
from workflows.core.entity import Document
from workflows.core.fsm.commands import Command, ReadTimers, Resume, Savepoint, Segment, Step
from workflows.core.fsm.compiled import DEFAULT
from workflows.core.fsm.operations import create, fire_named, loopback
from workflows.core.fsm.run import Settled

from .support import (
    compiled,
    equals,
    existing,
    function,
    group,
    new,
    processor,
    state,
    terms,
    trail,
    transition,
    workflow,
)  # fmt: skip

STATES = ["A", "B", "C", "D"]
MODES = ["", "SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX", "COMMIT_BEFORE_DISPATCH"]
values = st.integers(0, 2)

leaf_criteria = st.one_of(
    values.map(lambda n: equals("$.n", n)),
    st.builds(function, st.sampled_from(["f", "g"]), st.none() | values.map(lambda n: equals("$.n", n))),
    st.sampled_from(
        [{}, {"type": "x"}, equals("$.tags", 1), {"type": "simple", "jsonPath": "$.n", "operatorType": "?"}]
    ),
    st.sampled_from(STATES).map(
        lambda s: {"type": "lifecycle", "field": "state", "operatorType": "NOT_EQUAL", "value": s}
    ),
)
criteria = st.recursive(
    leaf_criteria,
    lambda inner: st.builds(
        lambda op, children: group(op, *children), st.sampled_from(["AND", "OR", "NOT"]), st.lists(inner, max_size=3)
    ),
    max_leaves=4,
)
schedules = st.sampled_from(
    [
        {"delayMs": 10},
        {"delayMs": 10, "timeoutMs": 0},
        {"function": {"name": "s", "resultKind": "Schedule", "calculationNodesTags": "x"}},
    ]
)


@st.composite
def transitions(draw: st.DrawFn, name: str) -> dict[str, Any]:
    members: dict[str, Any] = {}
    kind = draw(st.sampled_from(["automated", "automated", "manual", "scheduled", "disabled"]))
    if kind == "manual":
        members["manual"] = True
    elif kind == "scheduled":
        members["schedule"] = draw(schedules)
    elif kind == "disabled":
        members["disabled"] = True
    if draw(st.booleans()):
        members["criterion"] = draw(criteria)
    members["processors"] = [
        processor(f"p{i}", mode) for i, mode in enumerate(draw(st.lists(st.sampled_from(MODES), max_size=2)))
    ]
    return transition(name, draw(st.sampled_from(STATES)), **members)


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    states = {name: state(*(draw(transitions(f"t{i}")) for i in range(draw(st.integers(0, 3))))) for name in STATES}
    members = {"criterion": draw(criteria)} if draw(st.booleans()) else {}
    return workflow(
        states, initial=draw(st.sampled_from(STATES)), active=draw(st.sampled_from([True, True, False])), **members
    )


def answer_to(command: Command, draw: st.DrawFn) -> Any:
    match command:
        case Callout(kind="criteria"):
            choices: list[Any] = [CalloutAnswer(matches=True), CalloutAnswer(matches=False, reason="no")]
        case Callout(kind="function"):
            choices = [
                CalloutAnswer(result_kind="Schedule", result={"fireAfterMs": 5}),
                CalloutAnswer(result_kind="Schedule", result={"fireAfterMs": 5, "expireAfterMs": 0}),
                CalloutAnswer(result_kind="", result=7),
            ]
        case Callout():
            choices = [CalloutAnswer(), *(CalloutAnswer(document=Document.from_value({"n": n})) for n in range(3))]
        case Segment() | Resume():
            return draw(st.sampled_from([uuid1(), uuid1(), Conflict()]))
        case Savepoint():
            return "mark"
        case ReadTimers():
            return []
        case _:
            return None
    failures = [CalloutFailed("processor dispatch failed: x"), NoComputeMemberForTag("none"), DispatchTimeout("late")]
    return draw(st.sampled_from(choices * 4 + failures))


def played(step: Step[Settled], draw: st.DrawFn) -> tuple[Settled | CyodaError, list[Event]]:
    committed: list[Event] = []
    try:
        command = step.send(None)
        while True:
            if isinstance(command, Segment):
                committed.extend(command.events)
            answer = answer_to(command, draw)
            command = step.throw(answer) if isinstance(answer, Exception) else step.send(answer)
    except StopIteration as done:
        return done.value, committed
    except CyodaError as error:
        return error, committed


def explained_state(start: str, events: list[Event]) -> str:
    """The state that the recorded transitions lead to; each must begin where the one before ended."""
    current = start
    for event in events:
        if event.type == "TRANSITION_MAKE":
            found = re.fullmatch(r'Transition "\w+": (\w+) → (\w+)', event.details)
            assert found is not None
            assert found[1] == event.state == current
            current = found[2]
        elif event.type not in (
            "SCHEDULED_TRANSITION_CANCEL",
            "STATE_MACHINE_START",
            "WORKFLOW_FOUND",
            "WORKFLOW_SKIP",
        ):
            assert event.state == current
    return current


@settings(max_examples=300, deadline=None)
@given(
    st.data(),
    st.lists(workflows(), max_size=2, unique_by=lambda w: w["name"]),
    st.sampled_from(["create", "fire", "loopback"]),
)
def test_a_run_ends_in_a_defined_state_that_its_audit_explains(
    data: st.DataObject, documents: list[dict[str, Any]], entry: str
) -> None:
    compiled_workflows, kept, start = compiled(*documents), trail(), ""
    if entry == "create":
        rule = create(new({"n": data.draw(values)}), compiled_workflows, kept, terms(3))
    else:
        start = data.draw(st.sampled_from([*STATES, "CREATED", "LOST"]))
        subject = existing(start, {"n": data.draw(values)})
        if entry == "fire":
            name = data.draw(st.sampled_from(["t0", "t1", "UPDATE"]))
            rule = fire_named(subject, name, compiled_workflows, kept, terms(3))
        else:
            rule = loopback(subject, compiled_workflows, kept, terms(3))
    outcome, committed = played(rule, data.draw)
    events = committed + (list(outcome.events) if isinstance(outcome, Settled) else kept.events)
    if entry == "create":
        chosen = [e for e in events if e.type == "WORKFLOW_FOUND"]
        if chosen:
            is_default = "default" in chosen[0].details
            start = DEFAULT.initial_state if is_default else documents[0]["initialState"]
    final = explained_state(start, events)
    assert events[0].type == "STATE_MACHINE_START"
    if isinstance(outcome, Settled):
        assert outcome.state == final
        assert final in {*STATES, *DEFAULT.states, "LOST"}
        assert events[-1].type == "STATE_MACHINE_FINISH"
        assert all(timer.source_state == final for timer in outcome.arm)
        assert not {timer.id for timer in outcome.arm} & set(outcome.disarm)
    else:
        assert not [e for e in events if e.type == "STATE_MACHINE_FINISH"]
