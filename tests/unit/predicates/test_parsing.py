"""Condition documents and what is wrong with them (contract: search 8.1–8.6, 14.3 H5, H6)."""

from __future__ import annotations

import json

import pytest

from cyoda.errors import BadRequest, InvalidCondition
from workflows.core.predicates.condition import (
    MATCH_ALL,
    ArrayCondition,
    FunctionCondition,
    FunctionConfig,
    Group,
    Lifecycle,
    NumberText,
    Simple,
    condition_type,
    contains_function,
    needs_schema,
)
from workflows.core.predicates.parsing import parse_condition

LEAF = '{"type":"simple","jsonPath":"$.a","operatorType":"IS_NULL"}'


def nested(groups: int) -> bytes:
    opening = '{"type":"group","operator":"AND","conditions":['
    return (opening * groups + LEAF + "]}" * groups).encode()


def test_each_shape_is_read() -> None:
    document = b"""{"type":"group","operator":"OR","ignored":1,"conditions":[
        {"type":"simple","jsonPath":"$.price","operatorType":"GREATER_THAN","value":10},
        {"type":"lifecycle","field":"state","operatorType":"EQUALS","value":"ACTIVE"},
        {"type":"array","jsonPath":"$.tags","values":["red",null]},
        {"type":"group","operator":"AND"}]}"""
    assert parse_condition(document) == Group(
        "OR",
        (
            Simple("$.price", "GREATER_THAN", NumberText("10")),
            Lifecycle("state", "EQUALS", "ACTIVE"),
            ArrayCondition("$.tags", ("red", None)),
            Group("AND"),
        ),
    )


@pytest.mark.parametrize("number", ["30.0", "1e2", "-0", "-0.0", "1E+5", "0.10", "1" * 40])
def test_an_operand_keeps_the_spelling_of_its_number(number: str) -> None:
    parsed = parse_condition(f'{{"type":"simple","jsonPath":"$.a","operator":"EQUALS","value":{number}}}'.encode())
    assert isinstance(parsed, Simple)
    assert parsed.value == number
    assert isinstance(parsed.value, NumberText)


@pytest.mark.parametrize(
    ("members", "operator"),
    [
        ('"operatorType":"A","operator":"B","operation":"C"', "A"),
        ('"operation":"C","operator":"B"', "B"),
        ('"operatorType":"","operator":null,"operation":"C"', "C"),
        ('"value":1', ""),
    ],
)
def test_the_operator_is_the_first_spelling_that_is_not_empty(members: str, operator: str) -> None:
    for shape in ('"type":"simple","jsonPath":"$.a"', '"type":"lifecycle","field":"id"', '"type":"group"'):
        parsed = parse_condition(f"{{{shape},{members}}}".encode())
        assert isinstance(parsed, Simple | Lifecycle | Group)
        assert parsed.operator == operator


def test_a_path_without_its_prefix_is_the_same_path() -> None:
    parsed = [parse_condition(f'{{"type":"simple","jsonPath":"{path}"}}'.encode()) for path in ("a.b", "$.a.b")]
    assert parsed[0] == parsed[1]


def test_an_array_condition_may_spell_its_values_as_the_published_document_does() -> None:
    assert parse_condition(b'{"type":"array","jsonPath":"$.t","value":["a"]}') == ArrayCondition("$.t", ("a",))
    both = b'{"type":"array","jsonPath":"$.t","value":["a"],"values":["b"]}'
    assert parse_condition(both) == ArrayCondition("$.t", ("b",))


def test_a_function_has_the_defaults_of_a_processor() -> None:
    assert parse_condition(b'{"type":"function","function":{"name":"f"}}') == FunctionCondition("f", FunctionConfig())
    assert FunctionConfig() == FunctionConfig("", True, 30_000, "", "")


def test_a_function_is_read_with_its_configuration_and_pre_check() -> None:
    document = f"""{{"type":"function","function":{{"name":"f","criterion":{LEAF},"config":{{
        "calculationNodesTags":"a,b","attachEntity":false,"responseTimeoutMs":5000,"context":"v2","retryPolicy":"NONE"}}}}}}"""
    assert parse_condition(document.encode()) == FunctionCondition(
        "f", FunctionConfig("a,b", False, 5000, "v2", "NONE"), Simple("$.a", "IS_NULL")
    )


def test_a_response_timeout_that_is_not_positive_means_the_default() -> None:
    parsed = parse_condition(b'{"type":"function","function":{"name":"f","config":{"responseTimeoutMs":-1}}}')
    assert isinstance(parsed, FunctionCondition)
    assert parsed.config.response_timeout_ms == 30_000


def test_an_empty_body_matches_everything() -> None:
    assert parse_condition(b"") == MATCH_ALL


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        "null",
        "[]",
        '"x"',
        "{",
        " ",
        '{"type":"unknown"}',
        '{"type":"Simple","jsonPath":"$.a","operator":"IS_NULL"}',
        '{"type":1}',
        '{"type":"simple","jsonPath":1,"operator":"IS_NULL"}',
        '{"type":"simple","jsonPath":"$.a","operator":1}',
        '{"type":"lifecycle","field":{},"operator":"IS_NULL"}',
        '{"type":"group","operator":"AND","conditions":{}}',
        '{"type":"array","jsonPath":"$.a","values":"red"}',
        '{"type":"array","jsonPath":"$.a","value":"red"}',
        '{"type":"function","function":"f"}',
        '{"type":"function","function":{"name":"f","config":{"responseTimeoutMs":1.5}}}',
        '{"type":"function","function":{"name":"f","config":{"attachEntity":"yes"}}}',
        f"{LEAF} {LEAF}",
        '{"type":"simple","jsonPath":"$.a","operator":"EQUALS","value":NaN}',
        '{"type":"simple","jsonPath":"$.a","operator":"EQUALS","value":"\\ud800"}',
        '{"type":"simple","jsonPath":"$.a","operator":"EQUALS","value":' + "[" * 5000 + "]" * 5000 + "}",
    ],
)
def test_what_is_no_condition_is_refused(body: str) -> None:
    with pytest.raises(BadRequest, match=r"^invalid condition: "):
        parse_condition(body.encode())
    with pytest.raises(InvalidCondition, match=r"^invalid condition: "):
        parse_condition(body.encode(), InvalidCondition)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadRequest):
        parse_condition(b'{"type":"simple","jsonPath":"\xff"}')


def test_a_bad_member_of_a_group_is_named() -> None:
    body = f'{{"type":"group","operator":"AND","conditions":[{LEAF},{{"type":"group","conditions":[{{}}]}}]}}'
    with pytest.raises(BadRequest, match=r"condition\[1\]: condition\[0\]: missing condition type"):
        parse_condition(body.encode())


def test_fifty_groups_may_enclose_a_leaf_and_fifty_one_may_not() -> None:
    assert isinstance(parse_condition(nested(50)), Group)
    with pytest.raises(BadRequest, match="exceeds maximum depth of 50"):
        parse_condition(nested(51))


def test_a_tree_tells_whether_it_calls_a_function_or_needs_the_schema() -> None:
    lifecycle = {"type": "lifecycle", "field": "state", "operator": "IS_NULL"}
    simple = json.loads(LEAF)
    function = {"type": "function", "function": {"name": "f"}}

    def group(*children: object) -> Group:
        parsed = parse_condition(json.dumps({"type": "group", "operator": "AND", "conditions": children}).encode())
        assert isinstance(parsed, Group)
        return parsed

    assert not needs_schema(group(lifecycle, function))
    assert needs_schema(group(lifecycle, group_document(simple)))
    assert contains_function(group(lifecycle, group_document(function)))
    assert not contains_function(group(lifecycle, simple))
    assert [condition_type(child) for child in group(lifecycle, simple, function).conditions] == [
        "lifecycle",
        "simple",
        "function",
    ]


def group_document(child: object) -> dict[str, object]:
    return {"type": "group", "operator": "OR", "conditions": [child]}
