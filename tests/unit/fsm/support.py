"""Playing a rule against a list of recorded answers: the test format of the engine's semantics."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cyoda.clock import ManualClock
from cyoda.principal import Actor
from workflows.core.audit import Event
from workflows.core.callout import CalloutAnswer
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.fsm.commands import Command, Step
from workflows.core.fsm.compiled import CompiledWorkflows, compile_workflows
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.imports import imported
from workflows.core.fsm.run import Terms
from workflows.core.fsm.trail import Trail
from workflows.core.schema.types import DataType, TypeSet

ENTITY = UUID("00000000-0000-1000-8000-00000000000e")
TRANSACTION = UUID("00000000-0000-1000-8000-0000000000a1")
NEXT_TRANSACTION = UUID("00000000-0000-1000-8000-0000000000a2")
LATER_TRANSACTION = UUID("00000000-0000-1000-8000-0000000000a3")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = 1767225600000
ALICE = Actor("alice", "user")
MODEL = ModelKey("parcel", 1)
FIELDS = {"$.n": TypeSet(DataType.INTEGER), "$.service": TypeSet(DataType.STRING)}
OK = CalloutAnswer()
YES, NO = CalloutAnswer(matches=True), CalloutAnswer(matches=False)

Members = dict[str, Any]


def workflow(states: Members, *, initial: str = "A", name: str = "w", **members: Any) -> Members:
    return {"version": "1.3", "name": name, "initialState": initial, "states": states, **members}


def transition(name: str, target: str, **members: Any) -> Members:
    return {"name": name, "next": target, **members}


def state(*transitions: Members) -> Members:
    return {"transitions": list(transitions)}


def processor(name: str, mode: str = "SYNC", **config: Any) -> Members:
    return {"type": "externalized", "name": name, "executionMode": mode, "config": config}


def function(name: str, pre_check: Members | None = None, **config: Any) -> Members:
    body: Members = {"name": name, "config": config}
    if pre_check is not None:
        body["criterion"] = pre_check
    return {"type": "function", "function": body}


def equals(path: str, value: Any) -> Members:
    return {"type": "simple", "jsonPath": path, "operatorType": "EQUALS", "value": value}


def group(operator: str, *conditions: Members) -> Members:
    return {"type": "group", "operator": operator, "conditions": list(conditions)}


def body(*workflows: Members, **members: Any) -> bytes:
    return json.dumps({"workflows": list(workflows), **members}).encode()


def texts(*workflows: Members, **members: Any) -> tuple[bytes, ...]:
    return imported(decode_import(body(*workflows, **members)), ())


def compiled(*workflows: Members) -> CompiledWorkflows:
    return compile_workflows(texts(*workflows, allowCycles=True) if workflows else (), FIELDS)


def new(document: Any = None) -> Version:
    return existing("", document, number=0)


def existing(
    in_state: str, document: Any = None, *, number: int = 3, transition: str = "", model: ModelKey = MODEL
) -> Version:
    return Version(
        entity_id=ENTITY, model=model, number=number, state=in_state,
        document=Document.from_value({} if document is None else document), created_at=NOW, updated_at=NOW,
        transaction_id=TRANSACTION, transition=transition, attributed=ALICE, executor=ALICE,
    )  # fmt: skip


def trail() -> Trail:
    return Trail(ManualClock(NOW))


def terms(max_state_visits: int = 10) -> Terms:
    return Terms(tenant="t", origin=ALICE, max_state_visits=max_state_visits)


@dataclass
class Played:
    commands: list[Command]
    result: Any = None
    error: Exception | None = None


def play(step: Step[Any], *answers: Any) -> Played:
    """Run to the end; an answer that is an exception is thrown. Every answer must be used, and none may be missing."""
    pending = list(answers)
    commands: list[Command] = []
    try:
        command = step.send(None)
        while True:
            commands.append(command)
            assert pending, f"no answer left for {command}"
            answer = pending.pop(0)
            command = step.throw(answer) if isinstance(answer, Exception) else step.send(answer)
    except StopIteration as done:
        played = Played(commands, result=done.value)
    except AssertionError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a rule lets out is what the test looks at
        played = Played(commands, error=error)
    assert not pending, f"unused answers: {pending}"
    return played


def lines(events: Sequence[Event]) -> list[str]:
    """Events as `TYPE [state] details data`."""
    return [f"{e.type} [{e.state}] {e.details}" + ("" if e.data is None else " " + json.dumps(e.data)) for e in events]
