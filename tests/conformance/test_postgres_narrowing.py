"""What the planner lets through is what the narrowing's nodes say, plus every head whose document is not kept whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest

from cyoda.jsonio import Json
from tests.conformance.home import FAR_FUTURE, NOON, Home, changed, created, deleted, new_id
from workflows.core.entity import Document, Version
from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    All,
    And,
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Leaf,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
)
from workflows.storage.base import Storage
from workflows.storage.postgres.pool import Pool, PoolSettings
from workflows.storage.postgres.store import PostgresStorage
from workflows.storage.postgres.tenants import SchemaDirectory

VALUES = [
    b"null", b"true", b"false", b"0", b"-0.0", b"1", b"1.0", b"1.50", b"2", b"1e2", b"100", b"1e-5", b'""', b'"1"',
    b'"true"', b'"x"', b'"X"', b'"\\u00e9"', b'"it\'s $1"', b"[]", b"[1]", b'["x"]', b"{}", b'{"b":1}', b'{"b":"x"}',
    b'{"b":null}',
    b'{"0":"x"}', b"12345678901234567890123456789", b"12345678901234567890123456789.0",
]  # fmt: skip
DOCUMENTS = [b'{"a":%s}' % value for value in VALUES] + [b"{}", b"[]", b"null", b'"a"', b'{"b":1}', b'{"A":"x"}']
LOSSY = [b'{"a":"\\u0000"}', b'{"z":1e-99999}']
PATHS = [("a",), ("a", "b"), ("a", "0"), ("missing",), ("0",)]
LEAVES: list[Narrowing] = [
    *(make(path) for make, path in product((PresentLeaf, AbsentLeaf, NumericRange), PATHS)),
    *(EqualsText(path, text) for path, text in product(PATHS, ("x", "", "1", "é", "it's $1", "\0"))),
    *(EqualsBoolean(("a",), value) for value in (True, False)),
    NumericRange(("a",), 1, 1), NumericRange(("a",), 1, None, low_inclusive=False),
    NumericRange(("a",), None, Decimal("1.5")),
    NumericRange(("a",), Decimal("-1e999999"), 0), NumericRange(("a",), 10**28, None), NumericRange(("a", "b"), 0, 5),
    NumericRange(("a",), whole=True), NumericRange(("a",), 1, 2, whole=True),
    *(StartsWith(path, text) for path, text in product(PATHS, ("", "x", "tr", "\0", "it's"))),
    *(ContainsText(path, text) for path, text in product(PATHS, ("", "x", "r", "é", "\0", "'s", "%"))),
    *(TextRange(("a",), *bounds) for bounds in product((None, "", "X", "x"), (None, "X", "x", "é", "true"))),
    TextRange(("a",), "X", "x", False, False), TextRange(("a", "b"), "a"),
    LifecycleEquals("state", "NEW"), LifecycleEquals("state", "OTHER"),
    LifecycleTimes("creationDate", 1, None), LifecycleTimes("lastUpdateTime", None, 0),
]  # fmt: skip
TREES: list[Narrowing] = [
    All(), Nothing(),
    And((PresentLeaf(("a",)), EqualsText(("a",), "x")), True),
    Or((EqualsText(("a",), "x"), NumericRange(("a",), 1, 2)), True),
    And((LifecycleEquals("state", "NEW"), Or((Nothing(), EqualsBoolean(("a",), True)), True)), True),
    Or((All(), Nothing()), False),
]  # fmt: skip


def value_at(value: Json, names: tuple[str, ...]) -> Json:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_number(value: Json) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def within(node: NumericRange, value: Json) -> bool:
    if not is_number(value) or (node.whole and value != int(value)):
        return False
    low = node.low is None or value > node.low or (node.low_inclusive and value == node.low)
    return low and (node.high is None or value < node.high or (node.high_inclusive and value == node.high))


def between(node: TextRange, value: Json) -> bool:
    if not isinstance(value, str):
        return False
    low = node.low is None or value > node.low or (node.low_inclusive and value == node.low)
    return low and (node.high is None or value < node.high or (node.high_inclusive and value == node.high))


def accepts(node: Narrowing, version: Version) -> bool:
    """The meaning written at the nodes, word by word."""
    match node:
        case All() | Nothing():
            return isinstance(node, All)
        case And(children):
            return all(accepts(child, version) for child in children)
        case Or(children):
            return any(accepts(child, version) for child in children)
        case LifecycleEquals():
            return version.state == node.value
        case LifecycleTimes():
            moment = version.created_at if node.field == "creationDate" else version.updated_at
            millis = int(moment.timestamp() * 1000)
            return (node.from_ms is None or millis >= node.from_ms) and (
                node.until_ms is None or millis < node.until_ms
            )
        case _:
            return accepts_value(node, value_at(version.document.value, node.names))


def accepts_value(node: Leaf, value: Json) -> bool:
    match node:
        case PresentLeaf():
            return value is not None
        case AbsentLeaf():
            return value is None
        case EqualsText(_, text):
            return value == text
        case StartsWith(_, prefix):
            return isinstance(value, str) and value.startswith(prefix)
        case ContainsText(_, part):
            return isinstance(value, str) and part in value
        case TextRange():
            return between(node, value)
        case EqualsBoolean(_, wanted):
            return value is wanted
        case NumericRange():
            return within(node, value)


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Storage]:
    pool = Pool(PoolSettings(url=postgres_url))
    store = PostgresStorage(pool, SchemaDirectory(pool))
    await store.open()
    yield store
    await store.close()


async def test_every_node_lets_through_what_it_accepts_and_what_is_lossy(home: Home) -> None:
    writes = [created(document=Document.from_text(text)) for text in DOCUMENTS + LOSSY]
    await home.commit(*writes)
    lossy = {write.entity_id for write in writes[len(DOCUMENTS) :]}
    everything = await home.scan()
    assert len(everything) == len(writes)
    for node in LEAVES + TREES:
        expected = [v for v in everything if v.entity_id in lossy or accepts(node, v)]
        assert await home.scan(narrowing=node) == expected, node


async def test_times_are_bounded_to_the_millisecond(home: Home) -> None:
    second = int(NOON.timestamp() * 1000)
    early, late = (
        await home.create(1, at=NOON + timedelta(microseconds=999)),
        await home.create(2, at=NOON + timedelta(milliseconds=1)),
    )
    for field in ("creationDate", "lastUpdateTime"):
        assert await home.scan(narrowing=LifecycleTimes(field, None, second + 1)) == [early]
        assert await home.scan(narrowing=LifecycleTimes(field, second + 1, second + 2)) == [late]


async def test_ids_and_transactions_are_compared_as_text(home: Home) -> None:
    version, _ = await home.create(1), await home.create(2)
    for field, text in (("id", version.id), ("transactionId", str(version.transaction_id))):
        assert await home.scan(narrowing=LifecycleEquals(field, text)) == [version]
        assert await home.scan(narrowing=LifecycleEquals(field, text.upper() + " ")) == []
    await home.update(version, 1, transition="pay")
    assert len(await home.scan(narrowing=LifecycleEquals("transitionForLatestSave", "pay"))) == 1


async def test_at_a_snapshot_and_an_instant_the_older_version_counts(home: Home) -> None:
    """A head that changed since says nothing about what the snapshot sees, so it must not hide it."""
    was = [
        await home.create("x", state="OLD"),
        await home.create("x", state="OLD"),
        await home.create("y", state="OLD"),
    ]
    snapshot, then = await home.begin(), NOON + timedelta(seconds=1)
    later = NOON + timedelta(seconds=2)
    await home.commit(changed(was[0], "y", state="NEW"), deleted(was[1]), created("x", state="OLD"), at=later)
    node = And((LifecycleEquals("state", "OLD"), EqualsText(("value",), "x")), True)
    wanted = {was[0].entity_id, was[1].entity_id}
    for state in ({"snapshot": snapshot}, {"at": then}):
        found = await home.scan(narrowing=node, **state)
        assert wanted <= {version.entity_id for version in found}
        assert was[2].entity_id not in {version.entity_id for version in found}
    assert [version.state for version in await home.scan(narrowing=node, at=FAR_FUTURE)] == ["OLD"]


async def test_a_head_is_whole_again_once_its_document_is(home: Home) -> None:
    write = created(document=Document.from_text(b'{"value":"\\u0000"}'), entity_id=new_id())
    await home.commit(write)
    node = EqualsText(("value",), "x")
    assert len(await home.scan(narrowing=node)) == 1
    await home.update(await home.current(write), "y")
    assert await home.scan(narrowing=node) == []
