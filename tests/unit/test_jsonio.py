"""JSON with exact numbers (contract: entities 1.3, 2.3)."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda import jsonio
from workflows.core.entity import Document
from workflows.core.predicates.condition import NumberText
from workflows.core.schema.types import DataType, scalar_type
from workflows.core.unique import UniqueKey, claims_of

LONG = b"7" * 5000

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("digits", [4300, 4301, 5000, 1_000_000])
@pytest.mark.parametrize("sign", [b"", b"-"])
def test_a_whole_number_of_any_length_is_exact_and_keeps_its_text(digits: int, sign: bytes) -> None:
    text = sign + b"1" + b"0" * (digits - 2) + b"3"
    value = jsonio.parse(text)
    assert isinstance(value, int if digits <= jsonio.MAX_INT_DIGITS else Decimal)
    assert scalar_type(value) is DataType.UNBOUND_INTEGER
    assert value - (-3 if sign else 3) == Decimal((1 if sign else 0, (1,), digits - 1))
    if digits <= 5000:
        assert jsonio.dumps(value) == text
        assert Document.from_text(b'{"a": %b} rest' % text).text == b'{"a":%b}' % text


def test_a_long_whole_number_takes_linear_time() -> None:
    started = time.perf_counter()
    jsonio.parse(b"9" * 4_000_000)
    assert time.perf_counter() - started < 5


def test_a_document_with_a_long_whole_number_is_read_as_strictly_as_any_other() -> None:
    assert jsonio.parse(b'\n[%b, 1.50, {"a": 1, "a": "\\ud83d\\ude00"}] ' % LONG) == [
        Decimal(LONG.decode()),
        Decimal("1.50"),
        {"a": "\U0001f600"},
    ]
    for rest in (b', "\\ud800"', b", NaN", b', "\xff"', b", 1e99999999999999999999", b', "\x01"', b", 01", b"] ["):
        with pytest.raises(jsonio.InvalidJson):
            jsonio.parse(b"[%b%b]" % (LONG, rest))


def test_what_follows_a_first_value_with_a_long_whole_number_is_ignored() -> None:
    assert jsonio.first_value(b" [%b] x" % LONG) == ([Decimal(LONG.decode())], b"[%b]" % LONG)


def test_a_long_whole_number_cannot_be_a_unique_value() -> None:
    with pytest.raises(Exception, match="composite unique key incomplete"):
        claims_of([UniqueKey("k", ("$.a",))], jsonio.parse(b'{"a":%b}' % LONG))


@pytest.mark.parametrize("one", [b"[", b'{"a":'])
def test_nesting_has_a_limit_far_below_that_of_the_interpreter(one: bytes) -> None:
    inner, close = (b"", b"]") if one == b"[" else (b"1", b"}")

    def nested(levels: int) -> bytes:
        return one * levels + inner + close * levels

    text = nested(jsonio.MAX_NESTING)
    assert jsonio.dumps(jsonio.parse(text)) == text
    for levels in (jsonio.MAX_NESTING + 1, 800, 10_000, 1_000_000):
        with pytest.raises(jsonio.InvalidJson, match=r"nesting too deep|recursion"):
            jsonio.parse(nested(levels))


def test_many_brackets_beside_each_other_or_inside_texts_are_no_nesting() -> None:
    for text in (b"[" + b",".join([b"[[]]"] * 2000) + b"]", b'["' + b'[{\\"' * 2000 + b'"]'):
        jsonio.parse(text)


@pytest.mark.parametrize(
    "text",
    [b"", b"nul", b"1 2", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"NaN", b"-Infinity", b"01",
     b"\xef\xbb\xbf1", b'"\x00"', b"1e99999999999999999999", b'{"a":1,}', b"'a'"],
)  # fmt: skip
def test_what_is_no_json_is_refused_however_it_is_read(text: bytes) -> None:
    with pytest.raises(jsonio.InvalidJson):
        jsonio.parse(text)
    if b"e9999" not in text:
        with pytest.raises(jsonio.InvalidJson):
            jsonio.parse_spelled(text, NumberText)


def test_numbers_can_be_read_by_their_spelling() -> None:
    spelled = jsonio.parse_spelled(b'{"a": [-0, 1.50, 1e2, 1e99999999999999999999]}', NumberText)
    assert spelled == {"a": ["-0", "1.50", "1e2", "1e99999999999999999999"]}
    assert all(isinstance(number, NumberText) for number in spelled["a"])


@given(json_values)
def test_what_is_written_reads_back_equal(value: object) -> None:
    text = jsonio.dumps(value)
    assert jsonio.parse(text) == value
    assert jsonio.reparse(text) == value
    assert jsonio.first_value(text + b" !") == (value, text)
