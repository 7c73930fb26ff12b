"""The form that builds a condition: rows and groups as fields of an address, whose names say their places.

`c.g` joins the outermost group; child 0 of it is the row `c.0.f` (field), `c.0.o` (operator), `c.0.v` and `c.0.w`
(values), or the group `c.0.g`, and so on below. Places may be missing: the order counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from tenants.ui.console.conditions import MAX_DEPTH, MAX_ROWS, OPERATORS, Group, Row, operators_of, rows
from tenants.ui.console.fields import LIFECYCLE, Field, Fields, Kind

ROOT = "c"
_PARTS = frozenset("gfovw")


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str | Promise
    is_selected: bool
    kinds: str


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row as its template writes it; `error` says what is missing in it."""

    name: str
    row: Row
    kind: Kind
    lifecycle: list[Option]
    data: list[Option]
    operators: list[Option]
    error: str

    is_group = False


@dataclass(frozen=True, slots=True)
class ShownGroup:
    name: str
    operator: str
    children: list[ShownRow | ShownGroup]

    is_group = True


# --- from and to addresses --------------------------------------------------------------------------------------


def is_draft(given: Mapping[str, Any]) -> bool:
    return any(name.startswith(f"{ROOT}.") for name in given)


def draft(given: Mapping[str, Any]) -> Group:
    """The group that fields describe; names that are none of it are passed over."""
    tree: dict[str, Any] = {}
    for name, value in given.items():
        first, *places, part = name.split(".") if "." in name else (name, "")
        if first != ROOT or part not in _PARTS or len(places) > MAX_DEPTH or not all(map(_is_place, places)):
            continue
        node = tree
        for place in places:
            node = node.setdefault(place, {})
        node[part] = value
    return _group(tree)


def _is_place(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _group(tree: dict[str, Any]) -> Group:
    group = Group("OR" if tree.get("g") == "OR" else "AND")
    for place in sorted((name for name in tree if _is_place(name)), key=int):
        child = tree[place]
        group.children.append(_group(child) if "g" in child else _row(child))
    return group


def _row(tree: dict[str, Any]) -> Row:
    operator = tree.get("o", "EQUALS")
    return Row(tree.get("f", ""), operator if operator in OPERATORS else "EQUALS", tree.get("v", ""), tree.get("w", ""))


def written(group: Group, name: str = ROOT) -> Iterable[tuple[str, str]]:
    """The fields that describe a group."""
    yield f"{name}.g", group.operator
    for place, child in enumerate(group.children):
        inner = f"{name}.{place}"
        if isinstance(child, Group):
            yield from written(child, inner)
        else:
            values = {"f": child.path, "o": child.operator, "v": child.value, "w": child.other}
            yield from ((f"{inner}.{part}", value) for part, value in values.items() if value or part == "f")


# --- changing ---------------------------------------------------------------------------------------------------


def changed(group: Group, action: str) -> None:
    """Do what a button says in place: `add:`, `group:` or `remove:` and the name of a row or group.

    What does not exist is left alone, and so is a form that is full.
    """
    verb, _, name = action.partition(":")
    *above, last = name.removeprefix(ROOT).strip(".").split(".")
    if verb == "remove":
        owner = _found(group, above)
        if owner is not None and _is_place(last) and int(last) < len(owner.children):
            del owner.children[int(last)]
        return
    target = _found(group, [*above, last] if last else above)
    depth = len(above) + bool(last)
    if target is None or sum(1 for _ in rows(group)) >= MAX_ROWS:
        return
    if verb == "add":
        target.children.append(Row())
    elif verb == "group" and depth < MAX_DEPTH:
        target.children.append(Group("AND" if target.operator == "OR" else "OR", [Row()]))


def _found(group: Group, places: Iterable[str]) -> Group | None:
    for place in places:
        if not _is_place(place) or int(place) >= len(group.children):
            return None
        child = group.children[int(place)]
        if not isinstance(child, Group):
            return None
        group = child
    return group


# --- showing ----------------------------------------------------------------------------------------------------


def complaint(row: Row) -> str:
    """What is missing in a row; empty when nothing is, or when it is blank."""
    if row.is_blank:
        return ""
    if not row.path:
        return _("Choose a field.")
    if row.is_range and not (row.value and row.other):
        return _("A range needs both ends.")
    return ""


def shown(node: Group, fields: Fields, *, is_judged: bool = False, name: str = ROOT) -> ShownGroup:
    children = [
        shown(child, fields, is_judged=is_judged, name=f"{name}.{place}")
        if isinstance(child, Group)
        else _shown_row(child, fields, f"{name}.{place}", is_judged)
        for place, child in enumerate(node.children)
    ]
    return ShownGroup(name, node.operator, children)


def blank(fields: Fields) -> ShownRow:
    """What a script adds; its name is replaced."""
    return _shown_row(Row(), fields, "NAME", is_judged=False)


def _shown_row(row: Row, fields: Fields, name: str, is_judged: bool) -> ShownRow:
    kind = fields.of(row.path).kind if row.path else "mixed"
    listed = [*fields.values()] if row.path in fields or not row.path else [*fields.values(), fields.of(row.path)]
    fitting = {row.operator, *operators_of(kind)}
    return ShownRow(
        name,
        row,
        kind,
        [_option(field, row) for field in listed if field.path in LIFECYCLE],
        [_option(field, row) for field in listed if field.path not in LIFECYCLE],
        [Option(o, label, o == row.operator, "") for o, label in OPERATORS.items() if o in fitting],
        complaint(row) if is_judged else "",
    )


def _option(field: Field, row: Row) -> Option:
    return Option(field.path, field.label, field.path == row.path, field.kind)
