"""Contract: entities 4.6."""

from decimal import Decimal

import pytest

from cyoda import jsonio
from cyoda.errors import BadRequest, CyodaError, IncompatibleType, PolymorphicSlot
from workflows.core.schema.change_level import ChangeLevel, extend
from workflows.core.schema.compiled import compile_absorption
from workflows.core.schema.node import infer
from workflows.core.schema.simple_view import simple_view
from workflows.core.schema.validation import refusal, validate

# number | sample | payload | none AL AE TYPE STRUCTURAL | the simple view after success ("same" when unchanged)
MATRIX = r"""
1  | {"a":1}           | {"a":1}            | ok ok ok ok ok | same
1  | {"a":1}           | {}                 | ok ok ok ok ok | same
2  | {"a":1}           | {"b":1}            | BR BR BR BR ok | {"$":{".a":"INTEGER",".b":"INTEGER"}}
3  | {"a":1}           | {"a":2147483648}   | IT BR BR ok ok | {"$":{".a":"LONG"}}
4  | {"a":1}           | {"a":"x"}          | IT BR BR ok ok | {"$":{".a":"[INTEGER, STRING]"}}
5  | {"a":1}           | {"a":null}         | ok BR BR ok ok | same
6  | {"a":1.5}         | {"a":1}            | ok BR BR ok ok | same
7  | {"a":null}        | {"a":1}            | IT BR BR ok ok | {"$":{".a":"INTEGER"}}
8  | {"a":"x"}         | {"a":"2024"}       | IT BR BR ok ok | {"$":{".a":"[STRING, YEAR]"}}
9  | {"l":[1]}         | {"l":[1,2,3]}      | ok ok ok ok ok | same
10 | {"l":[1]}         | {"l":["a"]}        | IT BR ok ok ok | {"$":{".l[*]":"[INTEGER, STRING]"}}
11 | {"l":[1]}         | {"l":[]}           | ok BR ok ok ok | same
11 | {"l":[1]}         | {"l":[null]}       | ok BR ok ok ok | same
12 | {"l":[]}          | {"l":[1]}          | IT BR ok ok ok | {"$":{".l[*]":"INTEGER"}}
13 | {"l":[1,"a"]}     | {"l":["a"]}        | ok BR ok ok ok | same
14 | {"l":[1]}         | {"l":null}         | BR BR BR ok ok | same
15 | {"o":{"x":1}}     | {"o":null}         | BR BR BR ok ok | same
16 | {"o":null}        | {"o":{"x":1}}      | IT BR BR ok ok | {"$":{"#.o":"OBJECT"},"$.o":{".x":"INTEGER"}}
16 | {"o":null}        | {"o":[1]}          | IT BR BR ok ok | {"$":{".o[*]":"INTEGER"}}
17 | {"l":[]}          | {"l":[{"x":1}]}    | IT BR ok ok ok | {"$":{"#.l":"OBJECT"},"$.l[*]":{"#":"ARRAY_ELEMENT",".x":"INTEGER"}}
18 | {"o":{"x":1}}     | {"o":5}            | BR PS PS PS PS |
18 | {"o":{"x":1}}     | {"o":[1]}          | BR PS PS PS PS |
19 | {"l":[{"x":1}]}   | {"l":[{"y":1}]}    | BR BR BR BR ok | {"$":{"#.l":"OBJECT"},"$.l[*]":{"#":"ARRAY_ELEMENT",".x":"INTEGER",".y":"INTEGER"}}
20 | {"l":[{"x":1}]}   | {"l":[{"x":"s"}]}  | IT BR BR ok ok | {"$":{"#.l":"OBJECT"},"$.l[*]":{"#":"ARRAY_ELEMENT",".x":"[INTEGER, STRING]"}}
21 | {"l":[{"x":1}]}   | {"l":[5]}          | BR PS PS PS PS |
22 | {"l":[{"x":1}]}   | {"l":[null]}       | BR BR ok ok ok | same
23 | {"l":[[1]]}       | {"l":[["a"]]}      | IT BR ok ok ok | same
24 | {"l":[[1]]}       | {"l":[5]}          | BR PS PS PS PS |
"""  # noqa: E501 - one row a line
ROWS = [[cell.strip() for cell in line.split("|")] for line in MATRIX.strip().splitlines()]
CODES: dict[str, type[CyodaError]] = {"BR": BadRequest, "IT": IncompatibleType, "PS": PolymorphicSlot}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[2]}")
@pytest.mark.parametrize("level", list(ChangeLevel))
def test_each_difference_needs_its_level(row: list[str], level: ChangeLevel) -> None:
    _, sample, payload, outcomes, after = row
    node, value = infer(jsonio.parse(sample)), jsonio.parse(payload)
    outcome = outcomes.split()[level]
    if outcome == "ok":
        extended = extend(node, value, level)
        expected = simple_view(node) if after == "same" else jsonio.parse(after)
        assert simple_view(extended) == expected
        assert extend(extended, value, ChangeLevel.TYPE) == extended
    else:
        with pytest.raises(CODES[outcome]) as refused:
            extend(node, value, level)
        assert type(refused.value) is CODES[outcome]
        assert not compile_absorption(node, level)(value)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[2]}")
def test_without_a_level_the_document_is_validated_strictly(row: list[str]) -> None:
    problems = validate(infer(jsonio.parse(row[1])), jsonio.parse(row[2]))
    outcome = row[3].split()[0]
    if outcome == "ok":
        assert problems == []
    else:
        assert type(refusal(problems, "order", 1)) is CODES[outcome]


def violation(sample: str, payload: str, level: ChangeLevel) -> str:
    with pytest.raises((BadRequest, PolymorphicSlot)) as refused:
        extend(infer(jsonio.parse(sample)), jsonio.parse(payload), level)
    return refused.value.detail


@pytest.mark.parametrize(
    ("sample", "payload", "level", "change"),
    [
        ('{"a":1}', '{"b":1}', "TYPE", 'new field "b" at .b requires STRUCTURAL level'),
        ('{"o":{"x":1}}', '{"o":{"y":1}}', "TYPE", 'new field "y" at .o.y requires STRUCTURAL level'),
        (
            '{"items":[{"x":1}]}',
            '{"items":[{"y":1}]}',
            "ARRAY_LENGTH",
            'new field "y" at .items[].y requires STRUCTURAL level',
        ),
        ('{"a":{"b":1}}', '{"a":{"b":"x"}}', "ARRAY_ELEMENTS", "type change at .a.b requires TYPE level"),
        ('{"l":[{"x":1}]}', '{"l":[{"x":"s"}]}', "ARRAY_ELEMENTS", "type change at .l[].x requires TYPE level"),
        ('{"o":{}}', '{"o":null}', "ARRAY_LENGTH", "nullable marker at .o requires TYPE level"),
        ('{"l":[1]}', '{"l":["x"]}', "ARRAY_LENGTH", "array element type change at .l requires ARRAY_ELEMENTS level"),
        (
            '{"l":[[1]]}',
            '{"l":[["x"]]}',
            "ARRAY_LENGTH",
            "array element type change at .l[] requires ARRAY_ELEMENTS level",
        ),
        (
            '{"l":[{"x":1}]}',
            '{"l":[null]}',
            "ARRAY_LENGTH",
            "nullable marker on array element at .l requires ARRAY_ELEMENTS level",
        ),
        (
            '{"l":[{"x":1}]}',
            '{"l":[{"x":1},null]}',
            "ARRAY_LENGTH",
            "nullable marker on array element at .l requires ARRAY_ELEMENTS level",
        ),
    ],
)
def test_a_violation_names_the_change_its_place_and_the_levels(
    sample: str, payload: str, level: str, change: str
) -> None:
    expected = f'BAD_REQUEST: change level violation: {change}, but level is "{level}"'
    assert violation(sample, payload, ChangeLevel[level]) == expected


@pytest.mark.parametrize(
    ("sample", "payload", "place"),
    [
        ('{"o":{"x":1}}', '{"o":5}', '".o": existing OBJECT, incoming LEAF — '),
        ('{"o":{"x":1}}', '{"o":[1]}', '".o": existing OBJECT, incoming ARRAY — '),
        ('{"a":{"o":5}}', '{"a":{"o":{}}}', '".a.o": existing LEAF, incoming OBJECT — '),
        ('{"l":[{"x":1}]}', '{"l":[5]}', ".l[]: existing OBJECT, incoming LEAF — "),
        ('{"l":[{"x":1}]}', '{"l":[{"x":1},5]}', ".l[]: existing OBJECT, incoming LEAF — "),
        ('{"l":[{"x":1}]}', '{"l":[[5],{"x":1}]}', ".l[]: existing OBJECT, incoming ARRAY — "),
        ('{"l":[[1]]}', '{"l":[5]}', ".l[]: existing ARRAY, incoming LEAF — "),
        ('{"a":1}', "5", '"": existing OBJECT, incoming LEAF — '),
        ('{"a":1}', "null", '"": existing OBJECT, incoming LEAF — '),
        ('{"a":1}', "[1]", '"": existing OBJECT, incoming ARRAY — '),
    ],
)
def test_another_kind_of_value_in_one_place_is_refused_at_every_level(sample: str, payload: str, place: str) -> None:
    for level in ChangeLevel:
        assert violation(sample, payload, level).startswith(
            f"POLYMORPHIC_SLOT: polymorphic slot not yet supported at {place}"
        )


def test_a_slot_imported_with_objects_and_scalars_takes_both_only_side_by_side() -> None:
    node = infer(jsonio.parse('{"l":[{"x":1},5]}'))
    with pytest.raises(PolymorphicSlot):
        extend(node, {"l": [5]}, ChangeLevel.STRUCTURAL)
    assert extend(node, {"l": [{"x": 1}, 5]}, ChangeLevel.ARRAY_LENGTH) is node


def test_the_first_violation_in_document_order_is_reported() -> None:
    detail = violation('{"a":1,"b":1}', '{"b":"x","a":"x"}', ChangeLevel.ARRAY_LENGTH)
    assert "type change at .b requires" in detail


def test_a_number_out_of_range_is_refused() -> None:
    assert violation('{"a":1}', '{"a":1e99999999999}', ChangeLevel.STRUCTURAL).startswith("BAD_REQUEST: ")


def test_extending_makes_the_slot_nullable_for_strict_validation() -> None:
    node = extend(infer(jsonio.parse('{"o":{"x":1}}')), {"o": None}, ChangeLevel.TYPE)
    assert validate(node, {"o": None}) == []


@pytest.mark.parametrize("level", list(ChangeLevel))
def test_a_document_shaped_like_the_sample_needs_no_closer_look_at_any_level(level: ChangeLevel) -> None:
    sample = {"a": 1, "s": "x", "o": {"d": "2024-01-02"}, "l": [1, 2], "i": [{"x": True}], "n": None, "e": []}
    check = compile_absorption(infer(sample), level)
    assert check(sample)
    assert check({"i": [{"x": False}, {}], "s": "y"})


@pytest.mark.parametrize("payload", [{"a": None}, {"a": 7}, {"l": []}, {"l": [None, "x", 1]}, {"l": [2]}])
def test_at_the_higher_levels_what_adds_nothing_needs_no_closer_look(payload: object) -> None:
    check = compile_absorption(infer({"a": Decimal("1.5"), "l": [1, "x"]}), ChangeLevel.TYPE)
    assert check(payload)
