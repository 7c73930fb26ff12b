"""The shapes of search conditions, for the OpenAPI document; `workflows.core.predicates` parses them (search 8)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from workflows.api.wire import Json
from workflows.core.predicates.condition import Operator


class _Condition(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    pass


class SimpleCondition(_Condition, frozen=True, kw_only=True, tag="simple"):
    """A test of the value at a path such as `$.items[*].price`; ranges take an array of two operands."""

    jsonPath: str  # noqa: N815 - the wire's spelling
    operatorType: Operator  # noqa: N815
    value: Json = None


class LifecycleCondition(_Condition, frozen=True, kw_only=True, tag="lifecycle"):
    """A test of `state`, `creationDate`, `lastUpdateTime`, `transitionForLatestSave`, `transactionId` or `id`."""

    field: str
    operatorType: Operator  # noqa: N815
    value: Json = None


class ArrayCondition(_Condition, frozen=True, kw_only=True, tag="array"):
    """The array's items equal the values at the same places; null accepts anything."""

    jsonPath: str  # noqa: N815
    values: list[Json]


class GroupCondition(_Condition, frozen=True, kw_only=True, tag="group"):
    """All (AND) or any (OR) of the conditions; at most 50 groups around another condition."""

    operator: Annotated[str, Meta(pattern="^([Aa][Nn][Dd]|[Oo][Rr])$")]
    conditions: list[Condition]


Condition = SimpleCondition | LifecycleCondition | ArrayCondition | GroupCondition
