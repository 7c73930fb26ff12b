"""Sort keys: grammar, comparison classes, order (contract: search 5, 14.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from cyoda.errors import InvalidFieldPath
from cyoda.jsonio import Json
from workflows.core.predicates.paths import FieldTypes
from workflows.core.predicates.sort import (
    SortClass,
    SortField,
    SortKey,
    checked_keys,
    parse_sort,
    resolve_sort,
    sort_key,
)

from .support import META, Lifecycle, declared, document, fields_of


@dataclass(frozen=True)
class Entity:
    name: str
    document: Json
    meta: Lifecycle


def entities(*documents: str) -> list[Entity]:
    return [
        Entity(letter, document(text), replace(META, id=f"0000000{letter}-0000-1000-8000-000000000000"))
        for letter, text in zip("abcde", documents, strict=False)
    ]


def ordered(given: list[Entity], sort: list[str], fields: FieldTypes) -> str:
    key = sort_key(resolve_sort(parse_sort(sort), fields))
    return " ".join(entity.name for entity in sorted(given, key=lambda entity: key(entity.document, entity.meta)))


@pytest.mark.parametrize(
    ("documents", "types", "sort", "order"),
    [
        (['{"s":"b"}', '{"s":"B"}', '{"s":"é"}', '{"s":"a"}', '{"s":"Z"}'], "$.s STRING", "s", "b e d a c"),
        (['{"s":"b"}', '{"s":"B"}', '{"s":"é"}', '{"s":"a"}', '{"s":"Z"}'], "$.s STRING", "s:desc", "c a d e b"),
        (['{"n":9}', '{"n":100}', '{"n":10}'], "$.n INTEGER", "n", "a c b"),
        (['{"n":9007199254740993}', '{"n":9007199254740992}'], "$.n LONG", "n:desc", "a b"),
        (['{"n":5}', "{}", '{"n":10}', '{"n":null}'], "$.n INTEGER", "n:desc", "c a b d"),
        (['{"n":5}', "{}", '{"n":10}', '{"n":null}'], "$.n INTEGER", "n", "a c b d"),
        (['{"f":true}', '{"f":false}'], "$.f BOOLEAN", "f", "b a"),
        (['{"f":false}', '{"f":true}', "{}"], "$.f BOOLEAN", "f:desc", "b a c"),
        (
            ['{"z":"2024-09-09T10:00:00+02:00"}', '{"z":"2024-09-09T09:00:00Z"}'],
            "$.z ZONED_DATE_TIME",
            "z",
            "b a",
        ),
        (['{"m":"abc"}', '{"m":"2024-09-09"}'], "$.m STRING+LOCAL_DATE", "m", "b a"),
        (["{}", "{}"], "$.x STRING", "@id:desc", "b a"),
        (['{"o":{"k":1}}', '{"o":{"k":2}}'], "$.o.k INTEGER", "$.o.k:desc", "b a"),
        (['{"n":1e400}', '{"n":-1e400}', '{"n":1}', f'{{"n":1{"0" * 400}}}'], "$.n UNBOUND_DECIMAL", "n", "b c a d"),
        (['{"o":{"k":1}}', '{"o":"x"}'], "$.o STRING, $.o.k INTEGER", "o", "b a"),
    ],
)
def test_entities_are_ordered_by_a_key_and_then_by_id(documents: list[str], types: str, sort: str, order: str) -> None:
    assert ordered(entities(*documents), [sort], declared(types)) == order


def test_without_keys_entities_are_ordered_by_id() -> None:
    assert ordered(entities("{}", "{}", "{}")[::-1], [], {}) == "a b c"


def test_keys_are_used_in_order_of_precedence() -> None:
    given = entities('{"g":1,"n":1}', '{"g":2,"n":1}', '{"g":1,"n":2}')
    assert ordered(given, ["g:desc", "n:desc"], declared("$.g INTEGER, $.n INTEGER")) == "b c a"


def test_times_of_the_lifecycle_tie_within_a_millisecond() -> None:
    first, second = entities("{}", "{}")
    later = replace(first, meta=replace(first.meta, creation_date=datetime(2026, 1, 1, 0, 0, 1, 500, UTC)))
    earlier = replace(second, meta=replace(second.meta, creation_date=datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)))
    assert ordered([earlier, later], ["@creationDate"], {}) == "a b"
    assert ordered([earlier, later], ["@creationDate:desc"], {}) == "a b"
    unset = replace(earlier, meta=replace(earlier.meta, creation_date=None))
    assert ordered([unset, later], ["@creationDate:desc"], {}) == "a b"


@pytest.mark.parametrize("sort", ["@state", "@state:desc", "@transactionId", "@transitionForLatestSave:desc"])
def test_an_empty_lifecycle_text_sorts_last(sort: str) -> None:
    first, second = entities("{}", "{}")
    empty = replace(first, meta=replace(first.meta, state=""))
    filled = replace(second, meta=replace(second.meta, transaction_id="t", transition_for_latest_save="go"))
    assert ordered([empty, filled], [sort], {}) == "b a"


@pytest.mark.parametrize(
    "sort",
    [
        ["s:DESC"],
        ["s:"],
        ["@"],
        ["@a.b"],
        [""],
        ["s", "$.s:desc"],
        ["@id", "@id:desc"],
        [f"f{index}" for index in range(17)],
        ["s:up"],
        ["a b"],
        ["a..b"],
        ["a."],
        ["tags[*]"],
        ["a[0]"],
        ["$"],
        ["$.$.a"],
        ["s,t"],
        ["é"],
        ["@previousTransition"],
        ["@createdAt"],
        ["s\n"],
        [":desc"],
    ],
)
def test_a_malformed_sort_is_refused(sort: list[str]) -> None:
    with pytest.raises(InvalidFieldPath):
        parse_sort(sort)


def test_the_number_of_keys_is_limited() -> None:
    keys = [f"f{index}" for index in range(16)]
    assert len(parse_sort(keys)) == len(parse_sort(keys, 0)) == len(parse_sort(keys, -1)) == 16
    with pytest.raises(InvalidFieldPath):
        parse_sort(keys, 2)


def test_a_data_field_and_a_lifecycle_field_of_one_name_are_different_keys() -> None:
    assert parse_sort(["state", "@state:desc", "$.a-b.c_d:asc"]) == (
        SortKey("state"),
        SortKey("state", "meta", True),
        SortKey("a-b.c_d"),
    )


def test_keys_of_an_order_by_list_follow_the_same_rules() -> None:
    assert checked_keys([SortKey("a")]) == (SortKey("a"),)
    for bad in ([SortKey("$.a")], [SortKey("a"), SortKey("a", descending=True)], [SortKey("x", "meta")]):
        with pytest.raises(InvalidFieldPath):
            checked_keys(bad)


@pytest.mark.parametrize(
    ("documents", "sort"),
    [
        (['{"m":1}', '{"m":"x"}'], "m"),
        (['{"t":["a"]}'], "t"),
        (['{"o":{"k":1}}'], "o"),
        (['{"v":null}'], "v"),
        (['{"items":[{"p":1}]}'], "items.p"),
        (['{"a":1}'], "unknown"),
        (['{"f":true}', '{"f":"x"}'], "f"),
    ],
)
def test_a_path_without_a_single_order_is_refused(documents: list[str], sort: str) -> None:
    with pytest.raises(InvalidFieldPath):
        resolve_sort(parse_sort([sort]), fields_of(*documents))


@pytest.mark.parametrize(
    ("types", "compares"),
    [
        ("STRING", SortClass.TEXT),
        ("STRING+LOCAL_DATE+YEAR", SortClass.TEXT),
        ("UUID_TYPE+CHARACTER", SortClass.TEXT),
        ("BIG_DECIMAL", SortClass.NUMERIC),
        ("BOOLEAN", SortClass.BOOLEAN),
    ],
)
def test_the_declared_types_decide_the_comparison(types: str, compares: SortClass) -> None:
    assert resolve_sort((SortKey("a"),), declared(f"$.a {types}")) == (SortField(SortKey("a"), compares),)


def test_the_lifecycle_fields_have_their_own_comparison() -> None:
    keys = parse_sort(["@state", "@creationDate", "@lastUpdateTime", "@id"])
    assert [field.compares for field in resolve_sort(keys, {})] == [
        SortClass.TEXT,
        SortClass.TEMPORAL,
        SortClass.TEMPORAL,
        SortClass.TEXT,
    ]
