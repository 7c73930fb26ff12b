"""Documents compared and shown by path."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tenants.ui.console.differing import Difference, differences, text_differences
from tenants.ui.console.documents import SHOWN_LINES, SHOWN_VALUE, data_of, extract, lines, pointed


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": "1"}, [("$.a", "1", '"1"')]),
        ({"a": 1}, {"b": 1}, [("$.a", "1", None), ("$.b", None, "1")]),
        ({"a": [1, 2]}, {"a": [1, 3, 4]}, [("$.a[1]", "2", "3"), ("$.a[2]", None, "4")]),
        ({"a": {}}, {"a": {"b": None}}, [("$.a", "{}", None), ("$.a.b", None, "null")]),
        ({"a": []}, {"a": {}}, [("$.a", "[]", "{}")]),
        ({"a": True}, {"a": 1}, [("$.a", "true", "1")]),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}, []),
        ([1], {"a": 1}, [("$[0]", "1", None), ("$.a", None, "1")]),
    ],
)
def test_differences_are_told_by_path(
    before: Any, after: Any, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert differences(before, after) == [Difference(*each) for each in expected]


def test_a_document_keeps_the_spelling_of_its_numbers() -> None:
    assert data_of(b'{"type":"ENTITY","data":{"a":1.50,"b":1e400},"meta":{}}') == '{\n  "a": 1.50,\n  "b": 1e400\n}'


def test_every_field_and_item_has_a_line() -> None:
    shown = [(line.depth, line.name, line.value) for line in lines({"a": {"b": [1, {"c": None}]}, "d": []})]
    assert shown == [
        (0, "a", ""), (1, "b", ""), (2, "[0]", "1"), (2, "[1]", ""), (3, "c", "null"), (0, "d", "[]"),
    ]  # fmt: skip


def test_a_line_says_where_its_value_is() -> None:
    document = {"a/b": [{"~": "x"}]}
    line = list(lines(document))[-1]
    assert (line.path, line.pointer) == ("$.a/b[0].~", "/a~1b/0/~0")
    assert pointed(document, line.pointer) == "x"
    for wrong in ("/a~1b/1", "/a~1b/x", "/c", "/a~1b/0/~0/y"):
        with pytest.raises(LookupError):
            pointed(document, wrong)


def test_long_values_are_cut_and_long_documents_come_in_pieces() -> None:
    (line,) = lines({"a": "x" * (SHOWN_VALUE + 5)})
    assert (len(line.value), line.cut) == (SHOWN_VALUE, 5)
    first = extract({"a": list(range(SHOWN_LINES + 10))}, 0)
    assert (len(first.lines), first.following) == (SHOWN_LINES, SHOWN_LINES)
    last = extract({"a": list(range(SHOWN_LINES + 10))}, SHOWN_LINES)
    assert (last.first, last.last, last.following) == (SHOWN_LINES + 1, SHOWN_LINES + 11, None)


def test_long_strings_are_compared_inside_and_marked() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve <b>"
    (found,) = differences({"a": words}, {"a": words.replace("six", "SIX")})
    assert found.before_marked == words.replace("<b>", "&lt;b&gt;").replace("six", "<del>six</del>")
    assert found.after_marked == words.replace("<b>", "&lt;b&gt;").replace("six", "<ins>SIX</ins>")


def test_texts_are_compared_line_by_line_unless_they_are_too_long() -> None:
    before, after = "\n".join("abcdefgh"), "\n".join("abcdXfgh")
    shown = [line.mark + line.text for line in text_differences(before, after, everything=True) or ()]
    assert shown == [" a", " b", " c", " d", "-e", "+X", " f", " g", " h"]
    assert [line.mark for line in text_differences(before, after) or ()] == [
        "@",
        " ",
        " ",
        " ",
        "-",
        "+",
        " ",
        " ",
        " ",
    ]
    assert text_differences("a\n" * 9000, "b\n" * 9000) is None
