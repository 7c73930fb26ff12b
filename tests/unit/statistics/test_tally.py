"""Counting and aggregating by group (contract: search 11.2)."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda.errors import GroupCardinalityExceeded
from cyoda.principal import Actor
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.stats import Aggregate, Op, ScalarPath, StatisticsRequest
from workflows.core.tally import Sample, Tally

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Actor("anna", "user")
V = ScalarPath(("v",))


def version(text: str, state: str = "NEW") -> Version:
    return Version(
        entity_id=UUID(int=1), model=ModelKey("m", 1), number=1, state=state, document=Document(text.encode()),
        created_at=MOMENT, updated_at=MOMENT, transaction_id=UUID(int=2), transition="", attributed=ANNA, executor=ANNA,
    )  # fmt: skip


def tally(*paths: ScalarPath, ops: tuple[Op, ...] = (), max_groups: int = 10, limit: int | None = None) -> Tally:
    aggregates = tuple(Aggregate(op, V, op.value) for op in ops)
    return Tally(StatisticsRequest(group_by=paths, aggregates=aggregates, limit=limit), max_groups=max_groups)


def sample(numbers: list[float]) -> Sample:
    found = Sample()
    for number in numbers:
        found.add(number)
    return found


@pytest.mark.parametrize(
    "text",
    ["0", "-0", "-0.0", "7", "1.0", "1.50", "1e2", "1E+2", "1.25e1", "12.5", "0.0000001", "9" * 30, "1" * 5000],
)
def test_the_key_of_a_number_is_its_text(text: str) -> None:
    counted = tally(V)
    counted.add(version(f'{{"v":{text},"other":"-0 1e5"}}'))
    ((key, *_),) = (row.key for row in counted.rows())
    assert key == text


def test_an_empty_state_is_no_value() -> None:
    counted = tally(ScalarPath(()))
    for state in ("", "B", "A"):
        counted.add(version("{}", state))
    assert [row.key for row in counted.rows()] == [(None,), ("A",), ("B",)]


def test_keys_are_compared_element_by_element_after_the_count() -> None:
    counted = tally(V, ScalarPath(("w",)))
    for text in (
        '{"v":"a","w":"b"}',
        '{"v":"a"}',
        '{"w":"z"}',
        '{"v":"","w":"b"}',
        '{"v":"a","w":"c"}',
        '{"v":"a","w":"c"}',
    ):
        counted.add(version(text))
    assert [row.key for row in counted.rows()] == [("a", "c"), (None, "z"), ("", "b"), ("a", None), ("a", "b")]


def test_one_group_too_many_is_refused_when_it_comes() -> None:
    counted = tally(V, max_groups=2, limit=1)
    for value in (1, 2, 2, 1):
        counted.add(version(f'{{"v":{value}}}'))
    with pytest.raises(GroupCardinalityExceeded):
        counted.add(version('{"v":3}'))
    with pytest.raises(GroupCardinalityExceeded):
        counted.merge(("4",), 1, ())
    counted.merge(("1",), 5, ())
    assert [(row.key, row.count) for row in counted.rows()] == [(("1",), 7)]


def test_groups_counted_elsewhere_join_those_counted_here() -> None:
    counted = tally(V, ops=tuple(Op))
    for value in (1, 5):
        counted.merge((str(value),), 2, [sample([1.0, 2.0])])
    counted.add(version('{"v":5}'))
    first, second = counted.rows()
    assert (first.key, first.count) == (("5",), 3)
    assert first.figures == {"sum": 8, "avg": 8 / 3, "min": 1, "max": 5, "stdev": pytest.approx(2.081665999466133)}
    assert second.figures == {"sum": 3, "avg": 1.5, "min": 1, "max": 2, "stdev": pytest.approx(0.7071067811865476)}


def test_whole_figures_are_whole_numbers() -> None:
    figures = sample([0.5, 1.5, 2.0**60])
    assert [repr(figures.figure(op)) for op in (Op.MIN, Op.MAX)] == ["0.5", "1.152921504606847e+18"]
    assert repr(sample([0.5, 1.5]).figure(Op.SUM)) == "2"
    assert sample([1.7e308, 1.7e308]).figure(Op.SUM) is None
    assert sample([1.7e308, -1.7e308]).figure(Op.STDEV) is None


numbers = st.lists(st.floats(-1e6, 1e6), max_size=20)


@given(numbers, numbers)
def test_samples_merge_as_if_they_had_been_one(some: list[float], others: list[float]) -> None:
    merged, together = sample(some), some + others
    merged.merge(sample(others))
    assert merged.number == len(together)
    if not together:
        assert [merged.figure(op) for op in Op] == [None] * 5
        return
    assert merged.figure(Op.MIN) == min(together)
    assert merged.figure(Op.MAX) == max(together)
    assert merged.figure(Op.SUM) == pytest.approx(math.fsum(together), rel=1e-9, abs=1e-6)
    if len(together) > 1:
        assert merged.figure(Op.STDEV) == pytest.approx(statistics.stdev(together), rel=1e-6, abs=1e-6)
