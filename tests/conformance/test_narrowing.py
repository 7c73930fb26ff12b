"""A narrowed scan leaves out nothing that matches, whatever the document holds and whichever state is scanned."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from cyoda.errors import CyodaError
from cyoda.jsonio import Json, parse
from tests.conformance.home import FAR_FUTURE, NOON, Home, change, created
from workflows.core.entity import LOOPBACK, Document, Version
from workflows.core.predicates.condition import (
    MATCH_ALL,
    RANGES,
    Condition,
    Group,
    Lifecycle,
    NumberText,
    Operator,
    Simple,
)
from workflows.core.predicates.kernel import Predicate, compile_condition
from workflows.core.predicates.narrowing import narrow
from workflows.core.predicates.paths import FieldTypes
from workflows.core.schema.node import infer, merge
from workflows.core.schema.paths import field_paths
from workflows.storage.base import Write

VALUES = [
    b"null", b"true", b"false", b"0", b"-0", b"1", b"1.0", b"1e0", b"10", b"1.50", b"-3", b"0.1", b"1e-7",
    b"9007199254740993", b"1234567890123456789012345678901234567890", b"1e400", b"-1e400", b"1e99999", b"1e-99999",
    b'""', b'"a"', b'"A"', b'"ab"', b'"1"', b'"1.0"', b'"true"', b'"null"', b'"a\\u0000b"', '"é"'.encode(),
    b'"100%_x"', b'"2024-05-01"', b'"2024-05-01T10:00:00Z"', b'"12:30"', b'"f47ac10b-58cc-4372-a567-0e02b2c3d479"',
    b"[]", b"[1,2]", b'["a",null]', b"{}", b'{"b":1}',
]  # fmt: skip
TEXTS = [b'{"a":%b,"n":{"x y":%b}}' % (value, value) for value in VALUES] + [
    b"{}", b'{"n":1}', b'{"n":null}', b'{"n":[{"x y":1}]}', b'{"list":[1,"a",{"q":2}]}', b'{"list":null}',
    b'{"list":[]}', b'{"a.b":1,"a":{"b":"deep"}}',
]  # fmt: skip
PATHS = ["$.a", "$.a", "$.n.x y", "$.a.b", "$.list", "$.list[*]", "$.list[*].q", "$.missing"]
OPERANDS: list[Json] = [
    "", "a", "A", "b", "1", "true", "a\x00b", "é", "%", "2024-05-01", "2024-05-01T10:00:00Z", "12", True, False, None,
    *map(NumberText, ("0", "1", "1.0", "10", "1.5", "-3", "1e-7", "9007199254740993", "1e400", "1e99999")),
]  # fmt: skip
LIFECYCLE: list[tuple[str, list[Json]]] = [
    ("state", ["NEW", "DONE", "N", ""]),
    ("transitionForLatestSave", [LOOPBACK, "go", "x"]),
    ("creationDate", ["2026-06-01T12:00:00Z", "2026-06-01T12:00:00.500Z", "2020-01-01T00:00:00Z"]),
    ("lastUpdateTime", ["2026-06-01T12:00:10Z", "2026-06-01T12:00:00.001Z", "9999-12-31T23:59:59Z"]),
]


def drawn(dice: random.Random, depth: int = 0) -> Condition:
    kind = dice.random()
    if kind < 0.25 and depth < 3:
        children = tuple(drawn(dice, depth + 1) for _ in range(dice.randint(0, 3)))
        return Group(dice.choice(["AND", "OR"]), children)
    operator = dice.choice(list(Operator))
    if kind < 0.45:
        field, operands = dice.choice(LIFECYCLE)
        return Lifecycle(field, operator, operand(dice, operator, operands))
    return Simple(dice.choice(PATHS), operator, operand(dice, operator, OPERANDS))


def operand(dice: random.Random, operator: Operator, operands: Sequence[Json]) -> Json:
    return [dice.choice(operands), dice.choice(operands)] if operator in RANGES else dice.choice(operands)


def declared() -> FieldTypes:
    """The field paths of a model that saw all documents; numbers of absurd size are never declared."""
    node = infer({})
    for text in TEXTS:
        if b"99999" not in text:
            node = merge(node, infer(parse(text)))
    return dict(field_paths(node))


FIELDS = declared()


def usable(dice: random.Random) -> tuple[Condition, Predicate, Any]:
    """A condition that the kernel accepts, with its predicate and narrowing."""
    while True:
        condition = drawn(dice)
        try:
            return condition, compile_condition(condition, FIELDS), narrow(condition, FIELDS)
        except CyodaError:
            continue


async def filled(home: Home) -> None:
    writes = [created(document=Document.from_text(text)) for text in TEXTS]
    await home.commit(*writes)


async def moved_on(home: Home, versions: Sequence[Version]) -> None:
    """Every document goes to the next entity, states and transitions change, some entities go."""
    later = [version.document for version in versions[1:]] + [versions[0].document]
    writes = [
        Write(
            entity_id=version.entity_id, model=version.model, expected=version.number,
            state="DONE" if number % 3 else version.state, document=document if number % 7 else None,
            transition="go" if number % 2 else LOOPBACK, attributed=version.attributed, executor=version.executor,
        )
        for number, (version, document) in enumerate(zip(versions, later, strict=True))
    ]  # fmt: skip
    await home.store.commit(home.tenant, change(*writes, at=NOON + timedelta(seconds=10)))


@pytest.mark.parametrize("mode", ["latest", "snapshot", "at", "past snapshot", "past instant"])
async def test_nothing_that_matches_is_left_out(home: Home, mode: str) -> None:
    await filled(home)
    before = await home.begin()
    first = await home.scan()
    await moved_on(home, first)
    state: dict[str, Any] = {
        "latest": {}, "snapshot": {"snapshot": await home.begin()}, "at": {"at": FAR_FUTURE},
        "past snapshot": {"snapshot": before}, "past instant": {"at": NOON},
    }[mode]  # fmt: skip
    everything = await home.scan(**state)
    assert (everything == first) is mode.startswith("past")
    dice = random.Random(mode)
    matched = 0
    for condition, matches, narrowing in (usable(dice) for _ in range(150)):
        found = await home.scan(narrowing=narrowing, **state)
        wanted = [version for version in everything if matches(version.document.value, version)]
        missing = [version for version in wanted if version not in found]
        assert not missing, f"{condition} lost {[version.document.text for version in missing]}"
        assert [version for version in everything if version in found] == found
        matched += len(wanted)
    assert matched > 500, "conditions that match nothing prove nothing"


async def test_a_narrowing_that_accepts_everything_changes_nothing(home: Home) -> None:
    await filled(home)
    assert await home.scan(narrowing=narrow(MATCH_ALL, FIELDS)) == await home.scan()


async def test_narrowed_scans_stay_in_the_tenant(home: Home, stranger: Home) -> None:
    await filled(home)
    condition = Simple("$.a", Operator.NOT_NULL)
    assert await stranger.scan(narrowing=narrow(condition, FIELDS)) == []
