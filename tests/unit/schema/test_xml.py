"""Contract: entities 4.2."""

from decimal import Decimal

import pytest

from cyoda import jsonio
from workflows.core.schema.node import MAX_DEPTH, infer
from workflows.core.schema.xml import InvalidXml, xml_to_json


@pytest.mark.parametrize(
    ("document", "value"),
    [
        (
            '<o id="7"><item q="1">x</item><item q="2">y</item><n/></o>',
            {"id": 7, "item": [{"q": 1, "_text": "x"}, {"q": 2, "_text": "y"}], "n": {}},
        ),
        ("<o><a>1</a></o>", {"a": 1}),
        ("<o><a>1</a><b>x</b><a>2</a></o>", {"a": [1, 2], "b": "x"}),
        ('<o a="1"><a>2</a></o>', {"a": [1, 2]}),
        ("<o>  </o>", {}),
        ("<o/>", {}),
        ("<o><n>  </n></o>", {"n": {}}),
        ("<o> text </o>", {"_value": "text"}),
        ("<o>12</o>", {"_value": 12}),
        ("<o> one <b>2</b>\n two </o>", {"b": 2, "_text": "one two"}),
        ("<o><a><![CDATA[<x> & y]]></a></o>", {"a": "<x> & y"}),
        ("<o><a>x &amp; y</a></o>", {"a": "x & y"}),
        (
            '<n:o xmlns:n="u:1" xmlns="u:2" n:at="1"><n:a>1</n:a><a>2</a></n:o>',
            {"n": "u:1", "xmlns": "u:2", "at": 1, "a": [1, 2]},
        ),
        ("<p:o><p:a>1</p:a></p:o>", {"a": 1}),
        ('<?xml version="1.0" encoding="ISO-8859-1"?><o><a>\xe4</a></o>', {"a": "ä"}),
        ("<o><a>1</a></o><p/>", {"a": 1}),
        ("<o><a>1</a></o> junk & more", {"a": 1}),
        ("<!-- c --><o><a>1<!-- c --></a></o>", {"a": 1}),
    ],
)
def test_an_element_becomes_json(document: str, value: object) -> None:
    assert xml_to_json(document.encode("latin-1")) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("0", 0),
        ("-0.50", Decimal("-0.50")),
        ("1e2", Decimal("1e2")),
        ("true", True),
        ("T", True),
        ("True", True),
        ("f", False),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("01", "01"),
        ("+1", "+1"),
        ("1.", "1."),
        (".5", ".5"),
        ("null", "null"),
        ("NaN", "NaN"),
        ("2024-01-02", "2024-01-02"),
    ],
)
def test_text_becomes_a_number_a_boolean_or_a_string(text: str, value: object) -> None:
    found = xml_to_json(f'<o a=" {text} "><b> {text}\n</b></o>'.encode())
    assert found == {"a": value, "b": value}
    assert type(found["b"]) is type(value)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"  ",
        b"text",
        b"<o>",
        b"<o><a></o>",
        b"<o>&unknown;</o>",
        b"\xff\xfe",
        b'<?xml version="1.0" encoding="no-such"?><o/>',
        b"<o>" * (MAX_DEPTH + 1) + b"</o>" * (MAX_DEPTH + 1),
        b'<!DOCTYPE o [<!ENTITY a "x">]><o>&a;</o>',
        b'<!DOCTYPE o [<!ENTITY a SYSTEM "file:///etc/hostname">]><o>&a;</o>',
        b'<!DOCTYPE o SYSTEM "http://localhost/x.dtd"><o>&a;</o>',
        b"<o>1e9999999999999999999</o>",
    ],
)
def test_what_has_no_sound_root_element_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidXml):
        xml_to_json(document)


def test_the_deepest_element_still_has_a_schema_and_a_text() -> None:
    value = xml_to_json(b"<o>" * MAX_DEPTH + b"</o>" * MAX_DEPTH)
    infer(value)
    assert jsonio.parse(jsonio.dumps(value)) == value
