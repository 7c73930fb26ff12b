"""What a backend counts is what the tally counts over a scan (contract: search 11.2, 13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.conformance.home import NOON, ORDER, Home, changed, created, deleted
from workflows.core.entity import Document, Version
from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    All,
    And,
    EqualsText,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
)
from workflows.core.stats import Aggregate, Op, ScalarPath, StatisticsRequest
from workflows.core.tally import Row, Sample, Tally
from workflows.storage.base import Aggregated, Aggregation, Scan
from workflows.storage.postgres.store import PostgresStorage

EVERYTHING = All(exact=True)
VALUES = [
    b"null", b"true", b"false", b"0", b"-0", b"-0.0", b"1", b"1.0", b"1.50", b"1e2", b"100", b"1E+2", b"1e-7",
    b"0.0000001", b"-12.5", b"123456789012345678901234567890", b'""', b'"1"', b'"true"', b'"x"', b'"1e2"', b'"\\u00e9"',
    b'"null"', b"[]", b"[1]", b"{}", b'{"b":1.0}', b'{"b":"x"}', b'{"b":null}', b'{"0":5}', b'"\\u0000"',
    b'{"b":"\\u0000"}',
]  # fmt: skip
DOCUMENTS = [
    *(b'{"a":%b,"n":%d}' % (value, index) for index, value in enumerate(VALUES)),
    b"{}", b'{"a":1,"a":1e0}', b'{"\\u0061":1e0}', b'{"n":1e-320}', b'{"z":1e-99999,"a":"x","n":3}', b'{"n":"7"}',
]  # fmt: skip
PATHS = [(), ("a",), ("a", "b"), ("a", "0"), ("n",), ("missing", "x")]
STATES = ["NEW", "OLD", ""]
CONDITIONS: list[Narrowing] = [
    EVERYTHING, Nothing(), EqualsText(("a",), "x"), AbsentLeaf(("a",)), PresentLeaf(("a",), exact=True),
    LifecycleEquals("state", "OLD"), LifecycleTimes("creationDate", 0, 1), LifecycleTimes("creationDate", None, None),
    Or((EqualsText(("a",), "x"), LifecycleEquals("state", "NEW")), exact=True),
    And((PresentLeaf(("n",), exact=True), AbsentLeaf(("a", "b"))), exact=True),
]  # fmt: skip


def question(*paths: tuple[str, ...]) -> StatisticsRequest:
    aggregates = (Aggregate(op, ScalarPath(("n",)), op.value) for op in Op)
    others = (Aggregate(Op.SUM, ScalarPath(("a",)), "a"), Aggregate(Op.MAX, ScalarPath(("a", "b")), "b"))
    return StatisticsRequest(group_by=tuple(map(ScalarPath, paths)), aggregates=(*aggregates, *others))


def aggregation(
    asked: StatisticsRequest, *, without: Sequence[UUID] = (), max_groups: int = 1000, **fields: Any
) -> Aggregation:
    return Aggregation(
        scan=Scan(model=ORDER, **{"narrowing": EVERYTHING} | fields),
        group_by=tuple(path.names for path in asked.group_by),
        fields=tuple(field.names for field in Tally(asked, max_groups=0).fields),
        without=tuple(without),
        max_groups=max_groups,
    )


def accepts(node: Narrowing, version: Version) -> bool:
    """The meaning of the nodes that the conditions here are made of."""

    def at(names: tuple[str, ...]) -> Any:
        value = version.document.value
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    match node:
        case And(children):
            return all(accepts(child, version) for child in children)
        case Or(children):
            return any(accepts(child, version) for child in children)
        case EqualsText(names, text):
            return at(names) == text
        case AbsentLeaf(names):
            return at(names) is None
        case PresentLeaf(names):
            return at(names) is not None
        case LifecycleEquals():
            return version.state == node.value
        case LifecycleTimes():
            return node.from_ms is None
        case _:
            return isinstance(node, All)


async def counted(asked: StatisticsRequest, aggregated: Aggregated, wanted: Aggregation) -> list[Row]:
    """What the backend counted, and the rest by the tally."""
    tally = Tally(asked, max_groups=1000)
    for group in aggregated.groups:
        tally.merge(group.key, group.count, [Sample(*numbers) for numbers in group.samples])
    await add_each(tally, aggregated.uncounted, wanted)
    return tally.rows()


async def expected(home: Home, asked: StatisticsRequest, wanted: Aggregation) -> list[Row]:
    tally = Tally(asked, max_groups=1000)
    await add_each(tally, home.store.scan(home.tenant, wanted.scan), wanted)
    return tally.rows()


async def add_each(tally: Tally, batches: AsyncIterator[Sequence[Version]], wanted: Aggregation) -> None:
    narrowing = wanted.scan.narrowing or EVERYTHING
    async for batch in batches:
        for version in batch:
            if version.entity_id not in wanted.without and accepts(narrowing, version):
                tally.add(version)


def figures(row: Row) -> dict[str, Any]:
    assert row.figures is not None
    return row.figures


def near(number: float | None) -> Any:
    return None if number is None else pytest.approx(number, rel=1e-9)


async def check(home: Home, *paths: tuple[str, ...], **fields: Any) -> list[Row]:
    """A backend that answers answers what the tally says, up to the order in which doubles are added."""
    asked = question(*paths)
    wanted = aggregation(asked, **fields)
    rows = await expected(home, asked, wanted)
    aggregated = await home.store.aggregate(home.tenant, wanted)
    assert (aggregated is not None) == isinstance(home.store, PostgresStorage)
    if aggregated is not None:
        found = await counted(asked, aggregated, wanted)
        assert [(row.key, row.count) for row in found] == [(row.key, row.count) for row in rows]
        assert [figures(row) for row in found] == [{a: near(n) for a, n in figures(row).items()} for row in rows]
    return rows


@pytest.fixture
async def filled(home: Home) -> Home:
    writes = [
        created(document=Document.from_text(text), state=STATES[number % 3]) for number, text in enumerate(DOCUMENTS)
    ]
    await home.commit(*writes)
    return home


@pytest.mark.parametrize("path", PATHS)
async def test_one_path_groups(filled: Home, path: tuple[str, ...]) -> None:
    rows = await check(filled, path)
    assert sum(row.count for row in rows) == len(DOCUMENTS)


async def test_several_paths_group(filled: Home) -> None:
    await check(filled, ("a",), (), ("a", "b"))


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
async def test_exact_conditions_select(filled: Home, condition: Narrowing) -> None:
    await check(filled, ("a",), narrowing=condition)


@pytest.mark.parametrize(
    "condition",
    [All(), NumericRange(("n",), 1, 5), LifecycleTimes("creationDate", 10**17, None), LifecycleEquals("unknown", "x")],
    ids=str,
)
async def test_what_sql_cannot_say_exactly_is_left_to_the_caller(filled: Home, condition: Narrowing) -> None:
    wanted = aggregation(question(()), narrowing=condition)
    assert await filled.store.aggregate(filled.tenant, wanted) is None


async def test_numbers_beyond_doubles_are_left_to_the_caller(home: Home) -> None:
    await home.commit(created(document=Document.from_text(b'{"n":1e400}')))
    assert await home.store.aggregate(home.tenant, aggregation(question(()))) is None


async def test_a_snapshot_and_an_instant_see_what_was(filled: Home) -> None:
    versions = await filled.scan()
    before = await check(filled, ("a",), ())
    snapshot = await filled.begin()
    later = NOON + timedelta(hours=1)
    await filled.commit(*(changed(version, 5) for version in versions[::3]), at=later)
    await filled.commit(*(deleted(version) for version in versions[1::3]), at=later)
    await filled.commit(created(7), at=later)
    assert await check(filled, ("a",), (), snapshot=snapshot) == before
    assert await check(filled, ("a",), (), at=NOON) == before
    assert await check(filled, ("a",), at=NOON - timedelta(seconds=1)) == []
    assert await check(filled, ("a",), (), at=later + timedelta(hours=1)) == await check(filled, ("a",), ()) != before
    await check(filled, ("value",), snapshot=snapshot, narrowing=LifecycleEquals("state", "OLD"))


async def test_entities_can_be_left_out(filled: Home) -> None:
    ids = [version.entity_id for version in await filled.scan()]
    rows = await check(filled, ("a",), without=ids[5:30])
    assert sum(row.count for row in rows) == len(ids) - 25
    many = aggregation(question(()), without=[ids[0]] * 101)
    assert await filled.store.aggregate(filled.tenant, many) is None


async def test_of_too_many_groups_one_more_than_allowed_is_told(home: Home) -> None:
    await home.commit(*(created(document=Document.from_text(b'{"a":"%d"}' % number)) for number in range(20)))
    aggregated = await home.store.aggregate(home.tenant, aggregation(question(("a",)), max_groups=5))
    if aggregated is not None:
        assert 5 < len(aggregated.groups) < 20


async def test_other_models_and_tenants_are_not_counted(filled: Home, stranger: Home) -> None:
    before = await check(filled, ())
    await stranger.create()
    assert await check(filled, ()) == before
    assert len(await check(stranger, ())) == 1
