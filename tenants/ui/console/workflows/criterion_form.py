"""From the fields of a criterion (criteria.py) to the criterion, and what the buttons among them do."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils.translation import gettext as _

from cyoda import jsonio
from tenants.ui.console.workflows.criteria import (
    AS_DECLARED,
    KNOWN,
    MAX_CONDITIONS,
    MAX_DEPTH,
    PRESENCE,
    RANGES,
    ROOT,
    TYPES,
    Json,
    Node,
    NotStructured,
)

Kinds = Mapping[str, str]
NEW: Mapping[str, Json] = {
    "simple": {"type": "simple", "jsonPath": "$.", "operatorType": "EQUALS", "value": ""},
    "lifecycle": {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": ""},
    "array": {"type": "array", "jsonPath": "$.", "values": []},
    "group": {"type": "group", "operator": "AND", "conditions": []},
    "function": {"type": "function", "function": {"name": "", "config": {"attachEntity": True}}},
}


class WrongValue(Exception):
    """A value that is not what it is said to be."""


def node_as_sent(sent: Mapping[str, str], place: str = ROOT, depth: int = 0, pointer: str = "") -> Node:
    """The part that the sent fields show, right or wrong. Raises NotStructured."""
    kind = sent.get(f"{place}.kind", "")
    if kind not in KNOWN or depth > MAX_DEPTH:
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
    if kind not in KNOWN or depth > MAX_DEPTH:
        raise NotStructured

    def got(name: str) -> str:
        return sent.get(f"{place}.{name}", "")

    rest = _kept(got("rest"))
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


# --- values ---------------------------------------------------------------------------------------------------------


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


def _kept(text: str) -> dict[str, Json]:
    """What a hidden field keeps of members that no field shows."""
    value = _parsed(text) if text else {}
    return value if isinstance(value, dict) else {}


def _list(text: str) -> list[Json]:
    value = _parsed(text or "[]")
    if not isinstance(value, list):
        raise WrongValue(_("“%(text)s” is no JSON array.") % {"text": text})
    return value


def _function(sent: Mapping[str, str], kinds: Kinds, place: str, depth: int) -> Json:
    def got(name: str) -> str:
        return sent.get(f"{place}.{name}", "")

    others, more = _kept(got("others")), _kept(got("more"))
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
