"""Criteria as nested form fields, and in words; criterion_form.py makes criteria of the fields again.

The fields of a part are named by its place: `n0` is the whole, `n0-1` the second of its conditions, `n0-p` the quick
exit before a function. What a criterion says beyond these fields stays with it, in a hidden one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from cyoda import jsonio

Json = Any
ROOT = "n0"
TYPES = ("text", "number", "boolean", "json")
AS_DECLARED = "auto"
"""A value of the type that the model declares for its field."""
MAX_DEPTH, MAX_CONDITIONS = 40, 500
LIFECYCLE = ("state", "creationDate", "lastUpdateTime", "transitionForLatestSave", "transactionId", "id")
OPERATORS = (
    "EQUALS", "NOT_EQUAL", "GREATER_THAN", "GREATER_OR_EQUAL", "LESS_THAN", "LESS_OR_EQUAL", "BETWEEN",
    "BETWEEN_INCLUSIVE", "CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "NOT_STARTS_WITH", "ENDS_WITH", "NOT_ENDS_WITH",
    "LIKE", "MATCHES_PATTERN", "IS_NULL", "NOT_NULL", "IEQUALS", "INOT_EQUAL", "ICONTAINS", "INOT_CONTAINS",
    "ISTARTS_WITH", "INOT_STARTS_WITH", "IENDS_WITH", "INOT_ENDS_WITH",
)  # fmt: skip
PRESENCE, RANGES = ("IS_NULL", "NOT_NULL"), ("BETWEEN", "BETWEEN_INCLUSIVE")
KNOWN = {
    "simple": ("type", "jsonPath", "operatorType", "operator", "operation", "value"),
    "lifecycle": ("type", "field", "operatorType", "operator", "operation", "value"),
    "array": ("type", "jsonPath", "values", "value"),
    "group": ("type", "operator", "operatorType", "operation", "conditions"),
    "function": ("type", "function"),
}
_CONFIG = ("calculationNodesTags", "attachEntity", "responseTimeoutMs", "context", "retryPolicy")


class NotStructured(Exception):
    """A criterion that these fields cannot show; it can still be changed as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One part of a criterion as its fields show it."""

    place: str
    kind: str
    depth: int
    pointer: str
    values: Mapping[str, str]
    children: list[Node] = field(default_factory=list["Node"])

    @property
    def is_leaf(self) -> bool:
        return self.kind in ("simple", "lifecycle", "array")


def node_of(criterion: Json, place: str = ROOT, depth: int = 0, pointer: str = "") -> Node:
    """Raises NotStructured."""
    if not is_regular(criterion) or depth > MAX_DEPTH:
        raise NotStructured
    kind: str = criterion["type"]
    rest = {name: value for name, value in criterion.items() if name not in KNOWN[kind]}
    values = {"rest": dumped(rest) if rest else ""}
    children: list[Node] = []
    match kind:
        case "group":
            values["operator"] = str(_operator(criterion)).upper()
            conditions = criterion.get("conditions") or []
            children = [
                node_of(child, f"{place}-{index}", depth + 1, f"{pointer}/conditions/{index}")
                for index, child in enumerate(conditions)
            ]
        case "function":
            function = criterion.get("function") or {}
            values |= _function_values(function)
            if function.get("criterion"):
                children = [node_of(function["criterion"], f"{place}-p", depth + 1, f"{pointer}/function/criterion")]
        case "array":
            values |= {"path": criterion.get("jsonPath", ""), "value": dumped(criterion.get("values") or [])}
        case _:
            values["path"] = criterion.get("field" if kind == "lifecycle" else "jsonPath", "")
            values |= {"operator": str(_operator(criterion)), **_value_fields(criterion)}
    return Node(place=place, kind=kind, depth=depth, pointer=pointer, values=values, children=children)


def is_regular(criterion: Json) -> bool:
    """Whether its own members are what the fields take them for; what is inside of it is looked at later."""
    if not isinstance(criterion, dict) or criterion.get("type") not in tuple(KNOWN):
        return False
    conditions, function = criterion.get("conditions") or [], criterion.get("function") or {}
    texts = [criterion.get(name) for name in ("jsonPath", "field", "operatorType", "operator", "operation")]
    return (
        isinstance(conditions, list)
        and isinstance(function, dict)
        and isinstance(function.get("config") or {}, dict)
        and all(text is None or isinstance(text, str) for text in texts)
    )


def sentence(criterion: Json, depth: int = 0) -> str:
    """A criterion in one line, for lists."""
    if criterion is None:
        return ""
    match criterion["type"] if is_regular(criterion) else "":
        case "group":
            word = _(" or ") if str(_operator(criterion)).upper() == "OR" else _(" and ")
            inner = word.join(sentence(child, depth + 1) for child in criterion.get("conditions") or ())
            return f"({inner})" if depth and inner else inner
        case "function":
            function = criterion.get("function") or {}
            return _("%(name)s says so") % {"name": function.get("name", "?")}
        case "array":
            return f"{criterion.get('jsonPath', '')} = {dumped(criterion.get('values'))}"
        case "simple" | "lifecycle":
            subject = criterion.get("jsonPath") or criterion.get("field") or ""
            value = "" if _operator(criterion) in PRESENCE else dumped(criterion.get("value"))
            return f"{subject} {_operator(criterion)} {value}".strip()
    return _("a criterion")


# --- values ---------------------------------------------------------------------------------------------------------


def _operator(criterion: Mapping[str, Json]) -> Json:
    spelled = (criterion.get(name) for name in ("operatorType", "operator", "operation"))
    return next((operator for operator in spelled if operator), "")


def _value_fields(criterion: Mapping[str, Json]) -> dict[str, str]:
    value = criterion.get("value")
    if _operator(criterion) in RANGES and isinstance(value, list) and len(value) == 2:
        first, second = _shown(value[0]), _shown(value[1])
        if first[1] == second[1] != "json":
            return {"value": first[0], "second": second[0], "as": first[1]}
    text, kind = _shown(value)
    return {"value": text, "second": "", "as": kind}


def _shown(value: Json) -> tuple[str, str]:
    match value:
        case None | "":
            return "", AS_DECLARED
        case str():
            return value, "text"
        case bool():
            return "true" if value else "false", "boolean"
        case int() | Decimal():
            return dumped(value), "number"
        case _:
            return dumped(value), "json"


def _function_values(function: Mapping[str, Json]) -> dict[str, str]:
    config = function.get("config") or {}
    timeout_ms = config.get("responseTimeoutMs") or 0
    others = {name: value for name, value in function.items() if name not in ("name", "config", "criterion")}
    more = {name: value for name, value in config.items() if name not in _CONFIG}
    return {
        "name": str(function.get("name", "")),
        "tags": str(config.get("calculationNodesTags") or ""),
        "attach": "" if config.get("attachEntity") is False else "on",
        "timeout": str(timeout_ms) if timeout_ms else "",
        "context": str(config.get("context") or ""),
        "retry": str(config.get("retryPolicy") or ""),
        "others": dumped(others) if others else "",
        "more": dumped(more) if more else "",
    }


def dumped(value: Json) -> str:
    return jsonio.dumps(value).decode()
