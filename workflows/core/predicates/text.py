"""Text operators, LIKE and patterns; patterns run through RE2 only, so none can blow up (contract: search 9.4, 9.8).

All act on the raw stored text whatever the declared type. `<`, `>` on Python strings order code points, which is the
order of their UTF-8 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import re2 as _untyped_re2  # pyright: ignore[reportMissingTypeStubs]

from cyoda.errors import InvalidCondition

from .condition import Operator

MAX_PATTERN_LENGTH = 10_000
"""Characters of a pattern; RE2 takes quadratic time to compile some, a fifth of a second at this length."""

TextTest = Callable[[str], bool]

re2: Any = _untyped_re2
_LIKE_SPECIAL = frozenset("%_\\")


def text_test(operator: Operator, operand: str) -> TextTest:
    """The test of a stored text. Raises InvalidCondition for a pattern that does not compile."""
    match operator:
        case Operator.LIKE:
            return like_test(operand)
        case Operator.MATCHES_PATTERN:
            return pattern_test(operand)
        case Operator.CONTAINS:
            return lambda text: operand in text
        case Operator.STARTS_WITH:
            return lambda text: text.startswith(operand)
        case Operator.ENDS_WITH:
            return lambda text: text.endswith(operand)
        case Operator.NOT_CONTAINS:
            return lambda text: operand not in text
        case Operator.NOT_STARTS_WITH:
            return lambda text: not text.startswith(operand)
        case Operator.NOT_ENDS_WITH:
            return lambda text: not text.endswith(operand)
        case Operator.IEQUALS:
            folded = simple_fold(operand)
            return lambda text: simple_fold(text) == folded
        case Operator.INOT_EQUAL:
            folded = simple_fold(operand)
            return lambda text: simple_fold(text) != folded
        case _:
            return _lowered_test(operator, simple_lower(operand))


def _lowered_test(operator: Operator, lowered: str) -> TextTest:
    match operator:
        case Operator.ICONTAINS:
            return lambda text: lowered in simple_lower(text)
        case Operator.ISTARTS_WITH:
            return lambda text: simple_lower(text).startswith(lowered)
        case Operator.IENDS_WITH:
            return lambda text: simple_lower(text).endswith(lowered)
        case Operator.INOT_CONTAINS:
            return lambda text: lowered not in simple_lower(text)
        case Operator.INOT_STARTS_WITH:
            return lambda text: not simple_lower(text).startswith(lowered)
        case Operator.INOT_ENDS_WITH:
            return lambda text: not simple_lower(text).endswith(lowered)
        case _:
            raise AssertionError(f"{operator} is no text operator")


def pattern_test(pattern: str) -> TextTest:
    """Whole-value match of an RE2 pattern. Raises InvalidCondition when it is too long or does not compile."""
    _check_length(pattern)
    matches = _compiled(pattern).fullmatch
    return lambda text: matches(text.encode()) is not None


def like_test(pattern: str) -> TextTest:
    """Whole-value LIKE: `%` any run, `_` one character, neither crossing a line feed (contract: search 9.8, Q12).

    Raises InvalidCondition for a pattern that is too long.
    """
    _check_length(pattern)
    matches = _compiled(like_regex(pattern)).fullmatch
    return lambda text: matches(text.encode()) is not None


def like_regex(pattern: str) -> str:
    """The RE2 spelling of a LIKE pattern. A backslash before any other character, or at the end, is itself."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        escaped = pattern[position + 1 : position + 2]
        if character == "\\" and escaped in _LIKE_SPECIAL:
            parts.append(re2.escape(escaped))
            position += 1
        elif character == "%":
            if parts[-1:] != [".*"]:
                parts.append(".*")
        else:
            parts.append("." if character == "_" else re2.escape(character))
        position += 1
    return "".join(parts)


def _check_length(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidCondition(f"invalid regex pattern in condition: longer than {MAX_PATTERN_LENGTH} characters")


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise InvalidCondition(f"invalid regex pattern in condition: {text}") from error


def simple_lower(text: str) -> str:
    """Lower case one character at a time, so that a word's end never matters (no final sigma)."""
    return text.lower() if text.isascii() else "".join(map(_lower_character, text))


def simple_fold(text: str) -> str:
    """Unicode simple case folding: one character folds to one (`ß` is not `ss`)."""
    return text.lower() if text.isascii() else "".join(map(_fold_character, text))


@cache
def _lower_character(character: str) -> str:
    return character.lower()[0]


@cache
def _fold_character(character: str) -> str:
    for folded in (character.casefold(), character.lower()):
        if len(folded) == 1:
            return folded
    return character


def like_literal(pattern: str) -> tuple[str, bool]:
    """The text that whatever is LIKE the pattern begins with, and whether it must be all of it."""
    literal: list[str] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character in "%_":
            return "".join(literal), False
        if character == "\\" and pattern[position + 1 : position + 2] in _LIKE_SPECIAL:
            position += 1
            character = pattern[position]
        literal.append(character)
        position += 1
    return "".join(literal), True
