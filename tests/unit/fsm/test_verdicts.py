"""What is explained of a criterion is what the engine would find (contract: engine 2.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda.errors import WorkflowFailed
from workflows.core.callout import Callout
from workflows.core.fsm.evaluation import judge_workflow
from workflows.core.fsm.run import Run
from workflows.core.fsm.verdicts import functions, judged, undecided

from .support import FIELDS, NO, YES, compiled, equals, function, group, new, terms, trail, workflow

LEAF = st.sampled_from(
    [
        equals("$.n", 1), equals("$.n", 2), equals("$.nowhere", 1),
        {"type": "simple", "jsonPath": "$.n", "operatorType": "IS_CHANGED"},
        {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": ""},
    ]
)  # fmt: skip


def branches(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    groups = st.builds(
        lambda operator, conditions: group(operator, *conditions),
        st.sampled_from(["AND", "OR", "AND", "OR", "XOR"]), st.lists(children, max_size=3),
    )  # fmt: skip
    return groups | st.builds(lambda check: function("f", check), children)


CRITERION = st.recursive(LEAF | st.just(function("f")), branches, max_leaves=6)


def engine_says(criterion: dict[str, Any], answers: Iterator[bool]) -> str:
    """The engine's verdict with these answers of members, in the words of an explanation."""
    (only,) = compiled(workflow({"A": {}}, criterion=criterion)).active
    assert only.criterion is not None
    rule = judge_workflow(Run(new({"n": 1}), trail(), terms(), ""), only, only.criterion)
    try:
        command = next(rule)
        while True:
            assert isinstance(command, Callout)
            command = rule.send(YES if next(answers) else NO)
    except StopIteration as done:
        return "MATCHES" if done.value.matches else "DOES_NOT_MATCH"
    except WorkflowFailed:
        return "CANNOT_BE_EVALUATED"


@given(CRITERION, st.lists(st.booleans(), min_size=20, max_size=20))
def test_a_verdict_that_needs_no_member_is_the_engines_whatever_members_answer(
    criterion: dict[str, Any], answers: list[bool]
) -> None:
    tree = judged(json.dumps(criterion).encode(), new({"n": 1}), FIELDS)
    if tree.verdict == "UNKNOWN":
        assert list(functions(tree))
    else:
        assert engine_says(criterion, iter(answers)) == tree.verdict
    assert bool(list(undecided(tree))) <= (tree.verdict != "MATCHES")


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"{", b'{"type":"sorcery"}'])
def test_what_is_no_condition_cannot_be_evaluated(text: bytes) -> None:
    tree = judged(text, new({"n": 1}), FIELDS)
    assert tree.verdict == "CANNOT_BE_EVALUATED"
    assert tree.note
