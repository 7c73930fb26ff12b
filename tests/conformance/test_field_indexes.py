"""Declared indexes: kept with the model, reported, and without any effect on what searches find."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal

import pytest

from cyoda.jsonio import Json, parse
from tests.conformance.home import INVOICE, NOON, ORDER, Home, changed, created, deleted
from tests.conformance.indexing import declare, indexed, states, until_states
from tests.conformance.test_narrowing import TEXTS, filled, moved_on, usable
from workflows.core.entity import Document
from workflows.core.field_index import STATE_FIELD, FieldIndex
from workflows.core.predicates.condition import Condition, Group, Lifecycle, NumberText, Operator, Simple
from workflows.core.predicates.kernel import compile_condition
from workflows.core.predicates.narrowing import narrow
from workflows.core.schema.node import Node, infer, merge
from workflows.core.schema.paths import field_paths
from workflows.storage.base import ModelChange

INDEXED = ("$.a", "$.n.x y", "$.a.b", "$.missing", "$.list", STATE_FIELD)


def schema_of(texts: list[bytes]) -> Node:
    node = infer({})
    for text in texts:
        node = merge(node, infer(parse(text)))
    return node


SCHEMA = schema_of([text for text in TEXTS if b"99999" not in text])


async def test_a_declaration_is_kept_with_the_model_and_its_indexes_become_ready(home: Home) -> None:
    model = await indexed(home, {"a": 1, "b": "x"}, "$.a", "$.b")
    stored = await home.store.load(home.tenant, ORDER)
    assert stored.model == model
    assert [index.id for index in model.indexes] == ["by-$.a", "by-$.b"]
    assert await home.store.models(home.tenant) == [model]


async def test_a_model_without_declarations_or_an_unknown_one_has_no_indexes(home: Home) -> None:
    await declare(home, {"a": 1})
    assert await states(home) == {}
    assert await states(home, INVOICE) == {}


async def test_what_is_no_longer_declared_is_no_longer_reported(home: Home) -> None:
    await indexed(home, {"a": 1, "b": "x"}, "$.a", "$.b")
    await declare(home, {"a": 1, "b": "x"}, "$.b")
    await until_states(home, "ready", ["$.b"])


async def test_the_indexes_go_with_the_model(home: Home) -> None:
    await indexed(home, {"a": 1}, "$.a")
    await home.store.change(home.tenant, ORDER, lambda *_: ModelChange(model=None, workflows=()))
    assert await states(home) == {}


async def test_indexes_of_another_tenant_are_its_own(home: Home, stranger: Home) -> None:
    await indexed(home, {"a": 1}, "$.a")
    await declare(stranger, {"a": 1})
    assert await states(stranger) == {}
    await home.create(document=Document.from_text(b'{"a":1}'))
    condition = Simple("$.a", Operator.EQUALS, NumberText("1"))
    narrowing = narrow(condition, field_paths(infer({"a": 1})))
    assert await stranger.scan(narrowing=narrowing, indexed=frozenset(["$.a"])) == []
    assert len(await home.scan(narrowing=narrowing, indexed=frozenset(["$.a"]))) == 1


@pytest.mark.parametrize("declared", [(), INDEXED])
@pytest.mark.parametrize("mode", ["latest", "snapshot", "past snapshot", "past instant"])
async def test_searches_find_the_same_with_and_without_indexes(home: Home, mode: str, declared: tuple[str]) -> None:
    """Random documents of every kind and random conditions: whatever finds candidates, the kernel judges the same."""
    await (indexed if declared else declare)(home, SCHEMA, *declared)
    await filled(home)
    before = await home.begin()
    await moved_on(home, await home.scan())
    state = {
        "latest": {}, "snapshot": {"snapshot": await home.begin()}, "past snapshot": {"snapshot": before},
        "past instant": {"at": NOON},
    }[mode]  # fmt: skip
    everything = await home.scan(**state)
    dice = random.Random(f"{mode} indexed")
    matched = exact = 0
    for condition, matches, narrowing in (usable(dice) for _ in range(200)):
        found = [
            version
            async for batch in home.store.scan(home.tenant, home.asked(narrowing, declared, **state))
            for version in batch
            if (batch.exact and narrowing.exact) or matches(version.document.value, version)
        ]
        wanted = [version for version in everything if matches(version.document.value, version)]
        assert found == wanted, condition
        matched += len(wanted)
        exact += narrowing.exact
    assert matched > 500, "conditions that match nothing prove nothing"
    assert exact > 50


MOMENTS = [
    "2024-05-01", "2024-05-02", "2023", "2024", "2024-05", "10:00", "9:30", "2024-05-01T10:00:00",
    "2024-05-01T00:30:00+02:00", "2024-04-30T22:30:00Z", "2024-05-01T23:59:59.999-11:00", "0000-01-01", "9999-12-31",
    "2024-05-01T9:00", "not a date", "", "2024-13",
]  # fmt: skip


async def test_moments_and_texts_are_found_by_their_index(home: Home) -> None:
    texts = [b'{"t":"%b","m":%b}' % (moment.encode(), b"1" if number % 3 else b'"x"')
             for number, moment in enumerate(MOMENTS)]  # fmt: skip
    node = schema_of(texts)
    fields = dict(field_paths(node))
    await indexed(home, node, "$.t", "$.m")
    await home.commit(*(created(document=Document.from_text(text)) for text in texts))
    everything = await home.scan()
    dice, matched = random.Random(7), 0
    for _ in range(400):
        operator = dice.choice(
            [op for op in Operator if not op.startswith(("MATCHES", "I", "NOT_S", "NOT_C", "NOT_E"))]
        )
        value: Json = dice.choice(MOMENTS)
        if operator.startswith("BETWEEN"):
            value = [value, dice.choice(MOMENTS)]
        condition: Condition = Simple("$.t", operator, value)
        if dice.random() < 0.3:
            kind = dice.choice(["AND", "OR"])
            condition = Group(kind, (condition, Simple("$.m", Operator.EQUALS, NumberText("1"))))
        matches, narrowing = compile_condition(condition, fields), narrow(condition, fields)
        found = await home.scan(narrowing=narrowing, indexed=frozenset(["$.t", "$.m"]))
        wanted = [version for version in everything if matches(version.document.value, version)]
        assert [version for version in found if version in wanted] == wanted, condition
        matched += len(wanted)
    assert matched > 500


async def test_texts_and_numbers_of_any_size_are_stored_and_found(home: Home) -> None:
    texts = ["x" * 100_000, "\U0001f600" * 2_000, "é" * 511 + "a", "é" * 511 + "b", "x" * 512, "x" * 513, "1"]
    numbers = [str(10**400), str(10**400 + 1), str(-(10**350)), "1", "1e15000", "1e-15000", "-1e-70", "1" * 4_000]
    node = merge(infer({"value": "x"}), infer({"value": 10**400}))
    node = merge(node, infer({"value": Decimal("1e-400")}))
    fields = dict(field_paths(node))
    await indexed(home, node, "$.value")
    await home.commit(
        *map(created, texts),
        *(created(document=Document.from_text(b'{"value":%b}' % number.encode())) for number in numbers),
    )
    everything = await home.scan()
    assert len(everything) == len(texts) + len(numbers)
    for operand in (*texts, *map(NumberText, numbers)):
        for operator in (Operator.EQUALS, Operator.GREATER_OR_EQUAL, Operator.LESS_THAN, Operator.STARTS_WITH):
            condition = Simple("$.value", operator, operand)
            matches, narrowing = compile_condition(condition, fields), narrow(condition, fields)
            found = await home.scan(narrowing=narrowing, indexed=frozenset(["$.value"]))
            wanted = [version for version in everything if matches(version.document.value, version)]
            assert [version for version in found if version in wanted] == wanted, operator


async def test_what_is_found_by_index_is_one_state_in_id_order(home: Home) -> None:
    """Also when it takes several batches, and entities change between them."""
    await indexed(home, {"value": "x"}, "$.value")
    writes = [created("x" if number % 2 else "y") for number in range(2_500)]
    for start in range(0, len(writes), 500):
        await home.commit(*writes[start : start + 500])
    narrowing = narrow(Simple("$.value", Operator.EQUALS, "x"), field_paths(infer({"value": "x"})))
    batches = home.store.scan(home.tenant, home.asked(narrowing, ["$.value"]))
    first = await anext(batches)
    last = [version for version in await home.scan() if version.document.value == {"value": "x"}][-1]
    await home.commit(changed(last, "z"), at=NOON + timedelta(seconds=1))
    found = [*first, *[version async for batch in batches for version in batch]]
    matching = [version for version in found if version.document.value == {"value": "x"}]
    assert len(matching) == 1_250
    assert [version.id for version in found] == sorted(version.id for version in found)
    again = await home.scan(narrowing=narrowing, indexed=frozenset(["$.value"]))
    assert sum(version.document.value == {"value": "x"} for version in again) == 1_249
    behind = {"narrowing": narrowing, "indexed": frozenset(["$.value"]), "after": again[700].entity_id, "at_first": 3}
    assert await home.scan(**behind) == again[701:]
    assert await home.scan(**behind, descending=True) == again[699::-1]


async def test_changes_and_deletions_are_seen_by_index(home: Home) -> None:
    await indexed(home, {"value": "x"}, "$.value", STATE_FIELD)
    one, other = await home.create("x"), await home.create("x")
    await home.commit(changed(one, "y", state="DONE"), deleted(other), at=NOON + timedelta(seconds=1))
    fields = field_paths(infer({"value": "x"}))
    for condition, count in [
        (Simple("$.value", Operator.EQUALS, "x"), 0), (Simple("$.value", Operator.EQUALS, "y"), 1),
        (Simple("$.value", Operator.IS_NULL), 0), (Lifecycle("state", Operator.EQUALS, "DONE"), 1),
        (Lifecycle("state", Operator.EQUALS, "NEW"), 0), (Lifecycle("id", Operator.EQUALS, one.id), 1),
        (Lifecycle("id", Operator.EQUALS, other.id), 0), (Lifecycle("id", Operator.EQUALS, one.id.upper()), 0),
    ]:  # fmt: skip
        matches = compile_condition(condition, fields)
        found = await home.scan(narrowing=narrow(condition, fields), indexed=frozenset(["$.value", STATE_FIELD]))
        assert len([version for version in found if matches(version.document.value, version)]) == count, condition


async def test_a_field_that_takes_new_types_is_indexed_for_them_too(home: Home) -> None:
    await indexed(home, {"value": 1}, "$.value")
    stored = await home.store.load(home.tenant, ORDER)
    assert stored.model is not None
    wider = stored.model.extended(infer({"value": "x"}))
    await home.store.change(home.tenant, ORDER, lambda *_: ModelChange(model=wider, workflows=()))
    await until_states(home, "ready", ["$.value"])
    assert wider.indexes == (FieldIndex("by-$.value", ("$.value",)),)
