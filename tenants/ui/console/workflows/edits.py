"""Changes of a workflow's document, as people make them with forms: each takes a document and returns another one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from tenants.ui.console.workflows.pointers import found

Document = dict[str, Any]
Part = dict[str, Any]
STARTER: Document = {
    "version": "1.3",
    "name": "",
    "initialState": "NEW",
    "active": True,
    "states": {"NEW": {"transitions": [{"name": "finish", "next": "DONE", "manual": True}]}, "DONE": {}},
}


class EditRefused(Exception):
    """Why a change cannot be made, in words for the person; `field` is the one of the form that it is about."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.field = field


def edited(document: Document, change: Callable[[Document], None]) -> Document:
    """The document after a change that may not happen halfway. Raises EditRefused."""
    after = copy.deepcopy(document)
    try:
        change(after)
    except (KeyError, IndexError, TypeError, AttributeError):
        raise EditRefused(_("This part is no longer in the draft, or not as these forms know it.")) from None
    return after


def transitions_of(state: Part | None) -> list[Part]:
    return (state or {}).get("transitions") or []


def leading_to(document: Document, name: str) -> Iterator[tuple[str, Part]]:
    """The transitions that lead to a state, with the states that they leave."""
    for source, state in document["states"].items():
        for transition in transitions_of(state):
            if transition.get("next") == name:
                yield source, transition


# --- states ---------------------------------------------------------------------------------------------------------


def add_state(document: Document, name: str) -> None:
    _check_new_state(document, name)
    document["states"][name] = {}


def rename_state(document: Document, old: str, new: str) -> None:
    """With everything that refers to it; it keeps its place."""
    if old == new:
        return
    if old not in document["states"]:
        raise KeyError(old)
    _check_new_state(document, new)
    for _source, transition in list(leading_to(document, old)):
        transition["next"] = new
    document["states"] = {new if name == old else name: state for name, state in document["states"].items()}
    if document.get("initialState") == old:
        document["initialState"] = new


def delete_state(document: Document, name: str) -> None:
    """With its transitions and those that lead to it."""
    if document.get("initialState") == name:
        raise EditRefused(_("Entities begin in this state: choose another initial state first."))
    del document["states"][name]
    for state in document["states"].values():
        kept = [transition for transition in transitions_of(state) if transition.get("next") != name]
        if len(kept) != len(transitions_of(state)):
            state["transitions"] = kept


def set_initial(document: Document, name: str) -> None:
    if name not in document["states"]:
        raise KeyError(name)
    document["initialState"] = name


def _check_new_state(document: Document, name: str) -> None:
    if not name.strip():
        raise EditRefused(_("A state needs a name."), "name")
    if name in document["states"]:
        raise EditRefused(_("There is a state of this name already."), "name")


# --- transitions ----------------------------------------------------------------------------------------------------


def add_transition(document: Document, source: str, name: str, target: str) -> None:
    state = document["states"][source]
    _check_new_transition(state, name)
    state["transitions"] = [*transitions_of(state), {"name": name, "next": target, "manual": True}]


def change_transition(document: Document, source: str, index: int, values: Part, into: str) -> None:
    """Members with new values (None takes one away); `into` is the state that it leaves from now on."""
    state = document["states"][source]
    transition = transitions_of(state)[index]
    if values.get("name") != transition.get("name") or into != source:
        _check_new_transition(document["states"][into], values.get("name") or "")
    _put(transition, values)
    if into != source:
        del state["transitions"][index]
        document["states"][into]["transitions"] = [*transitions_of(document["states"][into]), transition]


def _check_new_transition(state: Part, name: str) -> None:
    if not name.strip():
        raise EditRefused(_("A transition needs a name."), "name")
    if any(transition.get("name") == name for transition in transitions_of(state)):
        raise EditRefused(_("The state has a transition of this name already."), "name")


# --- items of lists: transitions of a state, processors of a transition ---------------------------------------------


def move_item(document: Document, pointer: str, index: int, by: int) -> None:
    items: list[Any] = found(document, pointer)
    if 0 <= index + by < len(items):
        items.insert(index + by, items.pop(index))


def delete_item(document: Document, pointer: str, index: int) -> None:
    del found(document, pointer)[index]


def add_processor(document: Document, transition: str, name: str) -> None:
    owner = found(document, transition)
    if not name.strip():
        raise EditRefused(_("A processor needs a name."), "name")
    processor = {"type": "externalized", "name": name, "executionMode": "SYNC", "config": {"attachEntity": True}}
    owner["processors"] = [*(owner.get("processors") or []), processor]


def change_processor(document: Document, pointer: str, values: Part, config: Part) -> None:
    processor = found(document, pointer)
    _put(processor, values)
    processor["config"] = processor.get("config") or {}
    _put(processor["config"], config)


# --- criteria and the workflow itself -------------------------------------------------------------------------------


def set_criterion(document: Document, owner: str, criterion: Any) -> None:
    """None takes it away."""
    _put(found(document, owner), {"criterion": criterion})


def change_workflow(document: Document, values: Part) -> None:
    _put(document, values)


def _put(part: Part, values: Part) -> None:
    for name, value in values.items():
        if value is None:
            part.pop(name, None)
        else:
            part[name] = value
