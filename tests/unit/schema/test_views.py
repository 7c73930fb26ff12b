"""Contract: entities 4.4, 4.5 (worked examples, byte by byte)."""

from datetime import UTC, datetime

import pytest

from cyoda import jsonio
from cyoda.errors import BadRequest
from workflows.core.entity import ModelKey
from workflows.core.schema.export import exported
from workflows.core.schema.model import Model, imported
from workflows.core.unique import UniqueKey

AT = datetime(2026, 1, 1, tzinfo=UTC)


def model(*samples: str) -> Model:
    found: Model | None = None
    for sample in samples:
        found = imported(ModelKey("order", 1), found, jsonio.parse(sample), AT)
    assert found is not None
    return found


def compact(text: str) -> str:
    """The lines of a literal joined: indentation goes, blanks inside a line stay."""
    return "".join(line.strip() for line in text.splitlines())


ONE = '{"s":"a","i":1,"b":true,"n":null,"f":1.5,"arr":[1,2],"obj":{"x":1},"e":[],"eo":{},"d":"2024-01-02"}'
TWO = (
    '{"items":[{"a":1,"tags":["x","y"],"sub":[{"q":1}],"o":{"p":true}}],"m":[[1,2],[3]],"mm":[[{"a":1}]],'
    '"mix":[1,"a",null],"poly":[{"v":1},{"v":"x"},{"v":2.5}],"oo":[{"k":{"a":1}},{"k":"abc"}],"aa":[[1],2]}'
)
THREE = '{"o":{"in":{"deep":[{"z":"t"}]}}}'

VIEWS = [
    (
        [ONE],
        """{"$":{"#.eo":"OBJECT","#.obj":"OBJECT",".arr[*]":"INTEGER",".b":"BOOLEAN",".d":"LOCAL_DATE",
        ".e[*]":"NULL",".f":"DOUBLE",".i":"INTEGER",".n":"NULL",".s":"STRING"},"$.eo":{},"$.obj":{".x":"INTEGER"}}""",
    ),
    (
        [TWO],
        """{"$":{"#.items":"OBJECT","#.oo":"OBJECT","#.poly":"OBJECT",".aa[*]":"INTEGER",".m[*]":"NULL",
        ".mix[*]":"[INTEGER, STRING]",".mm[*]":"NULL"},
        "$.items[*]":{"#":"ARRAY_ELEMENT","#.o":"OBJECT","#.sub":"OBJECT",".a":"INTEGER",".tags[*]":"STRING"},
        "$.items[*].o":{".p":"BOOLEAN"},"$.items[*].sub[*]":{"#":"ARRAY_ELEMENT",".q":"INTEGER"},
        "$.oo[*]":{"#":"ARRAY_ELEMENT","#.k":"OBJECT"},"$.oo[*].k":{".a":"INTEGER"},
        "$.poly[*]":{"#":"ARRAY_ELEMENT",".v":"[DOUBLE, STRING]"}}""",
    ),
    (
        [THREE],
        """{"$":{"#.o":"OBJECT"},"$.o":{"#.in":"OBJECT"},"$.o.in":{"#.deep":"OBJECT"},
        "$.o.in.deep[*]":{"#":"ARRAY_ELEMENT",".z":"STRING"}}""",
    ),
    (['{"a":[null]}'], '{"$":{".a[*]":"NULL"}}'),
    (['{"a":[[]]}'], '{"$":{".a[*]":"NULL"}}'),
    (['{"a":[{},{"b":1}]}'], '{"$":{"#.a":"OBJECT"},"$.a[*]":{"#":"ARRAY_ELEMENT",".b":"INTEGER"}}'),
    (['{"nums":[1,2147483648,1.5]}'], '{"$":{".nums[*]":"UNBOUND_DECIMAL"}}'),
    (['{"a.b":1}'], '{"$":{".a.b":"INTEGER"}}'),
    (['{"year":"2024","id":"1037"}'], '{"$":{".id":"YEAR",".year":"YEAR"}}'),
    (["{}"], '{"$":{}}'),
    (['[{"a":1}]'], "{}"),
    (["5"], "{}"),
    (["null"], "{}"),
    (["[]"], "{}"),
    (['{"a":null}', '{"a":{"b":1}}'], '{"$":{"#.a":"OBJECT"},"$.a":{".b":"INTEGER"}}'),
    (['{"a":5}', '{"a":[1]}'], '{"$":{".a[*]":"INTEGER"}}'),
    (['{"a":[1]}', '{"a":{"b":1}}'], '{"$":{"#.a":"OBJECT"},"$.a":{".b":"INTEGER"}}'),
    (['{"a":[]}', '{"a":[{"b":1}]}'], '{"$":{"#.a":"OBJECT"},"$.a[*]":{"#":"ARRAY_ELEMENT",".b":"INTEGER"}}'),
    (
        ['{"a":"2024"}', '{"a":"2024-01"}', '{"a":"x"}', '{"a":true}', '{"a":1}'],
        '{"$":{".a":"[INTEGER, STRING, YEAR, YEAR_MONTH, BOOLEAN]"}}',
    ),
    (['{"price":13}', '{"price":"x"}'], '{"$":{".price":"[INTEGER, STRING]"}}'),
]


@pytest.mark.parametrize(("samples", "view"), VIEWS)
def test_the_simple_view_is_byte_exact(samples: list[str], view: str) -> None:
    expected = f'{{"currentState":"UNLOCKED","model":{compact(view)}}}'
    assert exported(model(*samples), "SIMPLE_VIEW").decode() == expected
    assert exported(model(*reversed(samples)), "SIMPLE_VIEW").decode() == expected


SCHEMAS = [
    (
        [ONE],
        """{"properties":{"arr":{"items":{"type":"integer"},"type":"array"},"b":{"type":"boolean"},
        "d":{"format":"date","type":"string"},"e":{"items":{"type":"null"},"type":"array"},
        "eo":{"properties":{},"type":"object"},"f":{"type":"number"},"i":{"type":"integer"},"n":{"type":"null"},
        "obj":{"properties":{"x":{"type":"integer"}},"type":"object"},"s":{"type":"string"}},"type":"object"}""",
    ),
    (
        ['{"m":[[1,2],[3]]}'],
        """{"properties":{"m":{"items":{"items":{"type":"integer"},"type":"array"},"type":"array"}},"type":"object"}""",
    ),
    (['["x"]'], '{"items":{"type":"string"},"type":"array"}'),
    (['"x"'], '{"type":"string"}'),
    (
        ['{"a":"2024-01-02T10:30"}', '{"a":"2024-01-02T10:30Z"}', '{"a":1}'],
        """{"properties":{"a":{"oneOf":[{"type":"integer"},{"format":"date-time","type":"string"},
        {"format":"date-time","type":"string"}]}},"type":"object"}""",
    ),
    (
        ['{"t":"10:30","y":"2024","m":"2024-01"}'],
        """{"properties":{"m":{"format":"year-month","type":"string"},"t":{"format":"time","type":"string"},
        "y":{"format":"year","type":"string"}},"type":"object"}""",
    ),
    (
        ['{"o":5}', '{"o":{"x":1}}'],
        '{"properties":{"o":{"properties":{"x":{"type":"integer"}},"type":"object"}},"type":"object"}',
    ),
]


@pytest.mark.parametrize(("samples", "schema"), SCHEMAS)
def test_the_json_schema_is_byte_exact(samples: list[str], schema: str) -> None:
    expected = f'{{"currentState":"UNLOCKED","model":{compact(schema)}}}'
    assert exported(model(*samples), "JSON_SCHEMA").decode() == expected


def test_an_export_tells_the_state_and_the_declared_keys() -> None:
    keyed = model('{"a":1}').with_unique_keys((UniqueKey("k", ("$.a",)),)).lock()
    assert exported(keyed, "SIMPLE_VIEW") == (
        b'{"currentState":"LOCKED","model":{"$":{".a":"INTEGER"}},"uniqueKeys":[{"fields":["$.a"],"id":"k"}]}'
    )


def test_names_are_sorted_by_bytes() -> None:
    assert exported(model('{"ä":1,"b":1,"B":1,"😀":1,"｡":1}'), "SIMPLE_VIEW").decode() == (
        '{"currentState":"UNLOCKED","model":{"$":{".B":"INTEGER",".b":"INTEGER",".ä":"INTEGER",'
        '".｡":"INTEGER",".😀":"INTEGER"}}}'
    )


def test_another_converter_is_refused() -> None:
    with pytest.raises(BadRequest, match="unsupported export converter"):
        exported(model("{}"), "SAMPLE_DATA")
