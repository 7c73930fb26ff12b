"""Workflows as older clients write them: lists that refer to each other by ids (contract: control plane 7.1, 9.4).

They are translated into workflow documents, or refused: a part that has no counterpart is never left out silently.
What a document of theirs says beyond its workflows (owners, dates, Java classes of processors) has no effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import msgspec

from cyoda.errors import BadRequest
from workflows.core.entity import ModelKey
from workflows.core.predicates.older import Untranslatable, from_older

from .document import SCHEMA_VERSION

Json = Any
NONE_STATE = "noneState"
"""The id of the state that every workflow of theirs begins in without listing it."""
_MODEL_NAME, _MODEL_VERSION = "entityModelName", "entityModelVersion"
_FUNCTION = "external"
_RETRY_POLICIES = ("NONE", "FIXED")
_CLASS_NAME = re.compile(r"(.+)\.([0-9]{1,9})", re.DOTALL)


class _Dto(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As sent; ids are texts, numbers or objects."""


class LegacyWorkflow(_Dto, frozen=True, kw_only=True):
    id: Json
    name: str
    entity_class_name: str | None = None
    active: bool | None = None
    description: str | None = None
    criteria_ids: list[Json] | None = None


class LegacyState(_Dto, frozen=True, kw_only=True):
    id: Json
    name: str
    workflow_id: Json = None
    initial: bool | None = None


class LegacyTransition(_Dto, frozen=True, kw_only=True):
    name: str
    workflow_id: Json = None
    start_state_id: Json = None
    end_state_id: Json = None
    start_state_name: str | None = None
    end_state_name: str | None = None
    active: bool | None = None
    automated: bool | None = None
    criteria_ids: list[Json] | None = None
    end_processes_ids: list[Json] | None = None


class LegacyCriteria(_Dto, frozen=True, kw_only=True):
    id: Json
    name: str
    condition: dict[str, Json] | None = None
    criteria_checker: str | None = None
    parameters: list[dict[str, Json]] | None = None


class LegacyProcess(_Dto, frozen=True, kw_only=True):
    id: Json
    name: str
    sync_process: bool | None = None
    new_transaction_for_async: bool | None = None
    parameters: list[dict[str, Json]] | None = None


class StateMachine(_Dto, frozen=True, kw_only=True):
    """One export or start-up document."""

    workflow: list[LegacyWorkflow]
    state: list[LegacyState] = []
    transition: list[LegacyTransition] = []
    criteria: list[LegacyCriteria] = []
    process: list[LegacyProcess] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """A workflow document, and the model that it is of."""

    key: ModelKey
    document: dict[str, Json]

    @property
    def name(self) -> str:
        return self.document["name"]


_decoder = msgspec.json.Decoder(StateMachine)


def translated(body: bytes) -> tuple[Translated, ...]:
    """The workflow documents of a state machine document. Raises BadRequest, with what cannot be translated."""
    try:
        machine = _decoder.decode(body)
        translation = _Translation(machine)
        return tuple(translation.workflow(workflow) for workflow in machine.workflow)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"invalid JSON: {error}") from error


def model_of_class(class_name: str | None) -> ModelKey | None:
    """The model of a class name like `order.1`; None for a name of another form."""
    match = _CLASS_NAME.fullmatch(class_name or "")
    return ModelKey(match[1], int(match[2])) if match else None


class _Translation:
    """The lists of one document, by id."""

    def __init__(self, machine: StateMachine) -> None:
        self._machine = machine

    @cached_property
    def _states(self) -> Mapping[str, LegacyState]:
        return {_identity(state.id): state for state in self._machine.state}

    @cached_property
    def _criteria(self) -> Mapping[str, LegacyCriteria]:
        return {_identity(criteria.id): criteria for criteria in self._machine.criteria}

    @cached_property
    def _processes(self) -> Mapping[str, LegacyProcess]:
        return {_identity(process.id): process for process in self._machine.process}

    def workflow(self, workflow: LegacyWorkflow) -> Translated:
        mine = _identity(workflow.id)
        transitions = [each for each in self._machine.transition if self._is_of(each.workflow_id, mine)]
        states: dict[str, dict[str, Json]] = {
            state.name: {"transitions": []}
            for state in self._machine.state
            if self._is_of(state.workflow_id, mine) and _identity(state.id) != NONE_STATE
        }
        ends: set[str] = set()
        for each in transitions:
            start = self._state_name(each, each.start_state_id, each.start_state_name)
            end = self._state_name(each, each.end_state_id, each.end_state_name)
            ends.add(end)
            states.setdefault(end, {"transitions": []})
            states.setdefault(start, {"transitions": []})["transitions"].append(self._transition(each, end))
        criteria = [self._criterion(workflow.name, identity) for identity in workflow.criteria_ids or ()]
        named: dict[str, str] = {}
        document = {
            "version": SCHEMA_VERSION,
            "name": workflow.name,
            "desc": workflow.description or "",
            "initialState": self._initial(workflow, states, ends),
            "active": workflow.active is not False,
            "criterion": _together(workflow.name, [_without_model(each, named) for each in criteria]),
            "states": states,
        }
        return Translated(key=_model(workflow, named), document=document)

    def _is_of(self, workflow_id: Json, mine: str) -> bool:
        """Where a document has one workflow, its parts need not name it."""
        return _identity(workflow_id) == mine or (workflow_id is None and len(self._machine.workflow) == 1)

    def _initial(self, workflow: LegacyWorkflow, states: Mapping[str, Json], ends: set[str]) -> str:
        marked = [state.name for state in self._machine.state if state.initial and state.name in states]
        begins = marked or [name for name in states if name not in ends]
        if len(begins) != 1:
            raise BadRequest(f"workflow {workflow.name}: exactly one state must be initial")
        return begins[0]

    def _state_name(self, transition: LegacyTransition, identity: Json, name: str | None) -> str:
        known = self._states.get(_identity(identity))
        found = known.name if known is not None else name or ("NONE" if _identity(identity) == NONE_STATE else None)
        if found is None:
            raise BadRequest(f"transition {transition.name}: there is no state {_identity(identity)}")
        return found

    def _transition(self, transition: LegacyTransition, end: str) -> dict[str, Json]:
        criteria = [self._criterion(transition.name, identity) for identity in transition.criteria_ids or ()]
        return {
            "name": transition.name,
            "next": end,
            "manual": not transition.automated,
            "disabled": transition.active is False,
            "criterion": _together(transition.name, criteria),
            "processors": [self._processor(transition, identity) for identity in transition.end_processes_ids or ()],
        }

    def _criterion(self, owner: str, identity: Json) -> dict[str, Json]:
        criteria = self._criteria.get(_identity(identity))
        if criteria is None:
            raise BadRequest(f"{owner}: there is no criteria {_identity(identity)}")
        condition = None
        if criteria.condition:
            condition = _condition(criteria.name, criteria.condition)
        if _FUNCTION not in (criteria.criteria_checker or "").lower():
            return condition or {"type": "group", "operator": "AND", "conditions": []}
        function = {"name": criteria.name, "config": _config(criteria.name, criteria.parameters)}
        return {"type": "function", "function": function | ({"criterion": condition} if condition else {})}

    def _processor(self, transition: LegacyTransition, identity: Json) -> dict[str, Json]:
        process = self._processes.get(_identity(identity))
        if process is None:
            raise BadRequest(f"transition {transition.name}: there is no process {_identity(identity)}")
        mode = "ASYNC_NEW_TX" if process.new_transaction_for_async else "ASYNC_SAME_TX"
        return {
            "type": "externalized",
            "name": process.name,
            "executionMode": mode if process.sync_process is False else "SYNC",
            "config": _config(process.name, process.parameters),
        }


def _identity(value: Json) -> str:
    """An id as text; processes have an object with the id of what is stored."""
    found = _member(value, "persistedId") or _member(value, "runtimeId") if isinstance(value, dict) else value
    return "" if found is None else str(found)


def _member(value: Json, name: str) -> Json:
    return cast("dict[str, Json]", value).get(name)


def _model(workflow: LegacyWorkflow, named: Mapping[str, str]) -> ModelKey:
    """By the class name, or by the workflow's criteria when that is a class of theirs. Raises BadRequest."""
    key = model_of_class(f"{named[_MODEL_NAME]}.{named.get(_MODEL_VERSION, '1')}" if _MODEL_NAME in named else None)
    key = key or model_of_class(workflow.entity_class_name)
    if key is None:
        raise BadRequest(f"workflow {workflow.name}: entityClassName must be in format Name.Version (e.g., Offer.1)")
    return key


def _condition(owner: str, condition: Json) -> dict[str, Json]:
    try:
        return from_older(condition)
    except Untranslatable as reason:
        raise BadRequest(f"criteria {owner}: {reason}") from None


def _without_model(condition: dict[str, Json], named: dict[str, str]) -> dict[str, Json] | None:
    """The condition without its leaves that only say which model is meant: what they say goes to `named`."""
    path = str(condition.get("jsonPath", "")).removeprefix("$.")
    if path in (_MODEL_NAME, _MODEL_VERSION):
        named[path] = str(condition.get("value"))
        return None
    if condition.get("operator") != "AND":
        return condition
    kept = [_without_model(child, named) for child in condition["conditions"]]
    left = [child for child in kept if child is not None]
    return {**condition, "conditions": left} if left else None


def _together(owner: str, conditions: Sequence[dict[str, Json] | None]) -> dict[str, Json] | None:
    """All of the conditions in one; None when there is none. Raises BadRequest for a function among others."""
    found = [condition for condition in conditions if condition is not None]
    if len(found) < 2:
        return found[0] if found else None
    if any(condition["type"] == "function" for condition in found):
        raise BadRequest(f"{owner}: a criteria that asks a function cannot be combined with another one")
    return {"type": "group", "operator": "AND", "conditions": found}


def _config(owner: str, parameters: Sequence[Mapping[str, Json]] | None) -> dict[str, Json]:
    """What the parameters say about a callout; others mean nothing here."""
    values = {str(each.get("name")): _plain(each.get("value")) for each in parameters or ()}
    config: dict[str, Json] = {"attachEntity": values.get("attachEntity", "true").lower() != "false"}
    for name in ("calculationNodesTags", "context"):
        if values.get(name):
            config[name] = values[name]
    timeout_ms = values.get("calculationResponseTimeoutMs") or values.get("responseTimeoutMs")
    if timeout_ms:
        if not (timeout_ms.isascii() and timeout_ms.isdigit()):
            raise BadRequest(f"{owner}: the response time-out must be a number of milliseconds")
        config["responseTimeoutMs"] = int(timeout_ms)
    if values.get("retryPolicy") in _RETRY_POLICIES:
        config["retryPolicy"] = values["retryPolicy"]
    return config


def _plain(value: Json) -> str:
    """A parameter's value as text; theirs are wrapped into an object that names their type."""
    found = _member(value, "value") if isinstance(value, dict) else value
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None else str(found)
