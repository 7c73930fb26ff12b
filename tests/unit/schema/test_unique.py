"""Contract: entities 4.8."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda import jsonio
from cyoda.errors import InvalidUniqueKey
from workflows.core.schema.node import infer
from workflows.core.unique import Claim, UniqueKey, claims_of, definition_fault

NODE = infer(jsonio.parse('{"org":"o","mail":"m","a":{"b":1},"n":null,"tags":["x"],"l":[{"x":1}],"o":{},"d.e":1}'))
BY_MAIL = UniqueKey("by-mail", ("$.org", "$.mail"))
BY_NUMBER = UniqueKey("by-number", ("$.n",))


@pytest.mark.parametrize("field", ["$.org", "$.a.b", "$.n", "$.d.e"])
def test_a_scalar_leaf_outside_arrays_may_be_a_key_field(field: str) -> None:
    assert definition_fault([UniqueKey("k", (field,))], NODE) is None


@pytest.mark.parametrize("field", ["org", "$.a", "$.o", "$.tags", "$.tags[*]", "$.l[*].x", "$.x", "$", "$.", ""])
def test_any_other_path_may_not(field: str) -> None:
    assert definition_fault([UniqueKey("k", (field,))], NODE) == f'key "k": field "{field}" is not a known scalar leaf'


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([UniqueKey("", ("$.org",))], "key ID must not be empty"),
        ([BY_MAIL, BY_MAIL], 'duplicate key ID "by-mail"'),
        ([UniqueKey("k", ())], 'key "k" has no fields'),
        ([UniqueKey("k", ("$.org", "$.org"))], 'key "k": duplicate field "$.org"'),
    ],
)
def test_a_wrong_definition_has_its_reason(keys: list[UniqueKey], reason: str) -> None:
    assert definition_fault(keys, NODE) == reason


def claim(value: object) -> Claim:
    (found,) = claims_of([BY_NUMBER], {"n": value})
    return found


def test_a_key_claims_its_values_together() -> None:
    (one,) = claims_of([BY_MAIL], {"org": "o", "mail": "m", "more": 1})
    (other,) = claims_of([BY_MAIL], {"mail": "m", "org": "o"})
    assert one == other
    assert one.key == "by-mail"
    assert len(one.digest) == 32
    assert one != claims_of([BY_MAIL], {"org": "m", "mail": "o"})[0]
    assert one != claims_of([BY_MAIL], {"org": "om", "mail": ""})[0]


@pytest.mark.parametrize("document", [{}, {"org": None}, {"org": None, "mail": None}])
def test_a_document_without_any_of_the_fields_is_exempt(document: object) -> None:
    assert claims_of([BY_MAIL], document) == []


@pytest.mark.parametrize("document", [{"org": "o"}, {"mail": "m"}, {"org": "o", "mail": None}])
def test_a_partly_filled_key_is_refused(document: object) -> None:
    with pytest.raises(InvalidUniqueKey) as refused:
        claims_of([BY_MAIL], document)
    assert refused.value.detail == "INVALID_UNIQUE_KEY: composite unique key incomplete"
    with pytest.raises(InvalidUniqueKey) as refused:
        claims_of([BY_MAIL], document, is_final=True)
    assert refused.value.message == "one or more unique key fields are null or invalid"


@pytest.mark.parametrize(
    "literals", [("42", "42.0", "4.2e1", "4200e-2"), ("0", "-0", "0.0", "-0.0", "0e9"), ("1e100", "10e99")]
)
def test_numbers_are_identified_by_their_exact_value(literals: tuple[str, ...]) -> None:
    assert len({claim(jsonio.parse(literal)).digest for literal in literals}) == 1


def test_values_of_different_type_or_text_are_different() -> None:
    values = [
        5,
        "5",
        -5,
        50,
        Decimal("0.5"),
        True,
        False,
        "true",
        "s",
        "ss",
        "",
        "bt",
        "n5e0",
        0,
        "0",
        "2024",
        "\u00e9",
        "e\u0301",
    ]
    assert len({claim(value).digest for value in values}) == len(values)


@pytest.mark.parametrize(
    "literal",
    [
        "1" * 65,
        "0." + "1" * 65,
        "1." + "0" * 64,
        "1e6145",
        "1e-6145",
        "1.5e-6144",
        "1e99999999999",
        '{"x":1}',
        "[1]",
        "{}",
    ],
)
def test_structures_and_numbers_out_of_bounds_are_refused(literal: str) -> None:
    with pytest.raises(InvalidUniqueKey):
        claim(jsonio.parse(literal))


@pytest.mark.parametrize("literal", ["1" * 64, "0." + "1" * 64, "1e6144", "1e-6144", "1.5e6145"])
def test_numbers_just_within_bounds_are_claimed(literal: str) -> None:
    assert claim(jsonio.parse(literal)).digest


def test_a_nested_field_is_claimed_and_a_path_through_a_scalar_is_absent() -> None:
    key = UniqueKey("k", ("$.a.b",))
    assert claims_of([key], {"a": {"b": 1}})
    assert claims_of([key], {"a": 1}) == []
    assert claims_of([key], [1]) == []


@given(st.integers(-(10**20), 10**20), st.integers(1, 30))
def test_every_spelling_of_a_number_claims_the_same(number: int, zeros: int) -> None:
    padding = "0" * zeros
    spellings = [f"{number}.{padding}", f"{number}{padding}e-{zeros}", f"{number}.{padding}e0"]
    assert {claim(Decimal(spelling)) for spelling in spellings} == {claim(number)}
