"""Criteria as nested form fields: a tree becomes rows of fields, and the fields become the tree again.

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
Kinds = Mapping[str, str]
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
NEW: Mapping[str, Json] = {
    "simple": {"type": "simple", "jsonPath": "$.", "operatorType": "EQUALS", "value": ""},
    "lifecycle": {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": ""},
    "array": {"type": "array", "jsonPath": "$.", "values": []},
    "group": {"type": "group", "operator": "AND", "conditions": []},
    "function": {"type": "function", "function": {"name": "", "config": {"attachEntity": True}}},
}
_KNOWN = {
    "simple": ("type", "jsonPath", "operatorType", "operator", "operation", "value"),
    "lifecycle": ("type", "field", "operatorType", "operator", "operation", "value"),
    "array": ("type", "jsonPath", "values", "value"),
    "group": ("type", "operator", "operatorType", "operation", "conditions"),
    "function": ("type", "function"),
}
_CONFIG = ("calculationNodesTags", "attachEntity", "responseTimeoutMs", "context", "retryPolicy")


class NotStructured(Exception):
    """A criterion that these fields cannot show; it can still be changed as JSON."""


class WrongValue(Exception):
    """A value that is not what it is said to be."""


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
    if not isinstance(criterion, dict) or criterion.get("type") not in _KNOWN or depth > MAX_DEPTH:
        raise NotStructured
    kind: str = criterion["type"]
    rest = {name: value for name, value in criterion.items() if name not in _KNOWN[kind]}
    values = {"rest": _dumped(rest) if rest else ""}
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
            values |= {"path": criterion.get("jsonPath", ""), "value": _dumped(criterion.get("values") or [])}
        case _:
            values["path"] = criterion.get("field" if kind == "lifecycle" else "jsonPath", "")
            values |= {"operator": str(_operator(criterion)), **_value_fields(criterion)}
    return Node(place=place, kind=kind, depth=depth, pointer=pointer, values=values, children=children)


def node_as_sent(sent: Mapping[str, str], place: str = ROOT, depth: int = 0, pointer: str = "") -> Node:
    """The part that the sent fields show, right or wrong. Raises NotStructured."""
    kind = sent.get(f"{place}.kind", "")
    if kind not in _KNOWN or depth > MAX_DEPTH:
        raise NotStructured
    prefix = f"{place}."
    values = {name.removeprefix(prefix): value for name, value in sent.items() if name.startswith(prefix)}
    inner = [f"{place}-p"] if f"{place}-p.kind" in sent else []
    if kind == "group" and values.get("count", "").isdecimal():
        inner = [f"{place}-{index}" for index in range(min(int(values["count"]), MAX_CONDITIONS))]
    children = [node_as_sent(sent, each, depth + 1, pointer) for each in inner]
    return Node(place=place, kind=kind, depth=depth, pointer=pointer, values=values, children=children)


def criterion_of(sent: Mapping[str, str], kinds: Kinds, place: str = ROOT, depth: int = 0) -> Json:
    """The criterion that the sent fields make; `kinds` are those of the document's fields, by path.

    Raises WrongValue, NotStructured.
    """
    kind = sent.get(f"{place}.kind", "")
    if kind not in _KNOWN or depth > MAX_DEPTH:
        raise NotStructured

    def got(name: str) -> str:
        return sent.get(f"{place}.{name}", "")

    rest = _parsed(got("rest")) if got("rest") else {}
    match kind:
        case "group":
            number = int(got("count")) if got("count").isdecimal() else 0
            inner = [
                criterion_of(sent, kinds, f"{place}-{index}", depth + 1) for index in range(min(number, MAX_CONDITIONS))
            ]
            return {"type": kind, "operator": got("operator") or "AND", "conditions": inner, **rest}
        case "function":
            return {"type": kind, "function": _function(sent, kinds, place, depth), **rest}
        case "array":
            return {"type": kind, "jsonPath": got("path"), "values": _list(got("value")), **rest}
        case _:
            member = "field" if kind == "lifecycle" else "jsonPath"
            test = {"type": kind, member: got("path"), "operatorType": got("operator")}
            declared = kinds.get(got("path"), "") if kind == "simple" else ""
            typed = (declared if declared in TYPES else "text") if got("as") == AS_DECLARED else got("as")
            return {**test, **_value(got("operator"), typed, got("value"), got("second")), **rest}


def with_act(criterion: Json, act: str) -> Json:
    """The criterion after a button of the builder: `add-simple:n0`, `wrap:n0-1`, `remove:n0-1`, `exit-group:n0` …"""
    name, _colon, place = act.partition(":")
    verb, _dash, kind = name.partition("-")
    steps = place.removeprefix(ROOT).split("-")[1:]
    if verb == "new":
        return _new(kind)
    return _acted(criterion, steps, verb, kind)


def _acted(node: Json, steps: list[str], verb: str, kind: str) -> Json:
    """The node with the act done at the end of `steps`; None when it is removed itself. Raises NotStructured."""
    if not steps:
        match verb:
            case "remove":
                return None
            case "wrap":
                return {"type": "group", "operator": "AND", "conditions": [node]}
            case "add" if node["type"] == "group":
                return {**node, "conditions": [*node["conditions"], _new(kind)]}
            case "exit" if node["type"] == "function":
                return {**node, "function": {**node["function"], "criterion": _new(kind)}}
        raise NotStructured
    step, *further = steps
    if step == "p" and node["type"] == "function":
        inner = _acted(node["function"]["criterion"], further, verb, kind)
        kept = {name: value for name, value in node["function"].items() if name != "criterion"}
        return {**node, "function": kept | ({} if inner is None else {"criterion": inner})}
    if node["type"] != "group" or not step.isdecimal() or int(step) >= len(node["conditions"]):
        raise NotStructured
    inner = [
        _acted(child, further, verb, kind) if index == int(step) else child
        for index, child in enumerate(node["conditions"])
    ]
    return {**node, "conditions": [child for child in inner if child is not None]}


def _new(kind: str) -> Json:
    if kind not in NEW:
        raise NotStructured
    return dict(NEW[kind])


def sentence(criterion: Json, depth: int = 0) -> str:
    """A criterion in one line, for lists."""
    if not isinstance(criterion, dict):
        return ""
    match criterion.get("type"):
        case "group":
            word = _(" or ") if str(_operator(criterion)).upper() == "OR" else _(" and ")
            inner = word.join(sentence(child, depth + 1) for child in criterion.get("conditions") or ())
            return f"({inner})" if depth and inner else inner
        case "function":
            function = criterion.get("function") or {}
            return _("%(name)s says so") % {"name": function.get("name", "?")}
        case "array":
            return f"{criterion.get('jsonPath', '')} = {_dumped(criterion.get('values'))}"
        case "simple" | "lifecycle":
            subject = criterion.get("jsonPath") or criterion.get("field") or ""
            value = "" if _operator(criterion) in PRESENCE else _dumped(criterion.get("value"))
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
            return _dumped(value), "number"
        case _:
            return _dumped(value), "json"


def _value(operator: str, kind: str, first: str, second: str) -> dict[str, Json]:
    if operator in PRESENCE:
        return {}
    if operator in RANGES and kind != "json":
        return {"value": [_typed(kind, first), _typed(kind, second)]}
    return {"value": _typed(kind, first)}


def _typed(kind: str, text: str) -> Json:
    if kind not in ("number", "boolean", "json"):
        return text
    value = _parsed(text.strip())
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if (kind == "number" and not is_number) or (kind == "boolean" and not isinstance(value, bool)):
        raise WrongValue(_("“%(text)s” is not of the chosen type.") % {"text": text})
    return value


def _parsed(text: str) -> Json:
    try:
        return jsonio.parse(text.encode())
    except jsonio.InvalidJson:
        raise WrongValue(_("“%(text)s” is not of the chosen type.") % {"text": text}) from None


def _list(text: str) -> list[Json]:
    value = _parsed(text or "[]")
    if not isinstance(value, list):
        raise WrongValue(_("“%(text)s” is no JSON array.") % {"text": text})
    return value


def _dumped(value: Json) -> str:
    return jsonio.dumps(value).decode()


# --- functions ------------------------------------------------------------------------------------------------------


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
        "others": _dumped([others, more]) if others or more else "",
    }


def _function(sent: Mapping[str, str], kinds: Kinds, place: str, depth: int) -> Json:
    def got(name: str) -> str:
        return sent.get(f"{place}.{name}", "")

    others, more = _parsed(got("others")) if got("others") else ({}, {})
    config: dict[str, Json] = {"attachEntity": bool(got("attach"))}
    if got("tags"):
        config["calculationNodesTags"] = got("tags")
    if got("timeout"):
        config["responseTimeoutMs"] = _typed("number", got("timeout"))
    if got("context"):
        config["context"] = got("context")
    if got("retry"):
        config["retryPolicy"] = got("retry")
    function: dict[str, Json] = {"name": got("name"), "config": {**config, **more}, **others}
    if f"{place}-p.kind" in sent:
        function["criterion"] = criterion_of(sent, kinds, f"{place}-p", depth + 1)
    return function
