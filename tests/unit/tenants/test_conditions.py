"""Conditions as rows: what comes back from the form is what went in (contract: search 8; ui: 4.4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st

from cyoda import jsonio
from tenants.ui.console import builder
from tenants.ui.console.cells import cell
from tenants.ui.console.conditions import (
    OPERATORS,
    PRESENCE,
    RANGES,
    Group,
    NotRows,
    Row,
    condition_of,
    in_words,
    rows_of,
)
from tenants.ui.console.fields import Field, Fields
from tenants.ui.console.listing import Listing, listing_of
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.validation import check_structure

FIELDS = Fields(
    {
        field.path: field
        for field in (
            Field("@state", "text", "State"), Field("$.price", "number", "price"), Field("$.sold", "boolean", "sold"),
            Field("$.items[*].name", "text", "items[*].name"), Field("$.any", "mixed", "any"),
        )
    }
)  # fmt: skip
TEXTS = st.text("aÄ✓ 0.:;%&=+-#/\\\"'[]", max_size=8)


def _row(path: str, operator: str, value: str, other: str) -> Row:
    return Row(path, operator, "" if operator in PRESENCE else value, other if operator in RANGES else "")


ROWS = st.builds(
    _row,
    st.sampled_from([*FIELDS, "$.gone"]), st.sampled_from([*OPERATORS]),
    st.one_of(TEXTS, st.sampled_from(["5", "1.50", "1e3", "-0", "true"])), TEXTS,
)  # fmt: skip
TREES = st.recursive(
    st.builds(Group, st.sampled_from(["AND", "OR"]), st.lists(ROWS, min_size=1, max_size=3)),
    lambda inner: st.builds(
        Group, st.sampled_from(["AND", "OR"]), st.lists(st.one_of(ROWS, inner), min_size=1, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_a_tree_comes_back_from_an_address_and_from_json_and_the_api_takes_it(tree: Group) -> None:
    fields = dict(parse_qsl(urlencode(list(builder.written(tree))), keep_blank_values=True))
    assert builder.draft(fields) == tree
    text = jsonio.dumps(condition_of(tree, FIELDS))
    assert rows_of(jsonio.parse(text)) == tree
    check_structure(parse_condition(text))
    assert in_words(tree, FIELDS)


def test_numbers_and_truth_values_are_sent_as_such_where_the_field_has_them() -> None:
    tree = Group(
        children=[Row("$.price", "EQUALS", "1.50"), Row("$.sold", "EQUALS", "true"), Row("$.any", "LIKE", "5")]
    )
    assert b'"value":1.50' in jsonio.dumps(condition_of(tree, FIELDS))
    values = [test["value"] for test in condition_of(tree, FIELDS)["conditions"]]
    assert (values[1], values[2]) == (True, "5")
    assert condition_of(Group(children=[Row("$.price", "EQUALS", "1_0")]), FIELDS)["conditions"][0]["value"] == "1_0"


def simple(value: Any, operator: str = "EQUALS") -> dict[str, Any]:
    return {"type": "simple", "jsonPath": "a", "operation": operator, "value": value}


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        ([], "/"),
        ({"type": "group", "operator": "NOT", "conditions": []}, "/operator"),
        ({"type": "group", "operator": "AND", "conditions": [simple(1), {"type": "array"}]}, "/conditions/1"),
        ({"type": "group", "operator": "AND", "conditions": {}}, "/conditions"),
        ({"type": "simple", "operator": "EQUALS"}, "/jsonPath"),
        ({"type": "lifecycle", "field": "state"}, "/"),
        (simple(1, "IS"), "/operatorType"),
        (simple(None), "/value"),
        (simple({}), "/value"),
        (simple("a\nb"), "/value"),
        (simple([1], "BETWEEN"), "/value"),
        (simple([1, None], "BETWEEN"), "/value/1"),
    ],
)
def test_what_rows_cannot_show_is_told_with_its_place(condition: Any, where: str) -> None:
    with pytest.raises(NotRows) as refused:
        rows_of(condition)
    assert refused.value.where == where


def test_spellings_of_other_clients_are_understood() -> None:
    found = rows_of(
        {"type": "group", "operator": "or", "conditions": [
            simple(2), {"type": "lifecycle", "field": "transitionForLatestSave", "operatorType": "NOT_NULL", "value": 1}
        ]}
    )  # fmt: skip
    assert found == Group("OR", [Row("$.a", "EQUALS", "2"), Row("@previousTransition", "NOT_NULL")])


def test_buttons_add_and_remove_at_their_place_and_nothing_elsewhere() -> None:
    tree = Group()
    for action in (
        "add:c",
        "group:c",
        "add:c.1",
        "add:c.0",
        "remove:c.9",
        "remove:c",
        "add:c.1.0",
        "nonsense",
        "add:x",
    ):
        builder.changed(tree, action)
    assert tree == Group("AND", [Row(), Group("OR", [Row(), Row()])])
    builder.changed(tree, "remove:c.1.0")
    builder.changed(tree, "remove:c.0")
    assert tree == Group("AND", [Group("OR", [Row()])])


def test_addresses_that_describe_no_form_are_an_empty_one() -> None:
    deep = "c." + "0." * 60 + "f"
    assert builder.draft({deep: "x", "c.x.f": "1", "c.0.zz": "1", "d.0.f": "1", "c.1234567.f": "x"}) == Group()
    assert builder.draft({"c.7.f": "@state", "c.3.g": "OR"}) == Group("AND", [Group("OR"), Row("@state")])


def test_a_list_comes_back_from_its_address() -> None:
    listing = Listing(
        condition='{"a":1}', columns=("@state", "$.a b"), at="2026-01-01T00:00:00Z", sort="$.a:desc", size=25,
        density="compact", view="x", after="0b6f3a1e-0000-1000-8000-000000000001", start=25,
    )  # fmt: skip
    assert listing_of(QueryDict(listing.query(after=listing.after, start=25)[1:])) == listing
    assert listing_of(QueryDict(listing.query(columns=("@id",))[1:])).condition == listing.condition
    assert listing_of(QueryDict(listing.query(condition="")[1:])).after == ""
    assert listing_of(QueryDict("size=7&start=x&after=x&sort=@id:asc&density=y")) == Listing()
    assert listing_of(QueryDict("q=%00&col=%00a&at=" + "9" * 99)) == Listing(columns=("$.a",), at="9" * 40)
    assert Listing().query() == "?view="


def test_a_cell_holds_what_a_path_leads_to() -> None:
    entity: dict[str, Any] = {
        "meta": {"state": "NEW", "id": "1"},
        "data": {"a": {"b": jsonio.parse(b"1.50")}, "l": [{"n": 1}, {"n": None}, {"n": [True]}, {}], "e": []},
    }
    shown = {
        path: cell(entity, path) for path in ("@state", "@x", "$.a.b", "$.a", "$.l[*].n", "$.e[*]", "$.a.b.c", "$")
    }
    assert shown == {
        "@state": "NEW", "@x": None, "$.a.b": "1.50", "$.a": '{"b":1.50}', "$.l[*].n": "1, [true]", "$.e[*]": None,
        "$.a.b.c": None, "$": None,
    }  # fmt: skip
