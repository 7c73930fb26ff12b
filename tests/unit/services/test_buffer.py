"""Taking back a part of a transaction's work: as if that part had never been done."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from workflows.services.buffer import OWNER, Buffer


class Step(NamedTuple):
    """One change: `value` None drops the key."""

    scope: int
    key: str
    value: int | None


def run(buffer: Buffer, step: Step) -> None:
    table: dict[Any, Any] = buffer.versions
    buffer.scope = step.scope
    if step.value is None:
        buffer.drop(table, step.key)
    else:
        buffer.put(table, step.key, step.value)


def replayed(steps: list[Step]) -> dict[str, int]:
    table: dict[str, int] = {}
    for step in steps:
        if step.value is None:
            table.pop(step.key, None)
        else:
            table[step.key] = step.value
    return table


# Scopes: 1 and 2 are requests beside each other, 3 answers a callout of 1.
PARENTS = {1: OWNER, 2: OWNER, 3: 1}
BELOW = {OWNER: {0, 1, 2, 3}, 1: {1, 3}, 2: {2}, 3: {3}}
steps = st.lists(
    st.builds(Step, st.sampled_from([0, 1, 2, 3]), st.sampled_from("abc"), st.none() | st.integers(0, 9)), max_size=12
)


@given(before=steps, between=steps, undone=st.sampled_from([0, 1, 2, 3]), after=steps)
def test_what_is_left_is_what_the_others_did(
    before: list[Step], between: list[Step], undone: int, after: list[Step]
) -> None:
    buffer = Buffer()
    for scope, parent in PARENTS.items():
        assert buffer.open_scope(parent) == scope
    for step in before:
        run(buffer, step)
    buffer.scope = undone
    savepoint = buffer.savepoint()
    for step in between:
        run(buffer, step)
    buffer.roll_back_to(savepoint)
    kept = before + [step for step in between if step.scope not in BELOW[undone]]
    assert buffer.versions == replayed(kept)
    for step in after:
        run(buffer, step)
    assert buffer.versions == replayed(kept + after)


@given(first=steps, second=steps, third=steps)
def test_savepoints_nest_and_may_be_used_twice(first: list[Step], second: list[Step], third: list[Step]) -> None:
    buffer = Buffer()
    for scope, parent in PARENTS.items():
        assert buffer.open_scope(parent) == scope
    buffer.scope = OWNER
    outer = buffer.savepoint()
    for step in first:
        run(buffer, step)
    buffer.scope = 1
    inner = buffer.savepoint()
    for step in second:
        run(buffer, step)
    buffer.roll_back_to(inner)
    kept = [step for step in second if step.scope not in BELOW[1]]
    assert buffer.versions == replayed(first + kept)
    for step in third:
        run(buffer, step)
    buffer.roll_back_to(outer)
    assert buffer.versions == {}
    for step in third:
        run(buffer, step)
    buffer.roll_back_to(outer)
    assert buffer.versions == {}
