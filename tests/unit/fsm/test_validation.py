"""Every message of contract engine 1.5."""

from __future__ import annotations

from typing import Any

import pytest

from cyoda.errors import ValidationFailed
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.imports import imported

from .support import body, equals, function, group, state, texts, transition, workflow

LONG = "é" * 129  # 258 bytes
HERE = 'workflow "w" state "A" transition "t"'


def with_transition(**members: Any) -> dict[str, Any]:
    return workflow({"A": state({"name": "t", "next": "B", **members}), "B": {}})


def with_processor(**members: Any) -> dict[str, Any]:
    return with_transition(processors=[{"name": "p", **members}])


def with_schedule(**members: Any) -> dict[str, Any]:
    return with_transition(schedule=members)


def schedule_function(**members: Any) -> dict[str, Any]:
    return with_schedule(function={"name": "f", "resultKind": "Schedule", "calculationNodesTags": "x", **members})


def lifecycle(field: str, value: Any, operator: str = "EQUALS") -> dict[str, Any]:
    return {"type": "lifecycle", "field": field, "operatorType": operator, "value": value}


def pattern(value: str) -> dict[str, Any]:
    return {"type": "simple", "jsonPath": "$.a", "operatorType": "MATCHES_PATTERN", "value": value}


ASYNC = "is not supported on this backend (async/crossover semantics are not implemented)"
ONE_OF = "exactly one of schedule.delayMs or schedule.function is required"

CASES: list[tuple[dict[str, Any], str]] = [
    (workflow({"A": {}}, name=""), "workflow with empty name is not allowed"),
    (workflow({"A": {}}, name=LONG), "workflow name length 258 exceeds the 256-char limit"),
    (workflow({"A": {}}, initial=""), 'workflow "w": initialState must not be empty'),
    (workflow({"A": {}}, initial="S"), 'workflow "w": initialState "S" is not declared in states'),
    (workflow({"A": {}, "": {}}), 'workflow "w": empty state name is not allowed in the states map'),
    (workflow({"A": {}, LONG: {}}), 'workflow "w": state name length 258 exceeds the 256-char limit'),
    (workflow({"A": state(transition("", "A"))}), 'workflow "w" state "A": empty transition name is not allowed'),
    (
        workflow({"A": state(transition(LONG, "A"))}),
        'workflow "w" state "A": transition name length 258 exceeds the 256-char limit',
    ),
    (
        workflow({"A": state(transition("t", "B"), transition("t", "B")), "B": {}}),
        'workflow "w" state "A": duplicate transition name "t"',
    ),
    (with_transition(next="N"), f'{HERE}: next state "N" is not declared in states'),
    (
        with_transition(manual=True, schedule={"delayMs": 1}),
        f"{HERE}: manual and scheduled are mutually exclusive",
    ),
    (with_schedule(), f"{HERE}: {ONE_OF}"),
    (with_schedule(delayMs=0), f"{HERE}: {ONE_OF}"),
    (with_schedule(delayMs=-5), f"{HERE}: {ONE_OF}"),
    (with_schedule(delayMs=1, function={"name": "f"}), f"{HERE}: {ONE_OF}"),
    (
        schedule_function(resultKind="x"),
        f'{HERE}: schedule.function.resultKind must be "Schedule" (got "x")',
    ),
    (schedule_function(name=""), f"{HERE}: schedule.function requires name and calculationNodesTags"),
    (
        schedule_function(calculationNodesTags=""),
        f"{HERE}: schedule.function requires name and calculationNodesTags",
    ),
    (with_processor(name=""), f"{HERE}: empty processor name is not allowed"),
    (with_processor(name=LONG), f"{HERE}: processor name length 258 exceeds the 256-char limit"),
    (with_processor(config={"asyncResult": True}), f'{HERE} processor "p": asyncResult=true {ASYNC}'),
    (with_processor(config={"crossoverToAsyncMs": 0}), f'{HERE} processor "p": crossoverToAsyncMs {ASYNC}'),
    (
        with_processor(executionMode="sync"),
        (
            f'{HERE} processor "p": unknown executionMode "sync" '
            "(allowed: SYNC, ASYNC_SAME_TX, ASYNC_NEW_TX, COMMIT_BEFORE_DISPATCH, or empty)"
        ),
    ),
    (
        with_processor(config={"retryPolicy": "x"}),
        f'{HERE} processor "p": unknown retryPolicy "x" (allowed: NONE, FIXED, or empty)',
    ),
    (
        with_processor(executionMode="SYNC", config={"startNewTxOnDispatch": True}),
        (
            'workflow "w" transition "t" processor "p": startNewTxOnDispatch=true is only valid with '
            'executionMode=COMMIT_BEFORE_DISPATCH (got "SYNC")'
        ),
    ),
    (
        workflow({"B": state(transition("x", "A")), "A": state(transition("y", "B"))}),
        'workflow "w": infinite loop detected: A -> B -> A via unguarded automated transitions',
    ),
    (
        workflow({"A": state(transition("x", "A", criterion=None))}),
        'workflow "w": infinite loop detected: A -> A via unguarded automated transitions',
    ),
    (
        workflow({"A": state(transition("x", "A", schedule={"delayMs": 1}))}),
        'workflow "w": infinite loop detected: A -> A via unguarded automated transitions',
    ),
    (with_transition(criterion=pattern("(")), f'{HERE}: invalid MATCHES_PATTERN regex "(": '),
    (
        with_transition(criterion=group("AND", equals("$.a", 1), pattern("["))),
        f'{HERE}: invalid MATCHES_PATTERN regex "[": ',
    ),
    (workflow({"A": {}}, criterion=pattern("(")), 'workflow "w": invalid MATCHES_PATTERN regex "(": '),
    (
        with_transition(criterion=function("f", pattern("("))),
        f'{HERE}: invalid MATCHES_PATTERN regex "(": ',
    ),
    (
        with_transition(criterion=lifecycle("f", 1)),
        f'{HERE}: unknown meta filter field "f": invalid field path',
    ),
    (
        with_transition(criterion=lifecycle("creationDate", "soon")),
        f'{HERE}: operand[0] soon parses into no temporal type for field "creationDate": condition type mismatch',
    ),
    (
        with_transition(criterion=lifecycle("creationDate", ["2024", "x"], "BETWEEN")),
        f'{HERE}: operand[1] x parses into no temporal type for field "creationDate": condition type mismatch',
    ),
    (workflow({"A": {}}, annotations=[]), 'workflow "w": annotations must be a JSON object'),
    (
        workflow({"A": {}}, criterionAnnotations=1),
        'workflow "w" criterionAnnotations: annotations must be a JSON object',
    ),
    (workflow({"A": {"annotations": "x"}}), 'workflow "w" state "A": annotations must be a JSON object'),
    (with_transition(annotations=[1]), f"{HERE}: annotations must be a JSON object"),
    (
        with_transition(criterionAnnotations=[1]),
        f"{HERE} criterionAnnotations: annotations must be a JSON object",
    ),
    (with_processor(annotations=True), f'{HERE} processor "p": annotations must be a JSON object'),
    (
        workflow({"A": {}}, annotations={"k": "x" * 65_529}),
        'workflow "w": annotations size 65537 bytes exceeds the 65536-byte limit',
    ),
]


@pytest.mark.parametrize(("document", "message"), CASES, ids=[message[:60] for _, message in CASES])
def test_a_faulty_definition_is_refused_with_its_message(document: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        texts(document)
    assert caught.value.message.startswith(message)


def test_names_are_unique_in_a_request() -> None:
    with pytest.raises(ValidationFailed, match='duplicate workflow name "w" in request'):
        texts(workflow({"A": {}}), workflow({"B": {}}, initial="B"))


@pytest.mark.parametrize(
    "criterion",
    [
        {}, {"type": "unknown"}, {"type": "simple", "jsonPath": "$.a", "operatorType": "IS_CHANGED"}, [], 7,
        group("AND", function("f")), group("NOT", equals("$.a", 1)),
    ],
)  # fmt: skip
def test_criteria_that_cannot_be_evaluated_import_all_the_same(criterion: Any) -> None:
    assert texts(with_transition(criterion=criterion))


def test_names_of_exactly_256_bytes_and_annotations_of_exactly_65536_are_accepted() -> None:
    assert texts(workflow({"A": {}}, name="é" * 128, annotations={"k": "x" * 65_528}))


def test_guarded_manual_and_disabled_loops_are_no_cycles() -> None:
    loops: list[dict[str, Any]] = [{"manual": True}, {"disabled": True}, {"criterion": equals("$.a", 1)}]
    for members in loops:
        assert texts(workflow({"A": state(transition("x", "A", **members))}))


def test_cycles_are_accepted_when_the_request_says_so() -> None:
    assert texts(workflow({"A": state(transition("x", "A"))}), allowCycles=True)


def test_a_stored_cycle_blocks_later_imports_that_keep_it() -> None:
    before = texts(workflow({"A": state(transition("x", "A"))}, name="loop", active=False), allowCycles=True)
    other = workflow({"A": {}}, name="other")
    with pytest.raises(ValidationFailed, match='workflow "loop": infinite loop detected: A -> A'):
        imported(decode_import(body(other)), before)
    assert len(imported(decode_import(body(other, allowCycles=True)), before)) == 2
    assert len(imported(decode_import(body(other, importMode="REPLACE")), before)) == 1


def test_a_chain_of_ten_thousand_states_is_judged_without_deep_recursion() -> None:
    states: dict[str, Any] = {f"S{i}": state(transition("t", f"S{i + 1}")) for i in range(10_000)}
    assert texts(workflow({**states, "S10000": {}}, initial="S0"))


def test_structure_is_judged_before_annotations() -> None:
    first = workflow({"A": {}}, name="first", annotations=[])
    with pytest.raises(ValidationFailed, match="initialState must not be empty"):
        texts(first, workflow({"A": {}}, initial="", name="second"))
