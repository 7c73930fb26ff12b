"""Checks of a whole condition tree, in the order a search makes them (contract: search 2.5, 8.8).

    check_structure (7), then, once the model is known, check_paths (9), check_patterns (10), check_operands (11)

One bad leaf refuses the request, also under OR.
"""

from __future__ import annotations

from typing import cast

from cyoda.errors import BadRequest, ConditionTypeMismatch, InvalidCondition, InvalidFieldPath
from cyoda.jsonio import Json
from workflows.core.schema.types import DataType, TypeSet, display

from .condition import (
    PRESENCE,
    RANGES,
    TYPED,
    ArrayCondition,
    Condition,
    FunctionCondition,
    Group,
    Leaf,
    Lifecycle,
    Operator,
    Simple,
    leaves,
)
from .lifecycle import LIFECYCLE_FIELDS, TextField, TimeField
from .operands import contains_object, elements, fits, operand_text
from .parsing import Refusal
from .paths import FieldTypes, element_path, is_known
from .text import text_test

_PATTERNS = frozenset({Operator.LIKE, Operator.MATCHES_PATTERN})
_INSTANT = TypeSet(DataType.ZONED_DATE_TIME)


def validate(condition: Condition, fields: FieldTypes) -> None:
    """Checks 9 to 11 of a search or conditional delete.

    Raises InvalidFieldPath, InvalidCondition, ConditionTypeMismatch.
    """
    check_paths(condition, fields)
    check_patterns(condition)
    check_operands(condition, fields)


def validate_for_statistics(condition: Condition) -> None:
    """The checks of grouped statistics, which leave data paths and their operands alone (contract: search 8.8, Q18).

    Raises InvalidCondition, InvalidFieldPath, ConditionTypeMismatch.
    """
    check_structure(condition, InvalidCondition)
    check_patterns(condition)
    for leaf in leaves(condition):
        if isinstance(leaf, Lifecycle):
            check_lifecycle(leaf)


# --- structure --------------------------------------------------------------------------------------------------


def check_structure(condition: Condition, refusal: Refusal = BadRequest) -> None:
    """Operators, arity, operand shapes (check 7).

    Raises `refusal` for an unknown operator or a range without two bounds; InvalidCondition for an object operand or a
    function condition.
    """
    if isinstance(condition, Group):
        group_is_conjunction(condition, refusal)
        for child in condition.conditions:
            check_structure(child, refusal)
    elif isinstance(condition, FunctionCondition):
        raise InvalidCondition("function conditions are only supported in workflow criteria")
    else:
        leaf_operator(condition, refusal)


def group_is_conjunction(group: Group, refusal: Refusal = BadRequest) -> bool:
    """True for AND, False for OR, in any case (contract: search Q9). Raises `refusal` for anything else."""
    name = group.operator.upper()
    if name not in ("AND", "OR"):
        raise refusal(f'unknown group operator "{group.operator}"; valid operators: AND, OR')
    return name == "AND"


def leaf_operator(leaf: Leaf, refusal: Refusal = BadRequest) -> Operator:
    """The operator of a leaf whose structure is right; an array condition is EQUALS. Raises as check_structure."""
    if isinstance(leaf, ArrayCondition):
        if contains_object(list(leaf.values)):
            raise InvalidCondition(f"condition on {leaf.path}: a value must not be an object")
        return Operator.EQUALS
    operator = operator_named(leaf.operator)
    if operator is None:
        valid = ", ".join(sorted(Operator))
        raise refusal(f'unknown operator "{leaf.operator}"; valid operators: {valid}')
    if operator in RANGES and not contains_object(leaf.value):
        _check_arity(operator, leaf.value, refusal)
    if contains_object(leaf.value):
        raise InvalidCondition(f"condition on {_subject(leaf)}: value must not be an object")
    return operator


def operator_named(name: str) -> Operator | None:
    return Operator(name) if name in Operator.__members__ else None


def _check_arity(operator: Operator, value: Json, refusal: Refusal) -> None:
    if not isinstance(value, list):
        raise refusal(f'operator "{operator}" requires exactly two operands, got a single value')
    count = len(cast("list[Json]", value))
    if count != 2:
        raise refusal(f'operator "{operator}" requires exactly two operands, got {count}')


# --- against the schema -----------------------------------------------------------------------------------------


def check_paths(condition: Condition, fields: FieldTypes) -> None:
    """Every data path is a field or an object around one (check 9). Raises InvalidFieldPath naming all that are not."""
    unknown = [
        leaf.path
        for leaf in leaves(condition)
        if isinstance(leaf, Simple | ArrayCondition) and _is_path_unknown(leaf, fields)
    ]
    if unknown:
        listed = ", ".join(dict.fromkeys(unknown))
        raise InvalidFieldPath(f"condition references unknown field path(s): {listed}")


def _is_path_unknown(leaf: Simple | ArrayCondition, fields: FieldTypes) -> bool:
    if isinstance(leaf, Simple):
        return not is_known(leaf.path, fields)
    return element_path(leaf.path, fields) is None


def check_patterns(condition: Condition) -> None:
    """Every pattern compiles (check 10). Raises InvalidCondition."""
    for leaf in leaves(condition):
        if isinstance(leaf, Simple | Lifecycle):
            check_pattern(leaf)


def check_pattern(leaf: Simple | Lifecycle) -> None:
    """Raises InvalidCondition when the leaf is a LIKE or MATCHES_PATTERN that RE2 does not compile."""
    operator = operator_named(leaf.operator)
    text = operand_text(leaf.value)
    if operator in _PATTERNS and operator is not None and text is not None:
        text_test(operator, text)


def check_operands(condition: Condition, fields: FieldTypes) -> None:
    """Operand types, container paths, lifecycle names (check 11). Raises ConditionTypeMismatch, InvalidFieldPath."""
    for leaf in leaves(condition):
        if isinstance(leaf, Lifecycle):
            check_lifecycle(leaf)
        elif isinstance(leaf, Simple):
            if operator_named(leaf.operator) not in PRESENCE:
                _check_field(leaf.path, leaf.path, leaf.operator, elements(leaf.value), fields)
        elif isinstance(leaf, ArrayCondition):
            compared = [value for value in leaf.values if value is not None]
            if compared:
                path = element_path(leaf.path, fields) or leaf.path
                _check_field(leaf.path, path, Operator.EQUALS, compared, fields)


def _check_field(shown: str, path: str, operator: str, operands: list[Json], fields: FieldTypes) -> None:
    types = fields.get(path)
    if types is None:
        raise InvalidFieldPath(f"field path {shown} is an object; only IS_NULL and NOT_NULL apply to it")
    if operator_named(operator) in TYPED:
        _check_operands(shown, operands, types)


def _check_operands(subject: str, operands: list[Json], types: TypeSet) -> None:
    for operand in operands:
        if not fits(operand, types):
            raise ConditionTypeMismatch(
                f"value {_shown(operand)} is not compatible with the type of {subject}: {display(types)}"
            )


def check_lifecycle(leaf: Lifecycle) -> None:
    """The field exists, and a time is compared with something temporal.

    Raises InvalidFieldPath, ConditionTypeMismatch.
    """
    field = lifecycle_field(leaf.field)
    if isinstance(field, TimeField) and operator_named(leaf.operator) in TYPED:
        _check_operands(leaf.field, elements(leaf.value), _INSTANT)


def lifecycle_field(name: str) -> TextField | TimeField:
    """Raises InvalidFieldPath."""
    field = LIFECYCLE_FIELDS.get(name)
    if field is None:
        raise InvalidFieldPath(f'unknown meta filter field "{name}"')
    return field


def _subject(leaf: Simple | Lifecycle) -> str:
    return leaf.path if isinstance(leaf, Simple) else leaf.field


def _shown(operand: Json) -> str:
    text = operand_text(operand)
    return "of an array" if text is None else f'"{text[:100]}"'
