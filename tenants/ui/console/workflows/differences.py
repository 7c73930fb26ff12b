"""What differs between two sets of workflows: states and transitions are matched by their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cyoda import jsonio
from tenants.ui.console.differing import Difference, TextLine, differences, text_differences
from tenants.ui.console.documents import indented
from tenants.ui.console.workflows.criteria import sentence

ADDED, REMOVED, CHANGED, SAME, MOVED = "added", "removed", "changed", "same", "moved"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """A state or a transition that is not the same; `source` is the state that a transition leaves."""

    name: str
    kind: str
    source: str = ""
    fields: Sequence[Difference] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowChange:
    name: str
    kind: str
    fields: Sequence[Difference] = ()
    parts: Sequence[PartChange] = ()
    lines: Sequence[TextLine] = ()
    """Of the JSON texts; none of texts that are too long."""


def changes(before: Sequence[Document], after: Sequence[Document]) -> list[WorkflowChange]:
    """Of all workflows of a model, those that stay the same too, in the order of `after`; removed ones last."""
    old = {workflow["name"]: workflow for workflow in before}
    new = {workflow["name"]: workflow for workflow in after}
    found = [one_change(old.get(name), workflow) for name, workflow in new.items()]
    return found + [one_change(workflow, None) for name, workflow in old.items() if name not in new]


def one_change(before: Document | None, after: Document | None) -> WorkflowChange:
    if before is None or after is None:
        kind = ADDED if before is None else REMOVED
        whole = after or before or {}
        return WorkflowChange(name=whole["name"], kind=kind, lines=text_differences(_text(before), _text(after)) or ())
    fields = _fields(_own(before), _own(after))
    parts = list(_parts(before["states"], after["states"]))
    kind = CHANGED if fields or parts else SAME
    lines = text_differences(_text(before), _text(after)) if kind == CHANGED else None
    return WorkflowChange(name=after["name"], kind=kind, fields=fields, parts=parts, lines=lines or ())


def _fields(before: Document, after: Document) -> list[Difference]:
    """Criteria are compared in words, where those differ: their parts are many and say little alone."""
    words = [sentence(part.get("criterion")) for part in (before, after)]
    if words[0] == words[1]:
        return differences(before, after)
    return differences(_with_words(before, words[0]), _with_words(after, words[1]))


def _with_words(part: Document, words: str) -> dict[str, Any]:
    kept = {name: value for name, value in part.items() if name != "criterion"}
    return {**kept, "criterion": words} if words else kept


def _text(document: Document | None) -> str:
    return "" if document is None else indented(jsonio.dumps(document))


def _own(document: Document) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in ("states", "version")}


def _parts(before: Document, after: Document) -> Iterator[PartChange]:
    for name, state in after.items():
        if name not in before:
            yield PartChange(name=name, kind=ADDED)
        elif fields := differences(_annotations(before[name]), _annotations(state)):
            yield PartChange(name=name, kind=CHANGED, fields=fields)
        yield from _transitions(name, before.get(name) or {}, state or {})
    for name, state in before.items():
        if name not in after:
            yield PartChange(name=name, kind=REMOVED)
            yield from _transitions(name, state or {}, {})


def _annotations(state: Document | None) -> dict[str, Any]:
    return {name: value for name, value in (state or {}).items() if name != "transitions"}


def _transitions(source: str, before: Document, after: Document) -> Iterator[PartChange]:
    old = {each["name"]: each for each in before.get("transitions") or ()}
    new = {each["name"]: each for each in after.get("transitions") or ()}
    for name, transition in new.items():
        if name not in old:
            yield PartChange(name=name, kind=ADDED, source=source)
        elif fields := _fields(old[name], transition):
            yield PartChange(name=name, kind=CHANGED, source=source, fields=fields)
    for name in old:
        if name not in new:
            yield PartChange(name=name, kind=REMOVED, source=source)
    if [name for name in old if name in new] != [name for name in new if name in old]:
        yield PartChange(name=source, kind=MOVED)
