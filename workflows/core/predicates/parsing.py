"""From a condition document to the tree (contract: search 8.1–8.6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import cast

from cyoda import jsonio
from cyoda.errors import BadRequest, CyodaError
from cyoda.jsonio import Json

from .condition import (
    DEFAULT_RESPONSE_TIMEOUT_MS,
    MATCH_ALL,
    MAX_DEPTH,
    ArrayCondition,
    Condition,
    FunctionCondition,
    FunctionConfig,
    Group,
    Lifecycle,
    NumberText,
    Simple,
)
from .paths import normalised

Refusal = Callable[[str], CyodaError]
"""The error that malformed conditions become: BadRequest in a search, InvalidCondition in statistics and deletes."""


_whole_number = re.compile(r"-?[0-9]{1,19}")


class _Malformed(ValueError):
    """Why the document is not a condition; becomes the caller's refusal."""


def parse_condition(data: bytes, refusal: Refusal = BadRequest) -> Condition:
    """The condition in `data`; a zero-length body matches everything (contract: search Q11).

    Operators and groups' operators are kept unchecked; `validation.check_structure` judges them.
    Raises `refusal("invalid condition: …")` for anything that is not a condition document.
    """
    if not data:
        return MATCH_ALL
    try:
        return _condition(_decoded(data), 0)
    except _Malformed as error:
        raise refusal(f"invalid condition: {error}") from error


def _decoded(data: bytes) -> Json:
    """The JSON value with every number as NumberText."""
    try:
        return jsonio.parse_spelled(data, NumberText)
    except jsonio.InvalidJson as error:
        raise _Malformed(str(error)) from error


def _condition(node: Json, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise _Malformed(f"condition exceeds maximum depth of {MAX_DEPTH}")
    if not isinstance(node, dict):
        raise _Malformed("condition must be a JSON object")
    members = cast("dict[str, Json]", node)
    match _text(members, "type"):
        case "simple":
            return Simple(normalised(_text(members, "jsonPath")), _operator(members), members.get("value"))
        case "lifecycle":
            return Lifecycle(_text(members, "field"), _operator(members), members.get("value"))
        case "group":
            return Group(_operator(members), _children(members, depth))
        case "array":
            return ArrayCondition(normalised(_text(members, "jsonPath")), _values(members))
        case "function":
            return _function(members, depth)
        case "":
            raise _Malformed("missing condition type")
        case unknown:
            raise _Malformed(f'unknown condition type "{unknown}"')


def _children(members: dict[str, Json], depth: int) -> tuple[Condition, ...]:
    children: list[Condition] = []
    for index, child in enumerate(_list(members, "conditions")):
        try:
            children.append(_condition(child, depth + 1))
        except _Malformed as error:
            raise _Malformed(f"condition[{index}]: {error}") from error
    return tuple(children)


def _values(members: dict[str, Json]) -> tuple[Json, ...]:
    """`values`, or `value` as the published OpenAPI document spells it (contract: search Q4)."""
    name = "values" if members.get("values") is not None else "value"
    return tuple(_list(members, name))


def _function(members: dict[str, Json], depth: int) -> FunctionCondition:
    function = _object(members, "function")
    config = _object(function, "config")
    timeout_ms = _whole(config, "responseTimeoutMs")
    pre_check = function.get("criterion")
    return FunctionCondition(
        name=_text(function, "name"),
        config=FunctionConfig(
            calculation_nodes_tags=_text(config, "calculationNodesTags"),
            attach_entity=_flag(config, "attachEntity", default=True),
            response_timeout_ms=timeout_ms if timeout_ms > 0 else DEFAULT_RESPONSE_TIMEOUT_MS,
            context=_text(config, "context"),
            retry_policy=_text(config, "retryPolicy"),
        ),
        criterion=None if pre_check is None else _condition(pre_check, depth + 1),
    )


def _operator(members: dict[str, Json]) -> str:
    """The first spelling that is not empty; clients send all three (contract: search 8.1)."""
    spellings = [_text(members, name) for name in ("operatorType", "operator", "operation")]
    return next((operator for operator in spellings if operator), "")


def _text(members: dict[str, Json], name: str) -> str:
    value = members.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or isinstance(value, NumberText):
        raise _Malformed(f"{name} must be a string")
    return value


def _list(members: dict[str, Json], name: str) -> list[Json]:
    value = members.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _Malformed(f"{name} must be an array")
    return cast("list[Json]", value)


def _object(members: dict[str, Json], name: str) -> dict[str, Json]:
    value = members.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Malformed(f"{name} must be an object")
    return cast("dict[str, Json]", value)


def _flag(members: dict[str, Json], name: str, *, default: bool) -> bool:
    value = members.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _Malformed(f"{name} must be a boolean")
    return value


def _whole(members: dict[str, Json], name: str) -> int:
    value = members.get(name)
    if value is None:
        return 0
    if not isinstance(value, NumberText) or not _whole_number.fullmatch(value):
        raise _Malformed(f"{name} must be a whole number")
    return int(value)
