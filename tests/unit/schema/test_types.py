"""Contract: entities 2.1-2.5."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda import jsonio
from workflows.core.schema.types import (
    NUMERIC_TYPES,
    DataType,
    TypeSet,
    assignable_mask,
    display,
    members,
    scalar_type,
    type_set,
    united,
)

NUMBERS = """
-0 INTEGER
0 INTEGER
1.0 INTEGER
1e0 INTEGER
100 INTEGER
1e2 INTEGER
0.0 INTEGER
-0.0 INTEGER
0e7 INTEGER
0e-7 INTEGER
2147483647 INTEGER
-2147483648 INTEGER
2147483648 LONG
-2147483649 LONG
9223372036854775807 LONG
-9223372036854775808 LONG
9223372036854775808 BIG_INTEGER
170141183460469231731687303715884105727 BIG_INTEGER
170141183460469231731687303715884105728 UNBOUND_INTEGER
-170141183460469231731687303715884105728 BIG_INTEGER
-170141183460469231731687303715884105729 UNBOUND_INTEGER
1e10 LONG
1e19 BIG_INTEGER
1e38 BIG_INTEGER
1e39 UNBOUND_INTEGER
1.5e300 UNBOUND_INTEGER
1.7976931348623157E308 UNBOUND_INTEGER
170141183460469231731687303715884105727.00 BIG_INTEGER
-1.70141183460469231731687303715884105728e38 BIG_INTEGER
4.9E-324 UNBOUND_DECIMAL
1E-292 DOUBLE
1e-293 UNBOUND_DECIMAL
0.5 DOUBLE
-1.5 DOUBLE
1.50 DOUBLE
15e-1 DOUBLE
12345678901234.5 DOUBLE
123456789012345.1 BIG_DECIMAL
0.123456789012345 DOUBLE
0.1234567890123456 BIG_DECIMAL
0.12345678901234567890 UNBOUND_DECIMAL
3.141592653589793238 BIG_DECIMAL
3.14159265358979323846 UNBOUND_DECIMAL
12345678901234567800.123456789012345670 BIG_DECIMAL
12345678901234567800.1234567890123456789 UNBOUND_DECIMAL
170141183460469231731.687303715884105727 BIG_DECIMAL
170141183460469231731.687303715884105728 UNBOUND_DECIMAL
-170141183460469231731.687303715884105728 BIG_DECIMAL
-170141183460469231731.687303715884105729 UNBOUND_DECIMAL
12345.678900000000000000000000 DOUBLE
"""


@pytest.mark.parametrize(("literal", "name"), [line.split() for line in NUMBERS.strip().splitlines()])
def test_a_number_has_the_type_of_its_exact_value(literal: str, name: str) -> None:
    found = scalar_type(jsonio.parse(literal))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("literal", ["1e99999999999", "1e-99999999999", "-1.5e2147483650", "0e99999999999"])
def test_a_number_whose_scale_leaves_32_bits_has_no_type(literal: str) -> None:
    assert scalar_type(jsonio.parse(literal)) is None


@pytest.mark.parametrize("literal", ["1e9999999999999999999", "1e-9999999999999999999 ", "0e9999999999999999999 x"])
def test_an_exponent_that_no_number_can_hold_is_no_json(literal: str) -> None:
    with pytest.raises(jsonio.InvalidJson):
        jsonio.first_value(literal.encode())


@pytest.mark.parametrize("literal", ["1e2147483647", "7e-2147483647", "1." + "0" * 1_000_000, "0." + "1" * 1_000_000])
def test_a_huge_exponent_or_fraction_is_answered_at_once(literal: str) -> None:
    value = jsonio.parse(literal)
    started = time.perf_counter()
    assert scalar_type(value) is not None
    assert time.perf_counter() - started < 0.5


STRINGS = {
    "ZONED_DATE_TIME": [
        "2024-01-02T10:30Z",
        "2024-01-02T1:30Z",
        "2024-01-02T10:30:59Z",
        "2024-01-02T10:30:59.123456789012+01:00",
        "2024-01-02T10:30:59,5-24:00",
        "2024-02-29T23:59:59Z",
    ],
    "LOCAL_DATE_TIME": ["2024-01-02T10:30", "2024-01-02T0:00", "2024-01-02T10:30:00", "2024-01-02T10:30:00.1"],
    "LOCAL_DATE": ["2024-01-02", "2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31"],
    "LOCAL_TIME": ["0:00", "1:30", "01:30", "23:59", "9:30:15", "09:30:15", "09:30:15.5", "09:30:15,123456789123"],
    "YEAR_MONTH": ["2024-01", "2024-12", "0000-01"],
    "YEAR": ["2024", "0000", "1037"],
    "STRING": [
        "",
        " ",
        "x",
        "2024-01-02 10:30:00",
        "2024-01-02T10:30:00+0100",
        "2024-01-02T10:30:00+01",
        "2024-01-02T10:30:00+25:00",
        "2024-01-02T10:30.5",
        "2024-01-02t10:30:00",
        "2024-01-02T10:30:00z",
        "2024-01-02T24:00",
        "2024-01-02T10:30:60",
        "2024-01-02T10:30:00+01:00[Europe/Paris]",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "2024-00-10",
        "2024-1-2",
        "2024-13",
        "2024-00",
        "20240102",
        "+2024",
        "20245",
        "202",
        "-2024",
        " 2024",
        "2024 ",
        "2024\n",
        "2024-01-02\n",
        "24:00",
        "1:3",
        "10:60",
        "10:30:60",
        "10:30.5",
        "10:30:",
        "10:30:15.",
        "2024-W01",
        "2024-W01-1",
        "2024-001",
        "P1D",
        "٢٠٢٤",
        "2٠24",
        "²024",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in STRINGS.items() for text in texts])
def test_a_string_has_the_temporal_type_of_its_whole_shape_or_none(name: str, text: str) -> None:
    found = scalar_type(text)
    assert found is not None
    assert found.name == name


def test_booleans_and_null_have_their_own_types() -> None:
    assert [scalar_type(value) for value in (True, False, None)] == [
        DataType.BOOLEAN,
        DataType.BOOLEAN,
        DataType.NULL,
    ]


@pytest.mark.parametrize("value", [1.5, b"x", (1,)])
def test_a_value_that_json_never_decodes_to_has_no_type_by_accident(value: object) -> None:
    with pytest.raises(TypeError, match="not a JSON scalar"):
        scalar_type(value)


SHORT = {"I": "INTEGER", "L": "LONG", "BI": "BIG_INTEGER", "UI": "UNBOUND_INTEGER"} | {
    "D": "DOUBLE",
    "BD": "BIG_DECIMAL",
    "UD": "UNBOUND_DECIMAL",
}
MERGED = """
I  I  L  BI UI D  BD UD
L  L  L  BI UI UD BD UD
BI BI BI BI UI UD UD UD
UI UI UI UI UI UD UD UD
D  D  UD UD UD D  UD UD
BD BD BD UD UD UD BD UD
UD UD UD UD UD UD UD UD
"""


def test_two_numeric_types_collapse_to_one_by_the_table() -> None:
    for row in MERGED.strip().splitlines():
        first, *results = row.split()
        for second, result in zip(SHORT, results, strict=True):
            pair = [DataType[SHORT[first]], DataType[SHORT[second]]]
            assert type_set(pair) == DataType[SHORT[result]], (first, second)


def test_uniting_is_the_same_in_any_order() -> None:
    for three in itertools.product(DataType, repeat=3):
        one, two, other = (TypeSet(member) for member in three)
        assert united(one, two) == united(two, one)
        assert united(united(one, two), other) == united(one, united(two, other))


@given(st.lists(st.sampled_from(list(DataType))))
def test_a_set_never_holds_two_numeric_types_nor_null_beside_another(added: list[DataType]) -> None:
    found = type_set(added)
    assert len([member for member in members(found) if member & NUMERIC_TYPES]) <= 1
    assert DataType.NULL not in members(found) or len(members(found)) == 1


def test_a_set_is_displayed_in_the_fixed_order() -> None:
    types = [DataType.BOOLEAN, DataType.YEAR_MONTH, DataType.STRING, DataType.YEAR, DataType.INTEGER]
    assert display(type_set(types)) == "[INTEGER, STRING, YEAR, YEAR_MONTH, BOOLEAN]"
    assert display(type_set([DataType.LONG])) == "LONG"
    assert display(type_set([])) == "NULL"


FITS = {
    "INTEGER": "INTEGER LONG BIG_INTEGER UNBOUND_INTEGER DOUBLE BIG_DECIMAL UNBOUND_DECIMAL",
    "LONG": "LONG BIG_INTEGER UNBOUND_INTEGER BIG_DECIMAL UNBOUND_DECIMAL",
    "BIG_INTEGER": "BIG_INTEGER UNBOUND_INTEGER UNBOUND_DECIMAL",
    "UNBOUND_INTEGER": "UNBOUND_INTEGER UNBOUND_DECIMAL",
    "DOUBLE": "DOUBLE UNBOUND_DECIMAL",
    "BIG_DECIMAL": "BIG_DECIMAL UNBOUND_DECIMAL",
}


def test_a_value_type_fits_the_declared_types_of_the_contract_and_no_other() -> None:
    for value, declared in itertools.product(DataType, repeat=2):
        expected = declared.name in FITS.get(value.name, value.name).split()
        assert bool(value & assignable_mask(TypeSet(declared))) == expected, (value, declared)
