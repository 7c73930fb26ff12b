"""Contract: entities 2.6."""

import time

import pytest
from hypothesis import given

from cyoda import jsonio
from cyoda.errors import BadRequest
from tests.unit.schema.strategies import VALUES
from workflows.core.schema.json_schema import json_schema
from workflows.core.schema.node import MAX_DEPTH, ArrayNode, Leaf, Node, ObjectNode, infer, merge
from workflows.core.schema.paths import field_paths, scalar_leaves, value_at
from workflows.core.schema.serial import from_json, to_json
from workflows.core.schema.simple_view import simple_view
from workflows.core.schema.types import display


def text(node: Node) -> bytes:
    return jsonio.dumps(to_json(node))


def inferred(document: str) -> Node:
    return infer(jsonio.parse(document))


def fields(document: str) -> dict[str, str]:
    return {path: display(types) for path, types in field_paths(inferred(document)).items()}


@given(VALUES, VALUES)
def test_merging_is_commutative_in_every_visible_form(one: object, other: object) -> None:
    forth, back = merge(infer(one), infer(other)), merge(infer(other), infer(one))
    assert forth == back
    assert text(forth) == text(back)
    assert jsonio.dumps_sorted(simple_view(forth)) == jsonio.dumps_sorted(simple_view(back))
    assert jsonio.dumps_sorted(json_schema(forth)) == jsonio.dumps_sorted(json_schema(back))


@given(VALUES, VALUES, VALUES)
def test_merging_is_associative(one: object, two: object, three: object) -> None:
    first, second, third = infer(one), infer(two), infer(three)
    left, right = merge(merge(first, second), third), merge(first, merge(second, third))
    assert left == right
    assert text(left) == text(right)


@given(VALUES, VALUES)
def test_merging_what_is_covered_returns_the_same_node(one: object, other: object) -> None:
    node = merge(infer(one), infer(other))
    assert merge(node, infer(other)) is node
    assert merge(node, infer(one)) is node
    assert merge(node, node) is node


@given(VALUES)
def test_a_stored_schema_comes_back_equal(value: object) -> None:
    node = infer(value)
    assert from_json(jsonio.parse(text(node))) == node


@given(VALUES, VALUES)
def test_merging_leaves_its_arguments_as_they_were(one: object, other: object) -> None:
    node = infer(one)
    before = text(node)
    merge(node, infer(other))
    assert text(node) == before


def test_an_empty_array_has_a_null_element() -> None:
    assert inferred("[]") == ArrayNode(Leaf(infer(None).types))
    assert inferred('{"a":[[]]}') == ObjectNode({"a": ArrayNode(ArrayNode(infer(None)))})


def test_objects_win_over_arrays_and_arrays_over_scalars_keeping_the_scalar_types() -> None:
    node = inferred('[1,[2],"x"]')
    assert text(node) == b'{"items":{"items":"INTEGER","types":["INTEGER","STRING"]}}'
    node = inferred('[1,[2],{"a":null},null]')
    assert text(node) == b'{"items":{"members":{"a":"NULL"},"types":["INTEGER"]}}'


def test_a_structure_beside_null_is_marked_nullable() -> None:
    assert text(inferred("[null,{}]")) == b'{"items":{"members":{},"types":["NULL"]}}'


def nested(levels: int, value: object = 1) -> object:
    for _ in range(levels):
        value = {"a": value}
    return value


def test_the_deepest_allowed_schema_can_be_merged_stored_and_exported() -> None:
    node = infer(nested(MAX_DEPTH))
    wider = merge(node, infer(nested(MAX_DEPTH, "x")))
    assert wider != node
    assert from_json(jsonio.reparse(text(wider))) == wider
    assert len(simple_view(wider)) == MAX_DEPTH
    assert jsonio.dumps_sorted(json_schema(wider)).count(b"properties") == MAX_DEPTH
    assert len(field_paths(wider)) == 1


@pytest.mark.parametrize("value", [nested(MAX_DEPTH + 1), nested(900), jsonio.parse("[" * 500 + "]" * 500)])
def test_a_deeper_sample_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="parse JSON: nesting too deep"):
        infer(value)


def test_a_number_out_of_range_is_refused_in_a_sample() -> None:
    with pytest.raises(BadRequest, match="parse JSON: number out of range"):
        inferred('{"a":[1e99999999999]}')


def test_inferring_many_items_of_different_shapes_takes_no_quadratic_time() -> None:
    items = [{f"name{number}": number} for number in range(20_000)]
    started = time.perf_counter()
    node = infer(items)
    assert time.perf_counter() - started < 5
    assert isinstance(node, ArrayNode)
    assert isinstance(node.element, ObjectNode)
    assert len(node.element.children) == 20_000


def test_field_paths_are_flat() -> None:
    assert fields('{"a":{"b":1},"items":[{"price":1.5,"tags":["x"]}],"m":[[true]],"n":null,"e":{}}') == {
        "$.a.b": "INTEGER",
        "$.items[*].price": "DOUBLE",
        "$.items[*].tags[*]": "STRING",
        "$.m[*][*]": "BOOLEAN",
        "$.n": "NULL",
    }


def test_an_object_in_whose_place_scalars_were_seen_is_a_field_too_but_not_for_nulls() -> None:
    assert fields('[{"o":{"a":1}},{"o":5}]') == {"$[*].o": "INTEGER", "$[*].o.a": "INTEGER"}
    assert fields('[{"o":{"a":1}},{"o":null}]') == {"$[*].o.a": "INTEGER"}


def test_a_name_with_a_dot_falls_together_with_nesting() -> None:
    assert fields('{"a.b":1,"a":{"b":"x"}}') == {"$.a.b": "[INTEGER, STRING]"}
    assert value_at({"a.b": 1}, ("a", "b")) == 1
    assert value_at({"a": {"b.c": 2}}, ("a", "b", "c")) == 2
    assert value_at({"a": {"b": {"c": 3}}}, ("a", "b", "c")) == 3
    assert value_at({"a": 1}, ("a", "b")) is None


def test_scalar_leaves_are_reached_without_passing_an_array() -> None:
    node = inferred('{"a":{"b":1},"l":[1],"i":[{"x":1}],"n":null,"o":{}}')
    assert scalar_leaves(node) == {"$.a.b", "$.n"}
    assert scalar_leaves(inferred("5")) == set()
