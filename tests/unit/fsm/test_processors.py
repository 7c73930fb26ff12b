"""Processors in every execution mode, and how failures answer (contract: engine 3.4-3.7)."""

from __future__ import annotations

from typing import Any

import pytest

from cyoda.errors import (
    ComputeMemberDisconnected,
    Conflict,
    CyodaError,
    DispatchForwardFailed,
    DispatchTimeout,
    EntityModified,
    NoComputeMemberForTag,
    ServerError,
    WorkflowFailed,
)
from workflows.core.callout import Callout, CalloutAnswer, CalloutFailed
from workflows.core.entity import Document
from workflows.core.fsm.commands import Resume, RollBackTo, Savepoint, Segment
from workflows.core.fsm.operations import create, fire_named

from .support import (
    ENTITY,
    LATER_TRANSACTION,
    NEXT_TRANSACTION,
    NO,
    OK,
    TRANSACTION,
    YES,
    Members,
    compiled,
    equals,
    existing,
    function,
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


def answer(value: Any, *warnings: str) -> CalloutAnswer:
    return CalloutAnswer(document=Document.from_value(value), warnings=warnings)


def with_processors(*processors: Members, **members: Any) -> Any:
    return compiled(workflow({"A": state(transition("go", "B", processors=list(processors), **members)), "B": {}}))


def run(workflows: Any, *answers: Any, kept: Any = None, data: Any = None) -> Any:
    return play(create(new(data or {"n": 1}), workflows, kept or trail(), terms()), *answers)


def test_a_processor_is_asked_in_the_open_transaction_with_its_configuration() -> None:
    config: Members = {"calculationNodesTags": "a,b", "attachEntity": False, "responseTimeoutMs": 7, "context": "kg"}
    (callout,) = run(with_processors(processor("p", **config)), OK).commands
    assert isinstance(callout, Callout)
    assert (callout.kind, callout.name, callout.workflow, callout.transition) == ("processor", "p", "w", "go")
    assert (callout.tags, callout.attach_entity, callout.timeout_ms, callout.context) == ("a,b", False, 7, "kg")
    assert (callout.transaction_id, callout.target, callout.subject.state) == (TRANSACTION, None, "A")
    (plain,) = run(with_processors({"name": "p"}), OK).commands
    assert (plain.tags, plain.attach_entity, plain.timeout_ms, plain.context) == ("", True, 30_000, "")


@pytest.mark.parametrize("mode", ["", "SYNC", "ASYNC_SAME_TX"])
def test_each_processor_sees_and_replaces_the_document(mode: str) -> None:
    kept = trail()
    workflows = with_processors(processor("a", mode), processor("b", mode), processor("c", mode))
    played = run(workflows, answer({"n": 2}), OK, answer([3], "odd"), kept=kept)
    assert [c.subject.document.value for c in played.commands] == [{"n": 1}, {"n": 2}, {"n": 2}]
    assert (played.result.state, played.result.document.value) == ("B", [3])
    assert kept.warnings[-1] == "processor c: odd"
    assert lines(played.result.events)[2:7] == [
        "PAUSE_FOR_PROCESSING [A] Paused for processors: [a b c]",
        *(
            f'STATE_PROCESS_RESULT [A] Processor "{p}" completed {{"success": true, "mode": "{mode}"}}'
            for p in ("a", "b", "c")
        ),
        'TRANSITION_MAKE [A] Transition "go": A → B',
    ]


def failure(*args: Any) -> CalloutFailed:
    return CalloutFailed("processor dispatch failed: boom", *args)


FAILURES: list[tuple[Exception, type[CyodaError], str]] = [
    (failure(), WorkflowFailed, "processor p failed: processor dispatch failed: boom"),
    (
        NoComputeMemberForTag('no matching calculation member: tags "x"'),
        NoComputeMemberForTag,
        'processor p failed: no matching calculation member: tags "x"',
    ),
    (
        DispatchTimeout("processor dispatch timed out after 7ms"),
        DispatchTimeout,
        "processor dispatch timed out after 7ms",
    ),
    (
        ComputeMemberDisconnected("compute member disconnected during processor dispatch"),
        ComputeMemberDisconnected,
        "compute member disconnected during processor dispatch",
    ),
    (
        DispatchForwardFailed("forwarding the callout to a peer node failed"),
        DispatchForwardFailed,
        "forwarding the callout to a peer node failed",
    ),
]


@pytest.mark.parametrize("mode", ["", "SYNC", "ASYNC_SAME_TX"])
@pytest.mark.parametrize(("thrown", "expected", "message"), FAILURES, ids=[e.__name__ for _, e, _ in FAILURES])
def test_a_failure_is_fatal(mode: str, thrown: Exception, expected: type[CyodaError], message: str) -> None:
    kept = trail()
    played = run(with_processors(processor("p", mode), processor("q", mode)), thrown, kept=kept)
    assert type(played.error) is expected
    assert played.error.message == message
    assert played.error.__cause__ is not played.error
    assert lines(kept.events)[-2:] == [
        f'STATE_PROCESS_RESULT [A] Processor "p" completed {{"success": false, "mode": "{mode}"}}',
        f'STATE_PROCESS_RESULT [A] Processor failed for transition "go": {message} {{"success": false}}',
    ]


def test_warnings_of_a_failing_member_are_kept() -> None:
    kept = trail()
    run(with_processors(processor("p")), failure(("hot",)), kept=kept)
    assert kept.warnings[-1] == "processor p: hot"


@pytest.mark.parametrize(
    ("thrown", "message"),
    [
        (CalloutFailed("criteria dispatch failed: m"), "{}criteria dispatch failed: m"),
        (NoComputeMemberForTag("no matching"), "{}no matching"),
        (DispatchTimeout("criteria dispatch timed out after 1ms"), "criteria dispatch timed out after 1ms"),
    ],
)
def test_failing_function_criteria_answer_with_their_place(thrown: Exception, message: str) -> None:
    guarded = with_processors(criterion=function("f"))
    assert str(run(guarded, thrown).error) == message.format("failed to evaluate transition criterion: ")
    selected = compiled(workflow({"A": {}}, criterion=function("f")))
    assert str(run(selected, thrown).error) == message.format('failed to evaluate workflow criterion for "w": ')


@pytest.mark.parametrize("mode", ["", "SYNC", "ASYNC_SAME_TX", "ASYNC_NEW_TX", "COMMIT_BEFORE_DISPATCH"])
def test_internalized_execution_fails_in_every_mode_without_asking(mode: str) -> None:
    played = run(with_processors({**processor("p", mode), "type": "internalized"}))
    assert type(played.error) is WorkflowFailed
    assert str(played.error) == 'processor p failed: execution type "internalized" is not yet implemented'


# --- ASYNC_NEW_TX -----------------------------------------------------------------------------------------------


def test_a_result_under_a_savepoint_is_discarded() -> None:
    played = run(with_processors(processor("p", "ASYNC_NEW_TX")), "mark", answer({"n": 9}))
    assert [type(c) for c in played.commands] == [Savepoint, Callout]
    assert played.commands[1].transaction_id == TRANSACTION
    assert (played.result.state, played.result.document.value) == ("B", {"n": 1})


@pytest.mark.parametrize("thrown", [thrown for thrown, _, _ in FAILURES], ids=[e.__name__ for _, e, _ in FAILURES])
def test_any_failure_under_a_savepoint_is_undone_and_swallowed(thrown: Exception) -> None:
    played = run(
        with_processors(processor("p", "ASYNC_NEW_TX"), processor("q")), "mark", thrown, None, answer({"n": 2})
    )
    assert played.commands[2] == RollBackTo("mark")
    assert (played.result.state, played.result.document.value) == ("B", {"n": 2})
    assert lines(played.result.events)[3:5] == [
        'STATE_PROCESS_RESULT [A] Processor "p" completed {"success": false, "mode": "ASYNC_NEW_TX"}',
        'STATE_PROCESS_RESULT [A] Processor "q" completed {"success": true, "mode": "SYNC"}',
    ]


def test_an_unknown_principal_kind_is_not_swallowed() -> None:
    played = run(with_processors(processor("p", "ASYNC_NEW_TX")), "mark", ServerError("unknown principal kind"))
    assert isinstance(played.error, ServerError)


# --- COMMIT_BEFORE_DISPATCH -------------------------------------------------------------------------------------

CBD = "COMMIT_BEFORE_DISPATCH"


def test_a_detached_processor_runs_between_two_transactions() -> None:
    workflows = with_processors(processor("a"), processor("p", CBD), processor("z"))
    played = run(workflows, answer({"n": 2}), NEXT_TRANSACTION, answer({"n": 3}), None, OK)
    first, segment, callout, resume, last = played.commands
    assert isinstance(segment, Segment)
    assert segment.detached
    assert (segment.subject.state, segment.subject.document.value) == ("A", {"n": 2})
    assert segment.subject.transition == "loopback"
    assert [e.type for e in segment.events] == [
        "STATE_MACHINE_START", "WORKFLOW_FOUND", "PAUSE_FOR_PROCESSING", "STATE_PROCESS_RESULT",
    ]  # fmt: skip
    assert resume == Resume(ENTITY)
    assert [c.transaction_id for c in (first, callout, last)] == [TRANSACTION, None, NEXT_TRANSACTION]
    assert (played.result.state, played.result.document.value) == ("B", {"n": 3})
    assert lines(played.result.events) == [
        f'STATE_PROCESS_RESULT [A] Processor "p" completed {{"success": true, "mode": "{CBD}"}}',
        'STATE_PROCESS_RESULT [A] Processor "z" completed {"success": true, "mode": "SYNC"}',
        'TRANSITION_MAKE [A] Transition "go": A → B',
        'STATE_MACHINE_FINISH [B] State machine finished {"success": true}',
    ]


def test_with_the_flag_the_callout_joins_the_next_transaction() -> None:
    workflows = with_processors(processor("p", CBD, startNewTxOnDispatch=True))
    played = run(workflows, NEXT_TRANSACTION, answer({"n": 3}))
    segment, callout = played.commands
    assert not segment.detached
    assert callout.transaction_id == NEXT_TRANSACTION
    assert played.result.document.value == {"n": 3}


def test_two_segments_in_one_operation_and_criteria_between_them() -> None:
    chain = compiled(
        workflow(
            {
                "A": state(transition("ab", "B", manual=True, processors=[processor("p", CBD)])),
                "B": state(
                    transition("bc", "C", criterion=function("f"), processors=[processor("q", CBD)]),
                ),
                "C": {},
            }
        )
    )
    rule = fire_named(existing("A", {"n": 1}), "ab", chain, trail(), terms())
    played = play(rule, NEXT_TRANSACTION, OK, None, YES, LATER_TRANSACTION, OK, None)
    segments = [c for c in played.commands if isinstance(c, Segment)]
    assert [(s.subject.state, s.subject.transition) for s in segments] == [("A", "ab"), ("B", "ab")]
    criterion = next(c for c in played.commands if isinstance(c, Callout) and c.kind == "criteria")
    assert criterion.transaction_id == NEXT_TRANSACTION
    everything = [e for s in segments for e in s.events] + list(played.result.events)
    assert [e.type.value for e in everything if e.type in ("STATE_MACHINE_START", "STATE_MACHINE_FINISH")] == [
        "STATE_MACHINE_START", "STATE_MACHINE_FINISH",
    ]  # fmt: skip
    assert played.result.state == "C"


@pytest.mark.parametrize("refusal", [Conflict(), EntityModified(ENTITY)])
def test_a_segment_that_cannot_commit_dispatches_nothing(refusal: CyodaError) -> None:
    played = run(with_processors(processor("p", CBD)), refusal)
    assert played.error is refusal
    assert len(played.commands) == 1


def test_a_segment_refused_inside_a_join_names_the_processor() -> None:
    played = run(with_processors(processor("p", CBD)), WorkflowFailed("joined"))
    assert str(played.error) == "processor p failed: joined"


def test_a_failing_detached_processor_is_fatal_and_never_resumes() -> None:
    played = run(with_processors(processor("p", CBD)), NEXT_TRANSACTION, failure())
    assert str(played.error) == "processor p failed: processor dispatch failed: boom"
    assert [type(c) for c in played.commands] == [Segment, Callout]


def test_a_change_by_others_during_a_detached_callout_ends_the_operation() -> None:
    played = run(with_processors(processor("p", CBD)), NEXT_TRANSACTION, answer({"n": 2}), Conflict())
    assert isinstance(played.error, Conflict)


def test_a_guard_that_became_false_through_a_processor_stops_the_cascade() -> None:
    chain = compiled(
        workflow(
            {
                "A": state(transition("ab", "B", processors=[processor("p")])),
                "B": state(transition("bc", "C", criterion=equals("$.n", 1))),
                "C": {},
            }
        )
    )
    assert run(chain, answer({"n": 5})).result.state == "B"
    assert run(chain, NO).result.state == "C"
