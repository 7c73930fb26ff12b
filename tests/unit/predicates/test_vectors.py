"""The contract's condition vectors (contract: search 14.1)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from cyoda.errors import CyodaError
from workflows.core.predicates.condition import Condition
from workflows.core.predicates.kernel import compile_condition
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.paths import FieldTypes
from workflows.core.predicates.validation import check_structure, validate

from .support import META, Lifecycle, condition, declared, document, fields_of

VECTORS = [
    line.split(" ¦ ")
    for line in Path(__file__).with_name("vectors.txt").read_text().splitlines()
    if not line.startswith("#")
]


def outcome_of(data: bytes, fields: FieldTypes, text: str, meta: Lifecycle = META) -> str:
    """`match`, `no match`, or the code of the refusal, checked in the order of a search."""
    try:
        parsed = parse_condition(data)
        check_structure(parsed)
        validate(parsed, fields)
    except CyodaError as error:
        return error.code
    return "match" if matches(parsed, fields, text, meta) else "no match"


def matches(parsed: Condition, fields: FieldTypes, text: str, meta: Lifecycle) -> bool:
    return compile_condition(parsed, fields)(document(text), meta)


def test_all_vectors_are_here() -> None:
    assert [number for number, *_ in VECTORS] == [f"V{index}" for index in range(1, 125)]


@pytest.mark.parametrize(("number", "types", "text", "short", "outcome"), VECTORS)
def test_a_condition_has_the_outcome_of_the_contract(
    number: str, types: str, text: str, short: str, outcome: str
) -> None:
    if types == "meta":
        given = document(text)
        meta = Lifecycle(
            state=given.get("state", ""),
            creation_date=datetime.fromisoformat(given["creationDate"]) if "creationDate" in given else None,
            transition_for_latest_save=given.get("transitionForLatestSave", ""),
        )
        assert outcome_of(condition(short), {}, "{}", meta) == outcome, number
    else:
        assert outcome_of(condition(short), declared(types), text) == outcome, number


@pytest.mark.parametrize(
    ("short", "outcome"),
    [("$.items[*].p GREATER_THAN 4", "match"), ("$.day LESS_THAN 2024", "match"), ("$.note EQUALS 1", "match")],
)
def test_types_may_be_inferred_from_documents(short: str, outcome: str) -> None:
    text = '{"items":[{"p":1},{"p":5}],"day":"2023-05-01","note":1}'
    fields = fields_of(text, '{"note":"free text"}')
    assert outcome_of(condition(short), fields, text) == outcome
