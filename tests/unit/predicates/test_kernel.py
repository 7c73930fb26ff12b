"""How conditions judge documents beyond the contract's vectors (contract: search 9, 10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from workflows.core.predicates.condition import Condition, Group, Simple
from workflows.core.predicates.kernel import compile_condition
from workflows.core.predicates.parsing import parse_condition

from .support import META, Lifecycle, condition, declared, document


def judge(short: str, types: str, text: str, meta: Lifecycle = META) -> bool:
    fields = declared(types) if types else {}
    return compile_condition(parse_condition(condition(short)), fields)(document(text), meta)


# --- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "types", "text", "expected"),
    [
        ("$.n GREATER_THAN -3000000000", "$.n INTEGER", '{"n":1}', True),
        ("$.n LESS_OR_EQUAL -3000000000", "$.n INTEGER", '{"n":1}', False),
        ("$.n LESS_THAN 2147483647.5", "$.n INTEGER", '{"n":2147483647}', True),
        ("$.n EQUALS 5", "$.n INTEGER", '{"n":5.0}', True),
        ("$.n EQUALS 100", "$.n INTEGER", '{"n":1e2}', True),
        ('$.n EQUALS "+5"', "$.n INTEGER", '{"n":5}', True),
        ('$.n EQUALS ".5"', "$.n DOUBLE", '{"n":0.5}', True),
        ('$.n EQUALS "5."', "$.n INTEGER", '{"n":5}', True),
        ("$.n GREATER_THAN 4", "$.n INTEGER", '{"n":2147483648}', False),
        ("$.n GREATER_THAN 4", "$.n LONG", '{"n":2147483648}', True),
        ("$.n GREATER_THAN 4", "$.n DOUBLE", '{"n":2147483648}', False),
        ("$.n GREATER_THAN 4", "$.n BIG_DECIMAL", '{"n":2147483648}', True),
        ("$.n GREATER_THAN 4", "$.n BIG_DECIMAL", '{"n":5.5}', False),
        ("$.n GREATER_THAN 4", "$.n UNBOUND_DECIMAL", '{"n":5.5}', True),
        ("$.n GREATER_THAN 1e400", "$.n DOUBLE", '{"n":5.5}', False),
        ("$.n LESS_THAN 1e400", "$.n DOUBLE", '{"n":5.5}', True),
        ("$.n LESS_THAN 1e400", "$.n DOUBLE", '{"n":"5.5"}', False),
        ("$.n GREATER_THAN -1e400", "$.n DOUBLE", '{"n":5}', True),
        ("$.n NOT_EQUAL 1e400", "$.n DOUBLE", '{"n":5.5}', False),
        ("$.n LESS_THAN 1e999999999", "$.n UNBOUND_INTEGER", '{"n":5}', True),
        ("$.n LESS_THAN 1e2147483647", "$.n UNBOUND_INTEGER", '{"n":5}', True),
        ("$.n LESS_THAN 1e2147483648", "$.n UNBOUND_INTEGER", '{"n":5}', False),
        ("$.n LESS_THAN 1e99999999999999999999", "$.n UNBOUND_INTEGER", '{"n":5}', False),
        ("$.n GREATER_OR_EQUAL 0.00000000000000000000000000000001", "$.n UNBOUND_INTEGER", '{"n":0}', False),
        ("$.n GREATER_OR_EQUAL 1e-999999", "$.n UNBOUND_INTEGER", '{"n":1}', True),
        ("$.n GREATER_THAN 1e-400", "$.n DOUBLE", '{"n":0}', False),
        ("$.n EQUALS 1e-400", "$.n DOUBLE", '{"n":0}', False),
        ("$.n EQUALS 170141183460469231731687303715884105727", "$.n BIG_INTEGER", f'{{"n":{2**127 - 1}}}', True),
        ("$.n LESS_THAN 170141183460469231731687303715884105728", "$.n BIG_INTEGER", '{"n":1}', True),
        ("$.n EQUALS 3.141592653589793238", "$.n BIG_DECIMAL", '{"n":3.141592653589793238}', True),
        ("$.n EQUALS 3.141592653589793239", "$.n BIG_DECIMAL", '{"n":3.141592653589793238}', False),
        ("$.n BETWEEN [1.5, 2.5]", "$.n UNBOUND_DECIMAL", '{"n":2.5}', False),
        ("$.n BETWEEN_INCLUSIVE [1.5, 2.5]", "$.n UNBOUND_DECIMAL", '{"n":2.5}', True),
        ("$.n BETWEEN [1, 3000000000]", "$.n INTEGER", '{"n":2500000000}', False),
        ('$.n BETWEEN ["1", "x"]', "$.n INTEGER+STRING", '{"n":2}', False),
        ("$.n EQUALS 1", "$.n INTEGER+BOOLEAN", '{"n":true}', False),
        ("$.n NOT_EQUAL false", "$.n INTEGER+BOOLEAN", '{"n":true}', True),
    ],
)
def test_numbers_compare_exactly_within_their_declared_type(short: str, types: str, text: str, expected: bool) -> None:
    assert judge(short, types, text) is expected


@pytest.mark.parametrize("operand", ["1e5 ", " 1", "0x10", "NaN", "Infinity", "1_000", "٣", ".", "", "1e", "--1"])
def test_other_spellings_are_no_numbers(operand: str) -> None:
    assert not judge(f'$.n NOT_EQUAL "{operand}"', "$.n UNBOUND_DECIMAL", '{"n":5}')


# --- times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "types", "text", "expected"),
    [
        ('$.t EQUALS "2024-09-09T10:15:30"', "$.t LOCAL_TIME", '{"t":"10:15:30"}', False),
        ('$.t EQUALS "1970-01-01T10:15:30"', "$.t LOCAL_TIME", '{"t":"10:15:30"}', True),
        ('$.t GREATER_OR_EQUAL "2024-09-09T10:15:30"', "$.t LOCAL_TIME", '{"t":"10:15:30"}', True),
        ('$.t LESS_THAN "2024-09-09T10:15:30Z"', "$.t LOCAL_TIME", '{"t":"10:15:30"}', False),
        ('$.t EQUALS "10:15"', "$.t LOCAL_DATE_TIME", '{"t":"1970-01-01T10:15:00"}', True),
        ('$.t EQUALS "9:30"', "$.t LOCAL_TIME", '{"t":"09:30:00.000"}', True),
        ('$.t EQUALS "2024-09-09T00:00:00.0000001"', "$.t LOCAL_DATE", '{"t":"2024-09-09"}', False),
        ('$.t EQUALS "2024-09-09T00:00:00.000+07:00"', "$.t LOCAL_DATE", '{"t":"2024-09-09"}', True),
        ('$.t EQUALS "2024-03-01"', "$.t YEAR_MONTH", '{"t":"2024-03"}', True),
        ('$.t EQUALS "2024-03-02"', "$.t YEAR_MONTH", '{"t":"2024-03"}', False),
        ('$.t GREATER_THAN "2024-03-02"', "$.t YEAR_MONTH", '{"t":"2024-03"}', False),
        ('$.t LESS_OR_EQUAL "2024-03-02"', "$.t YEAR_MONTH", '{"t":"2024-03"}', True),
        ('$.t EQUALS "2024"', "$.t ZONED_DATE_TIME", '{"t":"2024-01-01T02:00:00+02:00"}', True),
        ("$.t EQUALS 2024", "$.t YEAR", '{"t":"2024"}', True),
        ("$.t LESS_THAN 2024", "$.t YEAR", '{"t":2023}', False),
        ('$.t BETWEEN ["2024", "2026"]', "$.t YEAR", '{"t":"2025"}', True),
        ('$.t BETWEEN ["2024", "2026"]', "$.t YEAR", '{"t":"2024"}', False),
        ('$.t BETWEEN ["2024", "10:00"]', "$.t YEAR", '{"t":"2025"}', False),
        ('$.t LESS_THAN "2024-01-01"', "$.t LOCAL_DATE", '{"t":"0000-02-29"}', True),
        ('$.t EQUALS "1969-12-31T23:59:59.9999Z"', "$.t ZONED_DATE_TIME", '{"t":"1969-12-31T23:59:59.9991Z"}', True),
        ('$.t EQUALS "2024-09-09"', "$.t LOCAL_DATE", '{"t":"2024-09-09T00:00:00"}', False),
        ('$.t LESS_THAN "2024-1-1"', "$.t STRING+LOCAL_DATE", '{"t":"2023-05-05"}', True),
        ('$.t NOT_EQUAL "2024-09-09T00:00:00"', "$.t STRING+LOCAL_DATE", '{"t":"2024-09-09"}', True),
    ],
)
def test_times_compare_at_the_declared_granularity(short: str, types: str, text: str, expected: bool) -> None:
    assert judge(short, types, text) is expected


# --- text -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "stored", "expected"),
    [
        (r'$.s LIKE "a\\d"', r"a\\d", True),
        (r'$.s LIKE "a\\d"', "a5", False),
        (r'$.s LIKE "a\\"', r"a\\", True),
        (r'$.s LIKE "a\\_"', "a_", True),
        (r'$.s LIKE "a\\_"', "ab", False),
        (r'$.s LIKE "\\\\%"', r"\\x", True),
        ('$.s LIKE "_"', "é", True),
        ('$.s LIKE "_"', "😀", True),
        ('$.s LIKE "_"', r"\n", False),
        ('$.s LIKE "a\\nb%"', r"a\nbc", True),
        ('$.s LIKE ""', "", True),
        ('$.s LIKE ""', "x", False),
        ('$.s LIKE "%b%"', "abc", True),
        ('$.s LIKE "(a|b)[c]{1}$"', "(a|b)[c]{1}$", True),
        ("$.s LIKE 5", "5", True),
        ('$.s MATCHES_PATTERN "a.c"', r"a\nc", False),
        ('$.s MATCHES_PATTERN "(?s)a.c"', r"a\nc", True),
        ("$.s MATCHES_PATTERN 1.5", "1x5", True),
        ('$.s MATCHES_PATTERN ""', "", True),
        ('$.s IEQUALS "straSSe"', "strasse", True),
        ('$.s IEQUALS "σ"', "ς", True),
        ('$.s IEQUALS "ẞ"', "ß", True),
        ('$.s IEQUALS "k"', "\u212a", True),
        ('$.s INOT_EQUAL "ABC"', "abc", False),
        ('$.s ICONTAINS "ΟΔΟΣ"', "οδοσα", True),
        ('$.s ICONTAINS "ΣΑ"', "οδοσα", True),
        ('$.s ISTARTS_WITH "ÉC"', "école", True),
        ('$.s IENDS_WITH "LE"', "école", True),
        ('$.s INOT_CONTAINS "CO"', "école", False),
        ('$.s INOT_STARTS_WITH "x"', "école", True),
        ('$.s INOT_ENDS_WITH "LE"', "école", False),
        ('$.s NOT_STARTS_WITH "a"', "abc", False),
        ('$.s NOT_ENDS_WITH "c"', "abd", True),
        ('$.s GREATER_THAN "\uffff"', "😀", True),
        ("$.s CONTAINS [1]", "1", False),
        ("$.s NOT_CONTAINS [1]", "x", False),
    ],
)
def test_text_operators_act_on_the_stored_text(short: str, stored: str, expected: bool) -> None:
    assert judge(short, "$.s STRING", f'{{"s":"{stored}"}}') is expected


def test_no_pattern_can_hang() -> None:
    hostile = Simple("$.s", "MATCHES_PATTERN", "((a*)*)*b")
    assert not compile_condition(hostile, {})({"s": "a" * 200_000}, META)
    like = Simple("$.s", "LIKE", "%a" * 50 + "b")
    assert not compile_condition(like, {})({"s": "a" * 50_000}, META)


@pytest.mark.parametrize(
    ("short", "types", "stored", "expected"),
    [
        ('$.c EQUALS "x"', "CHARACTER", '"x"', True),
        ('$.c GREATER_THAN "a"', "CHARACTER", '"x"', True),
        ('$.c GREATER_THAN "a"', "CHARACTER", '"xy"', False),
        (
            '$.c EQUALS "0b6f3a1e-0000-1000-8000-000000000001"',
            "UUID_TYPE",
            '"0b6f3a1e-0000-1000-8000-000000000001"',
            True,
        ),
        ('$.c NOT_EQUAL "0b6f3a1e-0000-1000-8000-000000000001"', "TIME_UUID_TYPE", '"x"', False),
        (
            '$.c GREATER_THAN "0b6f3a1e-0000-1000-8000-000000000000"',
            "UUID_TYPE",
            '"0b6f3a1e-0000-1000-8000-000000000001"',
            False,
        ),
    ],
)
def test_characters_and_uuids_compare_with_their_kind(short: str, types: str, stored: str, expected: bool) -> None:
    assert judge(short, f"$.c {types}", f'{{"c":{stored}}}') is expected


# --- presence, arrays, unknown fields ---------------------------------------------------------------------------


@pytest.mark.parametrize("stored", ['""', "0", "false", "{}", "[]", "1.5"])
def test_every_value_but_null_is_present(stored: str) -> None:
    assert judge("$.v NOT_NULL", "$.v STRING", f'{{"v":{stored}}}')
    assert not judge("$.v IS_NULL", "$.v STRING", f'{{"v":{stored}}}')


def test_the_document_itself_reads_as_absent() -> None:
    assert not judge("$ NOT_NULL", "$.v STRING", '{"v":1}')
    assert judge("$ IS_NULL", "$.v STRING", '{"v":1}')


@pytest.mark.parametrize(
    ("short", "text", "expected"),
    [
        ("$.t[*] IS_NULL", '{"t":[1,null]}', True),
        ("$.t[*] IS_NULL", '{"t":[1]}', False),
        ("$.t[*] IS_NULL", '{"t":null}', True),
        ("$.t[*] NOT_NULL", '{"t":[]}', False),
        ("$.t[*] NOT_NULL", '{"t":[null,1]}', True),
        ("$.t[*] EQUALS 1", '{"t":1}', False),
        ("$.t[*] IS_NULL", '{"t":"scalar"}', False),
        ("$.a.t[*] IS_NULL", "{}", True),
        ("$.t[*].p IS_NULL", '{"t":[{"q":1},null,5]}', False),
        ("$.t[*].p IS_NULL", '{"t":[{"p":null}]}', True),
        ("$.t[*].p.q EQUALS 1", '{"t":[{"p":null},{"p":{"q":1}}]}', True),
        ("$.t[*].u[*] IS_NULL", '{"t":[{}]}', False),
        ("$.t[*].u[*] EQUALS 1", '{"t":[{"u":[]},{"u":[0,1]}]}', True),
        ("$.m[*][*] EQUALS 4", '{"m":[[1,2],[3,4]]}', True),
        ("$.m[*][*] EQUALS 5", '{"m":[[1,2],[3,4]]}', False),
    ],
)
def test_elements_match_when_any_does(short: str, text: str, expected: bool) -> None:
    path = short.split(" ")[0]
    assert judge(short, f"{path} INTEGER", text) is expected


@pytest.mark.parametrize(
    ("short", "text", "expected"),
    [
        ("array $.t [1, null, 3]", '{"t":[1,2,3,4]}', True),
        ("array $.t [1, null, 3]", '{"t":[1,2]}', False),
        ("array $.t [1, null]", '{"t":[1]}', True),
        ("array $.t [null, null]", "{}", True),
        ("array $.t []", '{"t":"x"}', True),
        ("array $.t [1]", '{"t":null}', False),
        ("array $.t [1]", '{"t":{"0":1}}', False),
        ('array $.t[*] ["1"]', '{"t":[1.0]}', True),
        ("array $.t [[1]]", '{"t":[[1]]}', False),
    ],
)
def test_an_array_condition_compares_position_by_position(short: str, text: str, expected: bool) -> None:
    assert judge(short, "$.t[*] INTEGER", text) is expected


def test_an_array_condition_on_inner_arrays_needs_one_that_fits() -> None:
    assert judge("array $.m[*] [3]", "$.m[*][*] INTEGER", '{"m":[[1,2],[3,4]]}')
    assert not judge("array $.m[*] [2]", "$.m[*][*] INTEGER", '{"m":[[1,2],[3,4]]}')


def test_without_declared_types_only_text_and_presence_tests_match() -> None:
    assert not judge("$.x EQUALS 1", "", '{"x":1}')
    assert not judge("$.x BETWEEN [0, 2]", "", '{"x":1}')
    assert not judge('$.x EQUALS "a"', "", '{"x":"a"}')
    assert judge('$.x STARTS_WITH "a"', "", '{"x":"a"}')
    assert judge("$.x NOT_NULL", "", '{"x":1}')


@pytest.mark.parametrize("text", ["null", "[]", '"x"', "5"])
def test_documents_that_are_no_objects_have_no_fields(text: str) -> None:
    assert not judge("OR($.a EQUALS 1 ; $.a.b EQUALS 1 ; $.a.b.c EQUALS 1)", "$.a INTEGER", text)


# --- lifecycle --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "expected"),
    [
        ("@transactionId IS_NULL", False),
        ("@transactionId NOT_NULL", True),
        ('@transactionId EQUALS ""', True),
        ('@state MATCHES_PATTERN "N.W"', True),
        ('@state LIKE "N%"', True),
        ('@state INOT_EQUAL "new"', False),
        ('@id ENDS_WITH "001"', True),
        ('@transitionForLatestSave EQUALS ""', True),
        ('@creationDate BETWEEN ["2025", "2026"]', True),
        ('@creationDate BETWEEN_INCLUSIVE ["2025-08-01T10:00:00.123Z", "2026"]', True),
        ('@creationDate BETWEEN ["2025-08-01T10:00:00.123Z", "2026"]', False),
        ('@creationDate LESS_THAN "2030"', True),
        ('@creationDate NOT_EQUAL "2025-08-01T10:00:00.123Z"', False),
        ('@creationDate NOT_CONTAINS "x"', False),
        ("@creationDate IS_NULL", False),
        ("@creationDate NOT_NULL", True),
        ("@creationDate EQUALS null", False),
        ("@state EQUALS [1]", False),
    ],
)
def test_lifecycle_fields_are_texts_and_times(short: str, expected: bool) -> None:
    assert judge(short, "", "{}") is expected


def test_an_unset_time_is_absent() -> None:
    unset = replace(META, creation_date=None)
    assert judge("@creationDate IS_NULL", "", "{}", unset)
    assert not judge('@creationDate LESS_THAN "2030"', "", "{}", unset)
    assert not judge("@creationDate NOT_NULL", "", "{}", unset)


def test_times_of_the_lifecycle_are_floored_to_milliseconds() -> None:
    late = replace(META, last_update_time=datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC))
    assert judge('@lastUpdateTime EQUALS "1969-12-31T23:59:59.999Z"', "", "{}", late)


# --- groups -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("matching", [0, 1, 2, 3, 4])
def test_groups_of_any_size(size: int, matching: int) -> None:
    hits = min(size, matching)
    children: tuple[Condition, ...] = (Simple("$.a", "NOT_NULL"),) * hits + (Simple("$.a", "IS_NULL"),) * (size - hits)
    value = {"a": 1}
    assert compile_condition(Group("AND", children), {})(value, META) is (hits == size)
    assert compile_condition(Group("or", children), {})(value, META) is (hits > 0)
