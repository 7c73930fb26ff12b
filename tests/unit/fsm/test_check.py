"""What an editor is told about a draft: the faults of an import, all of them, and what is probably not meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cyoda.errors import CyodaError
from workflows.core.fsm.check import Checked, check
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.imports import imported
from workflows.core.schema.types import DataType, TypeSet

from .support import body, function, group, state, transition, workflow
from .test_validation import CASES, pattern

FIELDS = {"$.a": TypeSet(DataType.STRING), "$.n": TypeSet(DataType.INTEGER)}


def checked(*workflows: dict[str, Any], stored: tuple[bytes, ...] = (), members: int = 1, **request: Any) -> Checked:
    return check(
        body(*workflows, **request), stored, strict_versions=False, fields=FIELDS, members_of=lambda _: members
    )


def automatic(**members: Any) -> dict[str, Any]:
    return workflow({"A": state({"name": "t", "next": "B", **members}), "B": {}})


@pytest.mark.parametrize(("document", "message"), CASES, ids=range(len(CASES)))
def test_every_refusal_of_an_import_is_an_error_that_points_into_the_document(
    document: dict[str, Any], message: str
) -> None:
    result = checked(document)
    errors = [issue for issue in result.issues if issue.severity == "ERROR"]
    assert result.workflows is None
    assert message in errors[0].message
    found: Any = {"workflows": [document]}
    for segment in errors[0].pointer.split("/")[1:-1]:
        name = segment.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else found[int(name)]
        assert found is not None or name == "schedule", errors[0].pointer


def test_all_faults_are_told_at_once() -> None:
    result = checked(workflow({"A": state(transition("", "X"), transition("t", "Y"))}, initial="Z"))
    assert [issue.pointer for issue in result.issues if issue.severity == "ERROR"] == [
        "/workflows/0/initialState",
        "/workflows/0/states/A/transitions/0/name",
        "/workflows/0/states/A/transitions/0/next",
        "/workflows/0/states/A/transitions/1/next",
    ]


def test_what_has_not_the_shape_is_pointed_at() -> None:
    bad = workflow({"A/B": {"transitions": [{"name": 1, "next": "C"}, {"name": "x", "nxt": "C"}]}, "C": []})
    assert [(issue.pointer, issue.code) for issue in checked(bad).issues] == [
        ("/workflows/0/states/A~1B/transitions/0/name", "TYPE"),
        ("/workflows/0/states/A~1B/transitions/1/nxt", "UNKNOWN_FIELD"),
        ("/workflows/0/states/C", "TYPE"),
    ]
    broken = check(b'{"workflows": [', (), strict_versions=False, fields=FIELDS, members_of=lambda _: 1)
    assert [(issue.pointer, issue.code) for issue in broken.issues] == [("", "JSON")]
    assert checked({**workflow({"A": {}}), "version": "9.0"}).issues[0].pointer == "/workflows/0/version"


HINTS: list[tuple[dict[str, Any], str, str]] = [
    (workflow({"A": state(transition("t", "A", manual=True)), "B": {}}), "UNREACHABLE_STATE", "/states/B"),
    (automatic(manual=True), "TERMINAL", "/states/B"),
    (automatic(manual=True), "ALL_MANUAL", "/states/A"),
    (
        workflow({"A": state(*(transition(f"t{n}", "B", manual=True) for n in range(9))), "B": {}}),
        "FAN_OUT",
        "/states/A",
    ),
    (automatic(disabled=True), "DISABLED", "/states/A/transitions/0/disabled"),
    (
        workflow({"A": state(transition("t", "B"), transition("u", "B")), "B": {}}),
        "NEVER_TAKEN",
        "/states/A/transitions/1",
    ),
    (
        automatic(processors=[{"name": f"p{n}"} for n in range(6)]),
        "MANY_PROCESSORS",
        "/states/A/transitions/0/processors",
    ),
    (
        automatic(processors=[{"name": "p"}, {"name": "p"}]),
        "DUPLICATE_PROCESSOR",
        "/states/A/transitions/0/processors/0/name",
    ),
    (automatic(processors=[{"name": "p"}]), "SYNC_AUTOMATIC", "/states/A/transitions/0/processors/0/executionMode"),
    (
        automatic(processors=[{"name": "p", "type": "internalized"}]),
        "INTERNALIZED",
        "/states/A/transitions/0/processors/0/type",
    ),
    (
        automatic(processors=[{"name": "p", "config": {"calculationNodesTags": "gpu"}}]),
        "TAG_WITHOUT_MEMBER",
        "/states/A/transitions/0/processors/0/config/calculationNodesTags",
    ),
    (automatic(criterion=function("f")), "NO_QUICK_EXIT", "/states/A/transitions/0/criterion/function/criterion"),
    (automatic(criterion=pattern("abc")), "PATTERN_IS_WHOLE", "/states/A/transitions/0/criterion/value"),
    (
        automatic(criterion=group("AND", {"type": "simple", "jsonPath": "$.z", "operatorType": "IS_NULL"})),
        "FIELD",
        "/states/A/transitions/0/criterion/conditions/0/jsonPath",
    ),
    (
        automatic(criterion={"type": "simple", "jsonPath": "$.n", "operatorType": "BETWEEN", "value": 1}),
        "OPERATOR",
        "/states/A/transitions/0/criterion/operatorType",
    ),
    (automatic(criterion=group("AND")), "EMPTY_GROUP", "/states/A/transitions/0/criterion/conditions"),
    (automatic(criterion={"type": "odd"}), "CRITERION", "/states/A/transitions/0/criterion"),
]


@pytest.mark.parametrize(("document", "code", "pointer"), HINTS, ids=[code for _, code, _ in HINTS])
def test_what_is_probably_not_meant_is_told_and_imported_all_the_same(
    document: dict[str, Any], code: str, pointer: str
) -> None:
    result = checked(document, members=0)
    assert f"/workflows/0{pointer}" in [issue.pointer for issue in result.issues if issue.code == code]
    assert result.workflows == imported(decode_import(body(document)), ())


def test_a_workflow_that_another_one_hides_is_told_about() -> None:
    stored = imported(decode_import(body(automatic() | {"name": "first"})), ())
    result = checked(automatic(), stored=stored, importMode="MERGE")
    assert [issue.pointer for issue in result.issues if issue.code == "NEVER_CHOSEN"] == ["/workflows/0/criterion"]
    assert result.workflows is not None
    assert [json.loads(text)["name"] for text in result.workflows] == ["first", "w"]
    alone = checked(automatic(), stored=stored, importMode="REPLACE")
    assert "NEVER_CHOSEN" not in [issue.code for issue in alone.issues]


def test_a_mode_that_is_none_is_a_bad_request() -> None:
    with pytest.raises(CyodaError, match="unknown importMode"):
        checked(automatic(), importMode="X")
