"""The normalised document: what export emits, byte-stable over a round trip (contract: engine 1.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cyoda.errors import WorkflowNotFound
from workflows.core.entity import ModelKey
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.document import stored_text, stored_workflow
from workflows.core.fsm.export import exported
from workflows.core.fsm.imports import imported

from .support import body, processor, state, texts, transition, workflow

KEY = ModelKey("parcel", 1)


def exported_workflow(document: dict[str, Any]) -> dict[str, Any]:
    return json.loads(exported(KEY, texts(document)))["workflows"][0]


def test_a_minimal_import_exports_as_the_contract_shows() -> None:
    minimal = workflow(
        {
            "NEW": state(transition("go", "DONE", processors=[processor("p1")])),
            "DONE": {},
        },
        initial="NEW", name="parcel-std",
    )  # fmt: skip
    assert exported(KEY, texts(minimal)) == (
        b'{"entityName":"parcel","modelVersion":1,"workflows":['
        b'{"version":"1.3","name":"parcel-std","initialState":"NEW","active":true,'
        b'"states":{"NEW":{"transitions":[{"name":"go","next":"DONE","manual":false,'
        b'"processors":[{"type":"externalized","name":"p1","executionMode":"SYNC","config":{"attachEntity":true}}]}]},'
        b'"DONE":{}}}]}'
    )


def test_zero_values_are_left_out_and_mandatory_members_stay() -> None:
    document = workflow(
        {
            "A": {"transitions": [], "annotations": None},
            "B": state(transition("t", "A", disabled=False, processors=[{"name": "p"}, {"name": "q", "config": None}])),
        },
        desc="",
        annotations=None,
    )
    got = exported_workflow(document)
    empty = {"type": "", "config": {"attachEntity": True}}
    assert got == {
        "version": "1.3", "name": "w", "initialState": "A", "active": True,
        "states": {
            "A": {},
            "B": {"transitions": [
                {"name": "t", "next": "A", "manual": False,
                 "processors": [{**empty, "name": "p"}, {**empty, "name": "q"}]}
            ]},
        },
    }  # fmt: skip


def test_attach_entity_false_is_emitted_so_that_a_round_trip_keeps_it() -> None:
    document = workflow(
        {"A": state(transition("t", "A", manual=True, processors=[processor("p", attachEntity=False)]))}
    )
    config = exported_workflow(document)["states"]["A"]["transitions"][0]["processors"][0]["config"]
    assert config == {"attachEntity": False}


def test_flags_appear_exactly_when_they_were_given() -> None:
    given = {"asyncResult": False, "startNewTxOnDispatch": False, "crossoverToAsyncMs": None, "responseTimeoutMs": -1}
    document = workflow({"A": state(transition("t", "A", manual=True, processors=[processor("p", **given)]))})
    config = exported_workflow(document)["states"]["A"]["transitions"][0]["processors"][0]["config"]
    assert config == {
        "attachEntity": True, "responseTimeoutMs": -1, "startNewTxOnDispatch": False, "asyncResult": False,
    }  # fmt: skip


@pytest.mark.parametrize("document_active", [None, True])
def test_active_is_always_emitted(document_active: bool | None) -> None:
    assert exported_workflow(workflow({"A": {}}, active=document_active))["active"] is True


def test_schedules_keep_an_explicit_zero_timeout() -> None:
    schedules = [
        ({"delayMs": 5, "timeoutMs": 0}, {"delayMs": 5, "timeoutMs": 0}),
        ({"delayMs": 5, "timeoutMs": None}, {"delayMs": 5}),
        (
            {"function": {"name": "f", "resultKind": "Schedule", "calculationNodesTags": "x", "attachEntity": False}},
            {
                "delayMs": 0,
                "function": {"name": "f", "resultKind": "Schedule", "attachEntity": False, "calculationNodesTags": "x"},
            },
        ),
    ]
    for given_schedule, expected in schedules:
        document = workflow({"A": state(transition("t", "B", schedule=given_schedule)), "B": {}})
        assert exported_workflow(document)["states"]["A"]["transitions"][0]["schedule"] == expected


def test_criteria_come_back_as_written_and_null_stays_null() -> None:
    raw = '{ "type":"simple", "z":1.00, "a":[1e2], "unknown":{"b":1,"a":2} }'
    states = '{"A":{"transitions":[{"name":"t","next":"A","criterion":null}]}}'
    document = f'{{"version":"1.3","name":"w","initialState":"A","criterion":{raw},"states":{states}}}'
    text = f'{{"workflows":[{document}],"allowCycles":true}}'
    stored = imported(decode_import(text.encode()), ())[0]
    assert b'"criterion":{"type":"simple","z":1.00,"a":[1e2],"unknown":{"b":1,"a":2}}' in stored
    assert b'"criterion":null' in stored


def test_annotations_come_back_at_every_level_and_null_is_dropped() -> None:
    notes = {"k": [1, {"x": None}]}
    document = workflow(
        {
            "A": {
                "annotations": notes,
                "transitions": [
                    transition(
                        "t", "A", manual=True, annotations=notes, criterionAnnotations=notes,
                        processors=[{"name": "p", "annotations": notes}],
                    )
                ],
            }
        },
        annotations=notes, criterionAnnotations=notes,
    )  # fmt: skip
    got = exported_workflow(document)
    there = got["states"]["A"]["transitions"][0]
    places = [got, got["states"]["A"], there, there["processors"][0]]
    assert all(place["annotations"] == notes for place in places)
    assert got["criterionAnnotations"] == there["criterionAnnotations"] == notes
    assert "annotations" not in exported_workflow(workflow({"A": {}}, annotations=None))


def test_a_model_without_workflows_has_nothing_to_export() -> None:
    with pytest.raises(WorkflowNotFound, match="no workflows found for model parcel/1"):
        exported(KEY, ())


# --- round trips ------------------------------------------------------------------------------------------------

names = st.text(min_size=1, max_size=8)
optional = st.sampled_from([None, "", "x", 'ä"\\\n'])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
configs = st.fixed_dictionaries(
    {},
    optional={
        "attachEntity": st.none() | st.booleans(),
        "calculationNodesTags": optional,
        "responseTimeoutMs": st.none() | st.integers(-(2**63), 2**63 - 1),
        "retryPolicy": st.sampled_from([None, "", "NONE", "FIXED"]),
        "context": optional,
        "asyncResult": st.sampled_from([None, False]),
    },
)
processors = st.fixed_dictionaries(
    {"name": names},
    optional={
        "type": optional,
        "executionMode": st.sampled_from([None, "", "SYNC", "ASYNC_NEW_TX"]),
        "config": st.none() | configs,
        "annotations": st.none() | st.dictionaries(names, json_values, max_size=2),
    },
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    states = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    transitions = st.lists(
        st.fixed_dictionaries(
            {"name": names, "next": st.sampled_from(states)},
            optional={
                "manual": st.none() | st.booleans(),
                "disabled": st.none() | st.booleans(),
                "criterion": json_values,
                "processors": st.none() | st.lists(processors, max_size=2),
                "annotations": st.none() | st.dictionaries(names, json_values, max_size=2),
            },
        ),
        max_size=3,
        unique_by=lambda t: t["name"],
    )
    return workflow(
        {name: draw(st.none() | st.fixed_dictionaries({}, optional={"transitions": transitions})) for name in states},
        initial=states[0],
        name=draw(names),
        **draw(st.fixed_dictionaries({}, optional={"desc": optional, "active": st.none() | st.booleans()})),
    )


@settings(max_examples=150, deadline=None)
@given(documents())
def test_importing_an_export_changes_no_byte(document: dict[str, Any]) -> None:
    once = imported(decode_import(body(document, allowCycles=True)), ())
    export = json.loads(exported(KEY, once))
    request = b'{"importMode":"REPLACE","allowCycles":true,"workflows":[%b]}' % once[0]
    assert imported(decode_import(request), once) == once
    again = json.dumps({"importMode": "REPLACE", "allowCycles": True, "workflows": export["workflows"]})
    assert [json.loads(t) for t in imported(decode_import(again.encode()), ())] == export["workflows"]
    assert stored_text(stored_workflow(once[0])) == once[0]
