"""Entry points, selection, cascade and loop protection, with their audit (contract: engine 2.1-2.6, 6.3)."""

from __future__ import annotations

from typing import Any

import pytest

from cyoda.errors import TransitionNotFound, WorkflowFailed
from workflows.core.callout import CalloutAnswer
from workflows.core.entity import Document, Version
from workflows.core.fsm.operations import create, fire_named, list_transitions, loopback

from .support import (
    NO,
    YES,
    compiled,
    equals,
    existing,
    function,
    group,
    lines,
    new,
    play,
    processor,
    state,
    terms,
    trail,
    transition,
    workflow,
)  # fmt: skip

PARCEL = workflow(
    {
        "A": state(transition("weigh", "B", criterion=equals("$.n", 1))),
        "B": state(
            transition("book", "C", manual=True),
            transition("off", "C", manual=True, disabled=True),
            transition("later", "C", schedule={"delayMs": 5}),
            transition("guarded", "C", manual=True, criterion=equals("$.n", 2)),
        ),
        "C": {},
    }
)


def events(step_trail: Any) -> list[str]:
    return lines(step_trail.events)


# --- create -----------------------------------------------------------------------------------------------------


def test_without_workflows_an_entity_rests_in_created() -> None:
    kept = trail()
    played = play(create(new(), compiled(), kept, terms()))
    assert (played.result.state, played.result.transition) == ("CREATED", "loopback")
    assert lines(played.result.events) == [
        "STATE_MACHINE_START [] State machine started",
        'WORKFLOW_FOUND [] No imported workflow matched; using default workflow "default"',
        'TRANSITION_MAKE [NONE] Transition "NEW": NONE → CREATED',
        'STATE_MACHINE_FINISH [CREATED] State machine finished {"success": true}',
    ]
    assert kept.warnings == ["no workflows imported for model — using default workflow"]


def test_the_first_active_workflow_whose_criterion_holds_is_selected() -> None:
    workflows = compiled(
        workflow({"X": {}}, initial="X", name="inactive", active=False),
        workflow({"A": {}}, name="express", criterion=equals("$.service", "EXPRESS")),
        workflow({"A": {}}, name="standard", criterion=equals("$.service", "STANDARD")),
        workflow({"A": {}}, name="rest"),
    )
    played = play(create(new({"service": "STANDARD"}), workflows, trail(), terms()))
    assert lines(played.result.events)[1:3] == [
        (
            'WORKFLOW_SKIP [] Workflow "express" criterion not matched '
            '{"workflowName": "express", "reason": "criterion did not match"}'
        ),
        'WORKFLOW_FOUND [] Workflow "standard" matched criterion',
    ]
    last = play(create(new({"service": "OTHER"}), workflows, trail(), terms()))
    assert 'WORKFLOW_FOUND [] Workflow "rest" selected (no criterion)' in lines(last.result.events)


def test_no_match_means_the_default_workflow_and_a_warning() -> None:
    kept = trail()
    workflows = compiled(workflow({"A": {}}, criterion=equals("$.n", 1)))
    assert play(create(new({"n": 2}), workflows, kept, terms())).result.state == "CREATED"
    assert kept.warnings == ["no imported workflow matched entity — using default workflow"]


def test_selection_sees_an_empty_state() -> None:
    empty = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": ""}
    played = play(create(new(), compiled(workflow({"A": {}}, criterion=empty)), trail(), terms()))
    assert played.result.state == "A"


def test_a_workflow_criterion_that_cannot_be_evaluated_fails_the_create() -> None:
    played = play(create(new(), compiled(workflow({"A": {}}, criterion={"type": "x"})), trail(), terms()))
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message.startswith('failed to evaluate workflow criterion for "w": ')


def test_a_cascade_of_several_steps_settles_in_one_create() -> None:
    chain = workflow(
        {"A": state(transition("ab", "B")), "B": state(transition("bc", "C", criterion=equals("$.n", 1))), "C": {}}
    )
    played = play(create(new({"n": 1}), compiled(chain), trail(), terms()))
    assert lines(played.result.events) == [
        "STATE_MACHINE_START [] State machine started",
        'WORKFLOW_FOUND [] Workflow "w" selected (no criterion)',
        'TRANSITION_MAKE [A] Transition "ab": A → B',
        'TRANSITION_MAKE [B] Transition "bc": B → C',
        'STATE_MACHINE_FINISH [C] State machine finished {"success": true}',
    ]
    assert play(create(new({"n": 2}), compiled(chain), trail(), terms())).result.state == "B"


# --- cascade ----------------------------------------------------------------------------------------------------


def test_the_first_open_transition_in_declaration_order_is_taken() -> None:
    fan = workflow(
        {
            "A": state(
                transition("off", "X", disabled=True),
                transition("manual", "X", manual=True),
                transition("timed", "X", schedule={"delayMs": 5}),
                transition("no", "X", criterion=equals("$.n", 2)),
                transition("yes", "Y", criterion=equals("$.n", 1)),
                transition("late", "X"),
            ),
            "X": {}, "Y": {},
        }
    )  # fmt: skip
    played = play(create(new({"n": 1}), compiled(fan), trail(), terms()))
    assert played.result.state == "Y"
    assert lines(played.result.events)[2] == (
        'TRANSITION_NOT_MATCH_CRITERION [A] Automated transition "no" criterion not matched '
        '{"workflowName": "w", "transition": "no", "criterion": "simple", "reason": "criterion did not match"}'
    )


def test_an_evaluation_error_aborts_instead_of_falling_through() -> None:
    bad = {"type": "simple", "jsonPath": "$.n", "operatorType": "IS_CHANGED"}
    fan = workflow({"A": state(transition("bad", "B", criterion=bad), transition("good", "B")), "B": {}})
    played = play(create(new(), compiled(fan), trail(), terms()))
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message == "failed to evaluate transition criterion: unsupported operator: IS_CHANGED"


def test_later_function_criteria_are_not_called_after_the_first_match() -> None:
    fan = workflow(
        {
            "A": state(
                transition("one", "B", criterion=function("f")), transition("two", "B", criterion=function("g"))
            ),
            "B": {},
        }
    )
    played = play(create(new(), compiled(fan), trail(), terms()), YES)
    assert [c.name for c in played.commands] == ["f"]


@pytest.mark.parametrize("limit", [1, 10])
def test_a_state_visited_once_too_often_aborts(limit: int) -> None:
    kept = trail()
    loop = workflow({"A": state(transition("again", "A", criterion=equals("$.n", 1)))})
    played = play(create(new({"n": 1}), compiled(loop), kept, terms(limit)))
    reason = f'state "A" visited {limit + 1} times (limit: {limit})'
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message == f"state machine aborted: {reason}"
    assert events(kept)[-1] == f"CANCEL [A] State machine aborted: {reason}"
    assert sum("TRANSITION_MAKE" in line for line in events(kept)) == limit


def test_a_cascade_of_a_hundred_transitions_aborts_and_one_of_ninety_nine_does_not() -> None:
    def chain(length: int) -> dict[str, Any]:
        states: dict[str, Any] = {f"S{i}": state(transition("t", f"S{i + 1}")) for i in range(length)}
        return workflow({**states, f"S{length}": {}}, initial="S0")

    assert play(create(new(), compiled(chain(99)), trail(), terms())).result.state == "S99"
    played = play(create(new(), compiled(chain(101)), trail(), terms()))
    assert str(played.error) == 'state machine aborted: cascade depth exceeded (100) at state "S100"'


# --- named transitions ------------------------------------------------------------------------------------------


def fire(name: str, subject: Version, *answers: Any, of: Any = None, kept: Any = None) -> Any:
    return play(fire_named(subject, name, of or compiled(PARCEL), kept or trail(), terms()), *answers)


def test_a_named_transition_is_made_and_settles() -> None:
    played = fire("UPDATE", existing("CREATED", {"n": 1}), of=compiled())
    assert (played.result.state, played.result.transition) == ("CREATED", "UPDATE")
    assert lines(played.result.events) == [
        "STATE_MACHINE_START [CREATED] Manual transition started",
        'TRANSITION_MAKE [CREATED] Transition "UPDATE": CREATED → CREATED',
        'STATE_MACHINE_FINISH [CREATED] Manual transition finished {"success": true}',
    ]


@pytest.mark.parametrize(
    ("name", "message", "details"),
    [
        ("ship", 'transition "ship" not found in state "B"', 'Transition "ship" not found in state "B"'),
        ("weigh", 'transition "weigh" not found in state "B"', 'Transition "weigh" not found in state "B"'),
        ("off", 'transition "off" is disabled in state "B"', 'Transition "off" is disabled'),
        (
            "later",
            'transition "later" in state "B" is scheduled and fires automatically; it is not manually fireable',
            'Transition "later" is scheduled and fires automatically; it is not manually fireable',
        ),
    ],
)
def test_a_transition_that_cannot_be_fired_by_name_is_not_found(name: str, message: str, details: str) -> None:
    kept = trail()
    played = fire(name, existing("B"), kept=kept)
    assert isinstance(played.error, TransitionNotFound)
    assert played.error.message == f"{message}: transition not found"
    assert events(kept)[-1] == f"TRANSITION_NOT_FOUND [B] {details}"


def test_a_false_inline_guard_refuses_without_a_reason() -> None:
    kept = trail()
    played = fire("guarded", existing("B", {"n": 1}), kept=kept)
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message == 'transition "guarded" criterion not matched'
    assert events(kept)[-1] == (
        'TRANSITION_NOT_MATCH_CRITERION [B] Transition "guarded" criterion not matched {"workflowName": "w", '
        '"transition": "guarded", "criterion": "simple", "reason": "criterion did not match"}'
    )


def test_an_automated_transition_may_be_fired_by_name_and_the_cascade_goes_on() -> None:
    chain = workflow(
        {"A": state(transition("ab", "B", criterion=equals("$.n", 1))), "B": state(transition("bc", "C")), "C": {}}
    )
    assert fire("ab", existing("A", {"n": 1}), of=compiled(chain)).result.state == "C"


def test_the_named_transition_does_not_count_as_a_visit() -> None:
    loop = workflow({"A": state(transition("again", "A", manual=True))})
    played = play(fire_named(existing("A"), "again", compiled(loop), trail(), terms(1)))
    assert played.result.state == "A"


def test_a_state_in_no_active_workflow_refuses_a_named_transition() -> None:
    played = fire("UPDATE", existing("CREATED"))
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message == 'no workflow contains state "CREATED" for model parcel.1'


def test_an_existing_entity_follows_the_first_active_workflow_that_has_its_state() -> None:
    workflows = compiled(
        workflow({"A": state(transition("t", "OFF", manual=True)), "OFF": {}}, name="inactive", active=False),
        workflow({"A": state(transition("t", "ONE", manual=True)), "ONE": {}}, name="one", criterion=equals("$.n", 7)),
        workflow({"A": state(transition("t", "TWO", manual=True)), "TWO": {}}, name="two"),
    )
    assert fire("t", existing("A", {"n": 1}), of=workflows).result.state == "ONE"


# --- loopback ---------------------------------------------------------------------------------------------------


def test_a_loopback_cascades_from_the_current_state() -> None:
    played = play(loopback(existing("A", {"n": 1}), compiled(workflow(
        {"A": state(transition("ab", "B", criterion=equals("$.n", 1))), "B": {}}
    )), trail(), terms()))  # fmt: skip
    assert (played.result.state, played.result.transition) == ("B", "loopback")
    assert lines(played.result.events) == [
        "STATE_MACHINE_START [A] Loopback started",
        'TRANSITION_MAKE [A] Transition "ab": A → B',
        'STATE_MACHINE_FINISH [B] Loopback finished {"success": true}',
    ]


def test_a_loopback_in_an_unknown_state_saves_the_data_where_it_is() -> None:
    played = play(loopback(existing("LOST", {"n": 1}), compiled(PARCEL), trail(), terms()))
    assert (played.result.state, played.result.document.value) == ("LOST", {"n": 1})
    assert lines(played.result.events) == [
        "STATE_MACHINE_START [LOST] Loopback started",
        "FORCE_SUCCESS [LOST] No workflow contains current state for loopback",
        'STATE_MACHINE_FINISH [LOST] Loopback finished (state not in workflow) {"success": true}',
    ]


# --- function criteria ------------------------------------------------------------------------------------------


def guarded(criterion: Any) -> Any:
    return compiled(workflow({"A": state(transition("go", "B", manual=True, criterion=criterion)), "B": {}}))


def test_a_function_guard_asks_with_its_configuration() -> None:
    criterion = function("solvent", calculationNodesTags="risk", attachEntity=False, responseTimeoutMs=5, context="v2")
    played = fire("go", existing("A", {"n": 1}), YES, of=guarded(criterion))
    (callout,) = played.commands
    assert (callout.kind, callout.name, callout.target) == ("criteria", "solvent", "TRANSITION")
    assert (callout.tags, callout.attach_entity, callout.timeout_ms, callout.context) == ("risk", False, 5, "v2")
    assert (callout.workflow, callout.transition, callout.subject.state) == ("w", "go", "A")
    assert played.result.state == "B"


def test_a_workflow_function_criterion_asks_for_the_workflow() -> None:
    played = play(create(new(), compiled(workflow({"A": {}}, criterion=function("mine"))), trail(), terms()), NO)
    (callout,) = played.commands
    assert (callout.target, callout.workflow, callout.transition) == ("WORKFLOW", "w", "")
    assert played.result.state == "CREATED"


def test_the_reason_of_a_false_function_guard_reaches_client_and_audit() -> None:
    kept = trail()
    answer = type(NO)(matches=False, reason="no funds", warnings=("slow",))
    played = fire("go", existing("A"), answer, of=guarded(function("solvent")), kept=kept)
    assert str(played.error) == 'transition "go" criterion not matched: no funds'
    assert kept.events[-1].data == {
        "workflowName": "w", "transition": "go", "criterion": "solvent", "reason": "no funds",
    }  # fmt: skip
    assert kept.warnings == ["criteria solvent: slow"]


def test_a_false_pre_check_skips_the_call() -> None:
    played = fire("go", existing("A", {"n": 1}), of=guarded(function("f", equals("$.n", 2))))
    assert played.commands == []
    assert str(played.error) == 'transition "go" criterion not matched'
    assert fire("go", existing("A", {"n": 2}), YES, of=guarded(function("f", equals("$.n", 2)))).result.state == "B"


@pytest.mark.parametrize(
    ("criterion", "answers", "asked", "state_after"),
    [
        (group("AND", equals("$.n", 1), function("f")), [YES], ["f"], "B"),
        (group("AND", equals("$.n", 2), function("f")), [], [], None),
        (group("OR", equals("$.n", 1), function("f")), [], [], "B"),
        (group("OR", equals("$.n", 2), function("f")), [YES], ["f"], "B"),
        (group("OR", function("f"), function("g")), [NO, YES], ["f", "g"], "B"),
        (group("AND", function("f"), function("g")), [NO], ["f"], None),
        (group("AND", group("OR", function("f")), group("AND")), [YES], ["f"], "B"),
    ],
)
def test_functions_inside_groups_are_asked_only_until_the_group_is_decided(
    criterion: Any, answers: list[Any], asked: list[str], state_after: str | None
) -> None:
    played = fire("go", existing("A", {"n": 1}), *answers, of=guarded(criterion))
    assert [c.name for c in played.commands] == asked
    assert (played.result.state if played.result else None) == state_after


@pytest.mark.parametrize(
    "criterion", [group("NOT", function("f")), group("and", equals("$.n", 1)), {"type": "simple", "jsonPath": 1}, {}]
)
def test_a_guard_that_makes_no_sense_fails_when_it_is_reached(criterion: Any) -> None:
    played = fire("go", existing("A", {"n": 1}), of=guarded(criterion))
    assert isinstance(played.error, WorkflowFailed)
    assert played.error.message.startswith("failed to evaluate transition criterion: ")


def test_criteria_see_the_data_that_earlier_processors_left() -> None:
    chain = workflow(
        {
            "A": state(transition("ab", "B", processors=[processor("p")])),
            "B": state(transition("bc", "C", criterion=equals("$.n", 9))),
            "C": {},
        }
    )
    answer = CalloutAnswer(document=Document.from_value({"n": 9}))
    played = play(create(new({"n": 1}), compiled(chain), trail(), terms()), answer)
    assert (played.result.state, played.result.document.value) == ("C", {"n": 9})


# --- the transitions query --------------------------------------------------------------------------------------


def test_all_transitions_of_the_state_are_listed_in_order() -> None:
    played = play(list_transitions(existing("B"), compiled(PARCEL), trail(), terms()))
    assert played.result == ("book", "off", "later", "guarded")
    assert play(list_transitions(existing("C"), compiled(PARCEL), trail(), terms())).result == ()


def test_the_query_selects_by_criterion_and_falls_back_to_default_on_errors() -> None:
    two = compiled(
        workflow({"A": state(transition("one", "A"))}, name="one", criterion=equals("$.n", 1)),
        workflow({"A": state(transition("two", "A"))}, name="two"),
    )
    assert play(list_transitions(existing("A", {"n": 2}), two, trail(), terms())).result == ("two",)
    failing = compiled(workflow({"CREATED": state(transition("x", "CREATED"))}, initial="CREATED", criterion={}))
    assert play(list_transitions(existing("CREATED"), failing, trail(), terms())).result == ("UPDATE", "DELETE")
