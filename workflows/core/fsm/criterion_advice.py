"""What is legal in a criterion but probably not meant (ours): most of it fails when it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Raw, UnsetType

from cyoda.errors import CyodaError, InvalidCondition
from workflows.core.predicates.condition import ArrayCondition, FunctionCondition, Group, Lifecycle, Operator, Simple
from workflows.core.predicates.operands import operand_text
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.paths import FieldTypes
from workflows.core.predicates.validation import check_operands, check_paths, group_is_conjunction, leaf_operator

from .advice import MembersOf, tag_advice
from .criterion_check import Located, located
from .document import Workflow, criterion_text, quoted
from .issue import Issue, Place
from .validation import place_of, state_place, transition_place


def criteria_advice(
    workflow: Workflow, pointer: str, fields: FieldTypes, members_of: MembersOf
) -> Iterator[Issue]:  # fmt: skip
    """About the workflow's own criterion and those of its transitions; no `fields` are known of an open schema."""
    place = place_of(workflow, pointer)
    yield from _criterion(place, workflow.criterion, fields, members_of, is_asked_often=False)
    for name, state in workflow.states.items():
        inside = state_place(place, name)
        for index, transition in enumerate(state.transitions):
            here = transition_place(inside, index, transition)
            is_automatic = not transition.manual
            yield from _criterion(here, transition.criterion, fields, members_of, is_asked_often=is_automatic)


def _criterion(
    owner: Place, criterion: Raw | UnsetType, fields: FieldTypes, members_of: MembersOf, *, is_asked_often: bool
) -> Iterator[Issue]:
    text = criterion_text(criterion)
    if text is None:
        return
    place = owner.inner("criterion", "criterion")
    try:
        condition = parse_condition(text)
    except CyodaError as error:
        yield place.advice("WARNING", "CRITERION", f": cannot be evaluated: {error.message}")
        return
    for part in located(condition):
        here = Place(place.location, place.pointer + part[0])
        yield from _part(here, part, fields)
        if isinstance(part[1], FunctionCondition):
            is_alone = not part[0]  # in a group what stands before it can spare the question
            yield from _function(here, part[1], members_of, is_asked_often=is_asked_often and is_alone)


def _part(place: Place, part: Located, fields: FieldTypes) -> Iterator[Issue]:
    match part[1]:
        case Group() as group:
            yield from _group(place, group)
        case FunctionCondition():
            return
        case leaf:
            yield from _leaf(place, leaf, fields)


def _group(place: Place, group: Group) -> Iterator[Issue]:
    try:
        is_conjunction = group_is_conjunction(group, InvalidCondition)
    except CyodaError as error:
        yield place.advice("WARNING", "OPERATOR", f": cannot be evaluated: {error.message}", "operator")
        return
    if not group.conditions:
        verdict = "always matches" if is_conjunction else "never matches"
        yield place.advice("WARNING", "EMPTY_GROUP", f": an empty {group.operator} group {verdict}", "conditions")


def _leaf(place: Place, leaf: Simple | Lifecycle | ArrayCondition, fields: FieldTypes) -> Iterator[Issue]:
    try:
        operator = leaf_operator(leaf, InvalidCondition)
    except CyodaError as error:
        yield place.advice("WARNING", "OPERATOR", f": cannot be evaluated: {error.message}", "operatorType")
        return
    if operator is Operator.MATCHES_PATTERN and not isinstance(leaf, ArrayCondition):
        pattern = operand_text(leaf.value) or ""
        if not (pattern.startswith(("^", ".*")) and pattern.endswith(("$", ".*"))):
            message = f": the pattern {quoted(pattern)} must match the whole value; write .* around a part of it"
            yield place.advice("INFO", "PATTERN_IS_WHOLE", message, "value")
    if isinstance(leaf, Lifecycle):
        return
    try:
        check_paths(leaf, fields)
        check_operands(leaf, fields)
    except CyodaError as error:
        yield place.advice("WARNING", "FIELD", f": never matches: {error.message}", "jsonPath")


def _function(
    place: Place, function: FunctionCondition, members_of: MembersOf, *, is_asked_often: bool
) -> Iterator[Issue]:
    if not function.name:
        yield place.advice("WARNING", "FUNCTION_NAME", ": the function has no name", "function", "name")
    if is_asked_often and function.criterion is None:
        message = (
            f": the function {quoted(function.name)} is asked at every write; a condition before it saves the call"
        )
        yield place.advice("WARNING", "NO_QUICK_EXIT", message, "function", "criterion")
    tags = function.config.calculation_nodes_tags
    yield from tag_advice(place, tags, members_of, "function", "config", "calculationNodesTags")
