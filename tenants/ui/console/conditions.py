"""Conditions of searches as rows in groups, to be built by forms and written as JSON (contract: search 8).

Every tree of rows is a condition. Not every condition is a tree of rows; what cannot be one is told, and where.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenants.ui.console.fields import Fields, Kind, known

MAX_DEPTH = 50
MAX_ROWS = 200
PRESENCE = ("IS_NULL", "NOT_NULL")
RANGES = ("BETWEEN", "BETWEEN_INCLUSIVE")
ORDER = ("GREATER_THAN", "GREATER_OR_EQUAL", "LESS_THAN", "LESS_OR_EQUAL", *RANGES)

OPERATORS: dict[str, Promise] = {
    "EQUALS": lazy("is"),
    "NOT_EQUAL": lazy("is not"),
    "GREATER_THAN": lazy("is greater than"),
    "GREATER_OR_EQUAL": lazy("is at least"),
    "LESS_THAN": lazy("is less than"),
    "LESS_OR_EQUAL": lazy("is at most"),
    "BETWEEN": lazy("lies between, without both ends"),
    "BETWEEN_INCLUSIVE": lazy("lies between, with both ends"),
    "CONTAINS": lazy("contains"),
    "STARTS_WITH": lazy("starts with"),
    "ENDS_WITH": lazy("ends with"),
    "ICONTAINS": lazy("contains, in any case"),
    "ISTARTS_WITH": lazy("starts with, in any case"),
    "IENDS_WITH": lazy("ends with, in any case"),
    "IEQUALS": lazy("is, in any case"),
    "LIKE": lazy("is like (% and _)"),
    "MATCHES_PATTERN": lazy("matches the pattern"),
    "NOT_CONTAINS": lazy("does not contain"),
    "NOT_STARTS_WITH": lazy("does not start with"),
    "NOT_ENDS_WITH": lazy("does not end with"),
    "INOT_EQUAL": lazy("is not, in any case"),
    "INOT_CONTAINS": lazy("does not contain, in any case"),
    "INOT_STARTS_WITH": lazy("does not start with, in any case"),
    "INOT_ENDS_WITH": lazy("does not end with, in any case"),
    "IS_NULL": lazy("is absent or null"),
    "NOT_NULL": lazy("is there"),
}
"""The 26 of the contract (search 9.4)."""

_ORDERED = ("EQUALS", "NOT_EQUAL", *ORDER, *PRESENCE)
_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "number": _ORDERED,
    "instant": _ORDERED,
    "date": (*_ORDERED, "STARTS_WITH", "NOT_STARTS_WITH"),
    "time": (*_ORDERED, "STARTS_WITH", "NOT_STARTS_WITH"),
    "boolean": ("EQUALS", "NOT_EQUAL", *PRESENCE),
    "none": PRESENCE,
}


def operators_of(kind: Kind) -> tuple[str, ...]:
    """Those that can match values of a kind."""
    return _OF_KIND.get(kind, tuple(OPERATORS))


@dataclass(slots=True)
class Row:
    """One test. Values are what was typed; `other` is the end of a range."""

    path: str = ""
    operator: str = "EQUALS"
    value: str = ""
    other: str = ""

    @property
    def is_blank(self) -> bool:
        return not (self.path or self.value or self.other)

    @property
    def needs_value(self) -> bool:
        return self.operator not in PRESENCE

    @property
    def is_range(self) -> bool:
        return self.operator in RANGES


@dataclass(slots=True)
class Group:
    """All of its children, or any of them."""

    operator: str = "AND"
    children: list[Row | Group] = field(default_factory=list["Row | Group"])


class NotRows(Exception):
    """A condition that rows cannot show; `where` points into the JSON, as in `/conditions/2/value`."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(reason)
        self.where = where or "/"
        self.reason = reason


# --- from JSON --------------------------------------------------------------------------------------------------


def rows_of(condition: Any) -> Group:
    """The tree of a condition's JSON value. Raises NotRows."""
    found = _node(condition, "", 0)
    return found if isinstance(found, Group) else Group(children=[found])


def _node(condition: Any, where: str, depth: int) -> Row | Group:
    if not isinstance(condition, dict):
        raise NotRows(where, _("a condition has to be a JSON object"))
    match condition.get("type"):
        case "group":
            return _group(condition, where, depth)
        case "simple":
            return _row(condition, known(_text(condition, "jsonPath", where)), where)
        case "lifecycle":
            return _row(condition, known("@" + _text(condition, "field", where)), where)
        case "array" | "function" as kind:
            raise NotRows(where, _("a condition of type “%(type)s” has no form as a row") % {"type": kind})
        case None:
            raise NotRows(where, _("it has no “type”"))
        case kind:
            raise NotRows(f"{where}/type", _("“%(type)s” is no type of a condition") % {"type": kind})


def _group(condition: dict[str, Any], where: str, depth: int) -> Group:
    if depth == MAX_DEPTH:
        raise NotRows(where, _("groups are nested more than 50 deep"))
    operator = str(_operator(condition, where)).upper()
    if operator not in ("AND", "OR"):
        raise NotRows(f"{where}/operator", _("a group is joined by AND or OR"))
    children = condition.get("conditions")
    children = [] if children is None else children
    if not isinstance(children, list):
        raise NotRows(f"{where}/conditions", _("it has to be an array of conditions"))
    found = [_node(child, f"{where}/conditions/{place}", depth + 1) for place, child in enumerate(children)]
    return Group(operator, found)


def _row(condition: dict[str, Any], path: str, where: str) -> Row:
    operator = _operator(condition, where)
    if operator not in OPERATORS:
        raise NotRows(f"{where}/operatorType", _("“%(name)s” is no operator") % {"name": operator})
    value = condition.get("value")
    if operator in PRESENCE:
        return Row(path, operator)
    if operator in RANGES:
        if not isinstance(value, list) or len(value) != 2:
            raise NotRows(f"{where}/value", _("a range takes an array of two values"))
        first, last = (_typed(end, f"{where}/value/{place}") for place, end in enumerate(value))
        return Row(path, operator, first, last)
    return Row(path, operator, _typed(value, f"{where}/value"))


def _operator(condition: dict[str, Any], where: str) -> Any:
    names = ("operatorType", "operator", "operation")
    found = next((condition[name] for name in names if condition.get(name)), None)
    if found is None:
        raise NotRows(where, _("it has no operator"))
    return found


def _text(condition: dict[str, Any], name: str, where: str) -> str:
    value = condition.get(name)
    if not isinstance(value, str) or not value:
        raise NotRows(f"{where}/{name}", _("“%(name)s” has to be a text") % {"name": name})
    return value


def _typed(value: Any, where: str) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case str() if "\n" in value or "\r" in value:
            raise NotRows(where, _("a text of several lines does not fit into a row"))
        case str():
            return value
        case None:
            raise NotRows(where, _("a value of null has no form as a row; use “is absent or null”"))
        case _:
            raise NotRows(where, _("a row takes a text, a number or a truth value"))


# --- to JSON ----------------------------------------------------------------------------------------------------


def condition_of(group: Group, fields: Fields) -> dict[str, Any]:
    """The condition's JSON value; rows in which nothing is filled in, and groups of nothing else, are left out."""
    found = (_condition(child, fields) for child in group.children)
    return {"type": "group", "operator": group.operator, "conditions": [one for one in found if one is not None]}


def _condition(node: Row | Group, fields: Fields) -> dict[str, Any] | None:
    if isinstance(node, Group):
        return None if is_blank(node) else condition_of(node, fields)
    if not node.path:
        return None
    if node.path.startswith("@"):
        test: dict[str, Any] = {"type": "lifecycle", "field": node.path[1:], "operatorType": node.operator}
    else:
        test = {"type": "simple", "jsonPath": node.path, "operatorType": node.operator}
    kind = fields.of(node.path).kind
    if node.is_range:
        test["value"] = [_valued(node.value, kind), _valued(node.other, kind)]
    elif node.needs_value:
        test["value"] = _valued(node.value, kind)
    return test


def is_blank(node: Row | Group) -> bool:
    return all(map(is_blank, node.children)) if isinstance(node, Group) else node.is_blank


def _valued(text: str, kind: Kind) -> Any:
    """As a number or truth value where it is one; the API takes its text for the same."""
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "number" and len(text) <= 100:
        try:
            number = Decimal(text)
        except InvalidOperation:
            return text
        return number if number.is_finite() and str(number) == text != "-0" else text
    return text


# --- in words ---------------------------------------------------------------------------------------------------


def in_words(node: Row | Group, fields: Fields, *, is_inner: bool = False) -> str:
    if isinstance(node, Group):
        word = _(" and ") if node.operator == "AND" else _(" or ")
        parts = [in_words(child, fields, is_inner=True) for child in node.children]
        text = word.join(parts) if parts else _("everything") if node.operator == "AND" else _("nothing")
        return f"({text})" if is_inner and len(parts) > 1 else text
    label, operator = fields.of(node.path).label, str(OPERATORS[node.operator])
    values = f"{node.value} … {node.other}" if node.is_range else node.value if node.needs_value else ""
    return f"{label} {operator} {values}".rstrip()


def rows(node: Row | Group) -> Iterator[Row]:
    if isinstance(node, Row):
        yield node
        return
    for child in node.children:
        yield from rows(child)
