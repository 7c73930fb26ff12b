"""Documents as forms made from a schema, and two changes of one document that meet."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.http import QueryDict

from cyoda import jsonio
from tenants.ui.console.merging import meetings, merged
from tenants.ui.console.schema_form import ABSENT, MOST_FIELDS, applied, fields, put, with_item

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "price": {"type": "number"},
        "gift": {"type": "boolean"},
        "any": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        "to": {"type": "object", "properties": {"city": {"type": "string"}}},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    },
}


def filled_in(document: Any, **sent: str) -> tuple[Any, list[str]]:
    """The document after these texts were typed, and where they are not taken; `sent` has `_` for the first colon."""
    form = QueryDict(mutable=True)
    for field in fields(SCHEMA, document) or ():
        if not field.is_group:
            form[f"k:{field.pointer}"] = field.kind
            form[f"v:{field.pointer}"] = field.text
    for name, value in sent.items():
        form[name.replace("_", ":/", 1).replace("_", "/")] = value
    value, faulty = applied(SCHEMA, document, form)
    return value, list(faulty)


def test_a_form_has_what_the_document_has_and_then_what_the_schema_knows() -> None:
    document = {"lines": [{"n": 1}], "other": True, "name": None}
    shown = [(field.pointer, field.kind) for field in fields(SCHEMA, document) or ()]
    assert shown == [
        ("/lines", "array"), ("/lines/0", "object"), ("/lines/0/n", "number"), ("/other", "true"), ("/name", "null"),
        ("/price", "absent"), ("/gift", "absent"), ("/any", "absent"), ("/to", "object"), ("/to/city", "absent"),
    ]  # fmt: skip
    (either,) = [field for field in fields(SCHEMA, document) or () if field.pointer == "/any"]
    assert either.kinds == ("number", "text", "absent", "null")


def test_what_is_not_touched_stays_as_it_is() -> None:
    document = jsonio.parse(b'{"price": 1.50, "name": "a\\r\\nb", "other": [1e2]}')
    assert filled_in(document) == (document, [])


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"v_name": "b"}, {"name": "b"}),
        ({"v_name": ""}, {"name": ""}),
        ({"v_price": "2.50"}, {"name": "a", "price": Decimal("2.50")}),
        ({"k_name": "null"}, {"name": None}),
        ({"k_name": "absent"}, {}),
        ({"k_gift": "true"}, {"name": "a", "gift": True}),
        ({"v_any": "5", "k_any": "text"}, {"name": "a", "any": "5"}),
        ({"v_any": "5"}, {"name": "a", "any": 5}),
        ({"v_to_city": "Rome"}, {"name": "a", "to": {"city": "Rome"}}),
    ],
)
def test_values_are_taken_by_their_kind(sent: dict[str, str], expected: Any) -> None:
    assert filled_in({"name": "a"}, **sent) == (expected, [])


@pytest.mark.parametrize("text", ["", "much", "1,5", "0x1", "NaN", "1e", "01"])
def test_what_is_no_number_is_not_taken(text: str) -> None:
    assert filled_in({"price": 1}, v_price=text, v_name="b") == ({"price": 1, "name": "b"}, ["/price"])


def test_items_are_added_and_removed() -> None:
    document = with_item(SCHEMA, {}, "/lines")
    assert document == {"lines": [{}]}
    document = put(with_item(SCHEMA, document, "/lines"), "/lines/1/n", 2)
    assert document == {"lines": [{}, {"n": 2}]}
    assert put(document, "/lines/0", ABSENT) == {"lines": [{"n": 2}]}
    assert put(document, "/lines", ABSENT) == {}
    for wrong in ("/lines/7", "/lines/x"):
        with pytest.raises((LookupError, ValueError)):
            put(document, wrong, 1)


def test_a_document_with_very_many_fields_has_no_form() -> None:
    assert fields({}, {str(n): n for n in range(MOST_FIELDS + 1)}) is None


BASE = {"a": 1, "b": 1, "c": {"d": 1, "e": 1}, "gone": 1}
THEIRS = {"a": 2, "b": 1, "c": {"d": 2, "e": 1}, "new": 1}
MINE = {"a": 3, "b": 1, "c": {"d": 1, "e": 3}, "gone": 1}


def test_two_changes_are_merged_and_conflicts_go_to_the_preferred() -> None:
    expected = {"b": 1, "c": {"d": 2, "e": 3}, "new": 1}
    assert merged(BASE, THEIRS, MINE, prefer_mine=True) == {"a": 3, **expected}
    assert merged(BASE, THEIRS, MINE, prefer_mine=False) == {"a": 2, **expected}


def test_a_meeting_tells_who_changed_what() -> None:
    met = {each.path: (each.base, each.theirs, each.mine, each.is_conflict) for each in meetings(BASE, THEIRS, MINE)}
    assert met == {
        "$.a": ("1", "2", "3", True),
        "$.c.d": ("1", "2", "1", False),
        "$.c.e": ("1", "1", "3", False),
        "$.gone": ("1", None, "1", False),
        "$.new": (None, "1", None, False),
    }
