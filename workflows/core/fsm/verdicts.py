"""A criterion taken apart: what each leaf saw and said, no member asked (contract: engine 2.6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from cyoda.clock import utc_text
from cyoda.jsonio import Json
from workflows.core.entity import Version
from workflows.core.predicates.condition import (
    ArrayCondition,
    Condition,
    FunctionCondition,
    Group,
    Leaf,
    Lifecycle,
    NumberText,
    condition_type,
)
from workflows.core.predicates.criterion import CriterionError, criterion_leaf, parse_criterion
from workflows.core.predicates.lifecycle import LIFECYCLE_FIELDS
from workflows.core.predicates.paths import FieldTypes, collector, has_elements, reader

Judgement = Literal["MATCHES", "DOES_NOT_MATCH", "UNKNOWN", "CANNOT_BE_EVALUATED"]
"""UNKNOWN: it depends on the answer of a member."""

MAX_VALUES = 100
"""Values of one leaf that are shown."""


class Tree(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One condition with its verdict.

    A leaf has `path` (or a lifecycle field's name), `operator`, `operand` and the `values` found, at most 100; a
    group has `operator` and `conditions`; a function has `name`, `tags` and, as the only condition, its pre-check.
    `note` says in words what the verdict does not.
    """

    type: str
    verdict: Judgement
    path: str = ""
    operator: str = ""
    operand: Json | UnsetType = UNSET
    values: list[Json] | UnsetType = UNSET
    name: str = ""
    tags: str | UnsetType = UNSET
    conditions: tuple[Tree, ...] = ()
    note: str = ""


def judged(text: bytes, entity: Version, fields: FieldTypes) -> Tree:
    """The tree of a criterion's JSON text, judged on an entity. Never raises."""
    try:
        condition = parse_criterion(text)
    except CriterionError as error:
        return Tree(type="", verdict="CANNOT_BE_EVALUATED", note=str(error))
    return _judged(condition, entity, fields)


def functions(tree: Tree) -> Iterable[Tree]:
    """The functions of a tree that an evaluation may ask: those whose pre-check is not false already."""
    if tree.type == "function" and tree.verdict == "UNKNOWN":
        yield tree
    for child in tree.conditions:
        yield from functions(child)


def undecided(tree: Tree) -> Iterable[Tree]:
    """The leaves and functions that keep a tree from matching."""
    if tree.verdict == "MATCHES":
        return
    if tree.type != "group":
        yield tree
    for child in tree.conditions if tree.type == "group" else ():
        yield from undecided(child)


def _judged(condition: Condition, entity: Version, fields: FieldTypes) -> Tree:
    if isinstance(condition, Group):
        return _group(condition, entity, fields)
    if isinstance(condition, FunctionCondition):
        return _function(condition, entity, fields)
    return _leaf(condition, entity, fields)


def _group(group: Group, entity: Version, fields: FieldTypes) -> Tree:
    children = tuple(_judged(child, entity, fields) for child in group.conditions)
    if group.operator not in ("AND", "OR"):
        note = f"unsupported group operator: {group.operator}"
        verdict: Judgement = "CANNOT_BE_EVALUATED"
    else:
        note, verdict = "", _joined(group.operator == "AND", [child.verdict for child in children])
    return Tree(type="group", verdict=verdict, operator=group.operator, conditions=children, note=note)


def _joined(is_conjunction: bool, verdicts: list[Judgement]) -> Judgement:
    """As the engine finds it, left to right; a member may still decide before a condition that fails is reached."""
    deciding: Judgement = "DOES_NOT_MATCH" if is_conjunction else "MATCHES"
    is_unknown = False
    for verdict in verdicts:
        if verdict == deciding:
            return deciding
        if verdict == "CANNOT_BE_EVALUATED":
            return "UNKNOWN" if is_unknown else verdict
        is_unknown = is_unknown or verdict == "UNKNOWN"
    if is_unknown:
        return "UNKNOWN"
    return "MATCHES" if is_conjunction else "DOES_NOT_MATCH"


def _function(function: FunctionCondition, entity: Version, fields: FieldTypes) -> Tree:
    """A false or failing pre-check settles it; else only a member can."""
    tags = function.config.calculation_nodes_tags
    children = () if function.criterion is None else (_judged(function.criterion, entity, fields),)
    verdict: Judgement = "UNKNOWN"
    note = f'not called here; would ask a member with one of the tags "{tags}"' if tags else (
        "not called here; would ask any member"
    )  # fmt: skip
    if children and children[0].verdict in ("DOES_NOT_MATCH", "CANNOT_BE_EVALUATED"):
        verdict, note = children[0].verdict, "not asked: its pre-check does not match"
    return Tree(type="function", verdict=verdict, name=function.name, tags=tags, conditions=children, note=note)


def _leaf(leaf: Leaf, entity: Version, fields: FieldTypes) -> Tree:
    note = ""
    try:
        matches = criterion_leaf(leaf, fields)(entity.document.value, entity)
        verdict: Judgement = "MATCHES" if matches else "DOES_NOT_MATCH"
    except CriterionError as error:
        verdict, note = "CANNOT_BE_EVALUATED", str(error)
    is_array = isinstance(leaf, ArrayCondition)
    return Tree(
        type=condition_type(leaf),
        verdict=verdict,
        path=leaf.field if isinstance(leaf, Lifecycle) else leaf.path,
        operator="" if isinstance(leaf, ArrayCondition) else leaf.operator,
        operand=_operand(list(leaf.values) if is_array else leaf.value),
        values=_values(leaf, entity, fields)[:MAX_VALUES],
        note=note,
    )


def _values(leaf: Leaf, entity: Version, fields: FieldTypes) -> list[Json]:
    """What the document holds at the leaf's path; absent reads as null."""
    if isinstance(leaf, Lifecycle):
        return _lifecycle_values(leaf.field, entity)
    path = leaf.path
    elements = f"{path}[*]"
    if not isinstance(leaf, ArrayCondition) and path not in fields and elements in fields:
        path = elements
    return collector(path)(entity.document.value) if has_elements(path) else [reader(path)(entity.document.value)]


def _lifecycle_values(field: str, entity: Version) -> list[Json]:
    match field:
        case "creationDate":
            return [utc_text(entity.creation_date)]
        case "lastUpdateTime":
            return [utc_text(entity.last_update_time)]
        case _:
            known = LIFECYCLE_FIELDS.get(field)
            return [] if known is None else [known.read(entity)]


def _operand(value: Json) -> Json:
    """The operand as the client wrote it, its numbers included."""
    if isinstance(value, NumberText):
        return Raw(str(value).encode())
    if isinstance(value, list):
        return [_operand(item) for item in cast("list[Json]", value)]
    return value
