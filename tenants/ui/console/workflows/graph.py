"""A workflow as the graph element and the tables beside it show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from cyoda import jsonio
from tenants.ui.console.workflows.criteria import sentence
from tenants.ui.console.workflows.pointers import pointed

Document = Mapping[str, Any]
Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """`kind` is manual, scheduled or automatic; `pointer` leads to it in the document."""

    source: str
    target: str
    name: str
    kind: str
    is_disabled: bool
    condition: str
    processors: list[Any]
    delay_ms: int
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One state with what leads out of it."""

    name: str
    role: str
    count: int
    transitions: list[Transition]
    pointer: str

    @property
    def query(self) -> str:
        return in_state(self.name)


def in_state(name: str) -> str:
    """The query that shows the entities of one state in their list."""
    test = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": name}
    return "?" + urlencode({"q": jsonio.dumps(test).decode()})


def transitions_of(document: Document) -> list[Transition]:
    return [transition for row in rows_of(document, {}) for transition in row.transitions]


def rows_of(document: Document, counts: Counts) -> list[Row]:
    """In the document's order."""
    return [
        Row(
            name=name, role=role(document, name), count=counts.get(name, 0), pointer=pointed("states", name),
            transitions=[
                _transition(name, index, each) for index, each in enumerate((state or {}).get("transitions") or ())
            ],
        )
        for name, state in document["states"].items()
    ]  # fmt: skip


def _transition(source: str, index: int, transition: Document) -> Transition:
    schedule = transition.get("schedule") or {}
    return Transition(
        source=source,
        target=transition.get("next", ""),
        name=transition.get("name", ""),
        kind="manual" if transition.get("manual") else "scheduled" if schedule else "automatic",
        is_disabled=bool(transition.get("disabled")),
        condition=sentence(transition.get("criterion")),
        processors=transition.get("processors") or [],
        delay_ms=schedule.get("delayMs") or 0,
        pointer=pointed("states", source, "transitions", index),
    )


def role(document: Document, name: str) -> str:
    """What the shape of a state tells: where entities begin, where they end, where they wait for somebody, where
    compute nodes work, or none of it."""
    if name == document.get("initialState"):
        return "initial"
    transitions = (document["states"][name] or {}).get("transitions") or []
    if not transitions:
        return "terminal"
    if all(transition.get("manual") for transition in transitions):
        return "waiting"
    return "processing" if any(transition.get("processors") for transition in transitions) else "ordinary"


def graph_of(
    document: Document,
    counts: Counts,
    *,
    href: Callable[[str], str] | None = None,
    listing: str = "",
    here: str | None = None,
) -> dict[str, Any]:
    """What the graph is drawn of. `href` is where a state leads to, `listing` the page of all entities, `here` the
    state that an entity is in."""
    rows = rows_of(document, counts)
    names = {row.name for row in rows}
    return {
        "states": [
            {
                "name": row.name, "role": row.role, "count": row.count, "href": href(row.name) if href else "",
                "list": listing + in_state(row.name) if listing else "", "here": row.name == here,
            }
            for row in rows
        ],
        "transitions": [
            {
                "from": each.source, "to": each.target, "name": each.name, "kind": each.kind,
                "disabled": each.is_disabled, "conditional": bool(each.condition),
            }
            for row in rows for each in row.transitions if each.target in names
        ],
    }  # fmt: skip
