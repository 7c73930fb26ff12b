"""Contract: entities 2.7, 2.8, 4.7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda import jsonio
from cyoda.errors import BadRequest, IncompatibleType
from tests.unit.schema.strategies import DOCUMENTS, VALUES
from workflows.core.schema.change_level import ChangeLevel, extend
from workflows.core.schema.compiled import compile_absorption, compile_validator
from workflows.core.schema.node import MAX_DEPTH, Node, infer, merge
from workflows.core.schema.serial import from_json
from workflows.core.schema.validation import joined, refusal, validate


def schema(*samples: str) -> Node:
    node = infer(jsonio.parse(samples[0]))
    for sample in samples[1:]:
        node = merge(node, infer(jsonio.parse(sample)))
    return node


def messages(node: Node, document: str) -> list[str]:
    value = jsonio.parse(document)
    found = [problem.message for problem in validate(node, value)]
    assert compile_validator(node)(value) == (not found)
    return found


ACCEPTED = [
    (['{"a":1}'], "{}"),
    (['{"a":1}'], '{"a":null}'),
    (['{"a":1.5}'], '{"a":1}'),
    (['{"a":1.5}'], '{"a":1.0}'),
    (['{"a":2147483648}'], '{"a":1}'),
    (['{"a":9223372036854775808}'], '{"a":2147483648}'),
    (['{"a":0.1234567890123456}'], '{"a":2147483648}'),
    (['{"a":0.12345678901234567890}'], '{"a":1.5}'),
    (['{"a":"x"}'], '{"a":{"b":1}}'),  # the quirk: structures count as STRING at a scalar slot
    (['{"a":"x"}'], '{"a":[1]}'),
    (['{"a":"x"}'], '{"a":1e99999999999}'),
    (['{"a":1}', '{"a":"x"}'], '{"a":"y"}'),
    (['{"a":"2024-01-02"}'], '{"a":"1999-12-31"}'),
    (['{"l":[1]}'], '{"l":[]}'),
    (['{"l":[1]}'], '{"l":[null,2]}'),
    (['{"o":{"x":1}}', '{"o":null}'], '{"o":null}'),
    (['{"l":[1]}', '{"l":null}'], '{"l":null}'),
    (['[{"o":{"x":1}},{"o":1.5}]'], '[{"o":7},{"o":{"x":1}},{"o":null}]'),
    (['[[1],"x"]'], '["y",[2],null]'),
    ([THREE := '{"o":{"in":{"deep":[{"z":"t"}]}}}'], THREE),
]


@pytest.mark.parametrize(("samples", "document"), ACCEPTED)
def test_a_document_that_fits_has_no_findings(samples: list[str], document: str) -> None:
    assert messages(schema(*samples), document) == []


REFUSED = [
    (['{"a":1}'], '{"b":1}', "b: unexpected field not present in model"),
    (['{"a":1}'], '{"a":1.5}', "a: value of type DOUBLE is not compatible with [INTEGER]"),
    (['{"a":1}'], '{"a":2147483648}', "a: value of type LONG is not compatible with [INTEGER]"),
    (['{"a":1.5}'], '{"a":2147483648}', "a: value of type LONG is not compatible with [DOUBLE]"),
    (
        ['{"a":0.1234567890123456}'],
        '{"a":1.5}',
        "a: value of type DOUBLE is not compatible with [BIG_DECIMAL]",
    ),
    (['{"a":1}'], '{"a":1e99999999999}', "a: value of type STRING is not compatible with [INTEGER]"),
    (['{"a":1}'], '{"a":{"x":1}}', "a: value of type STRING is not compatible with [INTEGER]"),
    (['{"a":null}'], '{"a":1}', "a: value of type INTEGER is not compatible with [NULL]"),
    (['{"a":"x"}'], '{"a":"2024"}', "a: value of type YEAR is not compatible with [STRING]"),
    (['{"a":"2024"}'], '{"a":"x"}', "a: value of type STRING is not compatible with [YEAR]"),
    (
        ['{"a":1}', '{"a":"x"}'],
        '{"a":true}',
        "a: value of type BOOLEAN is not compatible with [INTEGER STRING]",
    ),
    (['{"o":{"x":1}}'], '{"o":null}', "o: expected object, got <nil>"),
    (['{"o":{"x":1}}'], '{"o":"s"}', "o: expected object, got string"),
    (['{"o":{"x":1}}'], '{"o":5}', "o: expected object, got json.Number"),
    (['{"o":{"x":1}}'], '{"o":5.5}', "o: expected object, got json.Number"),
    (['{"o":{"x":1}}'], '{"o":true}', "o: expected object, got bool"),
    (['{"o":{"x":1}}'], '{"o":[1]}', "o: expected object, got []interface {}"),
    (['{"l":[1]}'], '{"l":{}}', "l: expected array, got map[string]interface {}"),
    (['{"l":[1]}'], '{"l":null}', "l: expected array, got <nil>"),
    (['{"l":[[1]]}'], '{"l":[5]}', "l[0]: expected array, got json.Number"),
    (['[{"o":{"x":1}},{"o":1.5}]'], '[{"o":"s"}]', "[0].o: expected object, got string"),
    (['[{"o":{"x":1}},{"o":"s"}]'], '[{"o":[1]}]', "[0].o: expected object, got []interface {}"),
    (
        ['{"a":{"b":[{"c":1}]}}'],
        '{"a":{"b":[{"c":1},{"c":"x"}]}}',
        "a.b[1].c: value of type STRING is not compatible with [INTEGER]",
    ),
    (['{"a":1}'], "[1]", "expected object, got []interface {}"),
    (["[1]"], '["x"]', "[0]: value of type STRING is not compatible with [INTEGER]"),
    (["5"], "true", "value of type BOOLEAN is not compatible with [INTEGER]"),
]


@pytest.mark.parametrize(("samples", "document", "message"), REFUSED)
def test_a_finding_names_path_and_types(samples: list[str], document: str, message: str) -> None:
    assert messages(schema(*samples), document) == [message]


def test_findings_come_in_document_order_and_are_joined() -> None:
    node = schema('{"a":1}', '{"a":"x"}')
    problems = validate(node, jsonio.parse('{"c":1,"a":true}'))
    assert joined(problems) == (
        "c: unexpected field not present in model; a: value of type BOOLEAN is not compatible with [INTEGER STRING]"
    )


def test_a_wrong_scalar_type_decides_the_code_and_the_first_one_gives_the_properties() -> None:
    problems = validate(schema('{"price":1,"b":true}'), jsonio.parse('{"x":1,"price":1.5,"b":1}'))
    error = refusal(problems, "order", 1)
    assert isinstance(error, IncompatibleType)
    assert error.detail.startswith(
        "INCOMPATIBLE_TYPE: validation failed: x: unexpected field not present in model; "
        "price: value of type DOUBLE is not compatible with [INTEGER]; b: "
    )
    assert error.properties == {
        "fieldPath": "price",
        "expectedType": ["INTEGER"],
        "actualType": "DOUBLE",
        "entityName": "order",
        "entityVersion": "1",
    }


def test_without_a_wrong_scalar_type_the_request_is_just_bad() -> None:
    error = refusal(validate(schema('{"o":{}}'), {"o": 1}), "order", 1)
    assert type(error) is BadRequest
    assert error.detail == "BAD_REQUEST: validation failed: o: expected object, got json.Number"
    assert error.properties == {}


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_validation_stops_at_its_depth_limit() -> None:
    deepest = nested(MAX_DEPTH - 1)
    assert validate(infer(deepest), deepest) == []
    assert compile_validator(infer(deepest))(deepest)
    deeper = nested(MAX_DEPTH)
    (problem,) = validate(infer(deeper), deeper)
    assert problem.message == ".".join("a" * MAX_DEPTH) + ": validation depth exceeded (max 256)"
    assert not compile_validator(infer(deeper))(deeper)


def test_a_document_nested_deeper_than_its_schema_is_no_danger() -> None:
    assert messages(schema('{"a":"x"}'), '{"a":' + "[" * 499 + "]" * 499 + "}") == []
    assert len(messages(schema('{"a":1}'), '{"a":' + "[" * 499 + "]" * 499 + "}")) == 1


@given(st.lists(VALUES, min_size=1, max_size=3), VALUES)
def test_the_compiled_check_agrees_with_the_rules(samples: list[object], value: object) -> None:
    node = infer(samples[0])
    for sample in samples[1:]:
        node = merge(node, infer(sample))
    check = compile_validator(node)
    for candidate in (*samples, value):
        assert check(candidate) == (validate(node, candidate) == [])


LEAF_TYPES = st.lists(
    st.sampled_from(
        ["INTEGER", "LONG", "DOUBLE", "BIG_DECIMAL", "UNBOUND_DECIMAL", "STRING", "YEAR", "BOOLEAN", "NULL"]
    ),
    max_size=2,
)


@given(LEAF_TYPES, VALUES)
def test_the_compiled_check_agrees_for_any_set_of_types_in_any_place(types: list[str], value: object) -> None:
    forms = [types, {"items": "INTEGER", "types": types}, {"members": {"a": "STRING"}, "types": types}]
    for node in map(from_json, forms):
        assert compile_validator(node)(value) == (validate(node, value) == [])


@given(DOCUMENTS)
def test_a_document_fits_the_schema_inferred_from_it_unless_lists_and_objects_share_a_place(
    document: dict[str, object],
) -> None:
    for problem in validate(infer(document), document):
        assert problem.fault == "expected object, got []interface {}"


@given(st.lists(DOCUMENTS, min_size=1, max_size=2), DOCUMENTS, st.sampled_from(ChangeLevel))
def test_what_the_compiled_check_takes_in_extends_nothing(
    samples: list[object], document: object, level: ChangeLevel
) -> None:
    node = infer(samples[0])
    for sample in samples[1:]:
        node = merge(node, infer(sample))
    check = compile_absorption(node, level)
    for candidate in (*samples, document, None):
        if check(candidate):
            assert extend(node, candidate, level) is node
