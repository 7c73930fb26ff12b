"""What backends may push down is a superset of the matches, and the same where it says so (contract: search 13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from cyoda.errors import CyodaError
from cyoda.jsonio import Json
from workflows.core.predicates.condition import (
    ArrayCondition,
    Condition,
    Group,
    NumberText,
    Operator,
    Simple,
)
from workflows.core.predicates.condition import (
    Lifecycle as LifecycleCondition,
)
from workflows.core.predicates.kernel import compile_condition
from workflows.core.predicates.lifecycle import LIFECYCLE_FIELDS, Meta, TextField, TimeField
from workflows.core.predicates.narrowing import (
    AbsentLeaf,
    All,
    And,
    ContainsText,
    EqualsBoolean,
    EqualsText,
    Leaf,
    LifecycleEquals,
    LifecycleTimes,
    Narrowing,
    Nothing,
    NumericRange,
    Or,
    PresentLeaf,
    StartsWith,
    TextRange,
    narrow,
)
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.paths import FieldTypes
from workflows.core.predicates.validation import check_structure, validate

from .support import META, Lifecycle, condition, declared

# --- an interpreter that knows only what the nodes' docstrings say ----------------------------------------------


def accepts(node: Narrowing, value: Json, meta: Meta) -> bool:
    match node:
        case All():
            return True
        case Nothing():
            return False
        case And(children):
            return all(accepts(child, value, meta) for child in children)
        case Or(children):
            return any(accepts(child, value, meta) for child in children)
        case LifecycleEquals(name, text):
            field = LIFECYCLE_FIELDS[name]
            assert isinstance(field, TextField)
            return field.read(meta) == text
        case LifecycleTimes(name, from_ms, until_ms):
            field = LIFECYCLE_FIELDS[name]
            assert isinstance(field, TimeField)
            at = field.read(meta)
            return at is not None and (from_ms is None or at >= from_ms) and (until_ms is None or at < until_ms)
        case _:
            return accepts_leaf(node, found(value, node.names))


def accepts_leaf(node: Leaf, stored: Json) -> bool:
    match node:
        case PresentLeaf():
            return stored is not None
        case AbsentLeaf():
            return stored is None
        case EqualsText(_, text):
            return isinstance(stored, str) and stored == text
        case EqualsBoolean(_, wanted):
            return stored is wanted
        case StartsWith(_, prefix):
            return isinstance(stored, str) and stored.startswith(prefix)
        case ContainsText(_, part):
            return isinstance(stored, str) and part in stored
        case TextRange(_, low, high, low_inclusive, high_inclusive):
            if not isinstance(stored, str):
                return False
            above = low is None or stored > low or (low_inclusive and stored == low)
            return above and (high is None or stored < high or (high_inclusive and stored == high))
        case NumericRange(_, low, high, low_inclusive, high_inclusive, whole):
            if isinstance(stored, bool) or not isinstance(stored, int | Decimal):
                return False
            if whole and abs(stored) < 10**50 and stored != int(stored):
                return False
            above = low is None or stored > low or (low_inclusive and stored == low)
            below = high is None or stored < high or (high_inclusive and stored == high)
            return above and below


def found(value: Json, names: tuple[str, ...]) -> Json:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


# --- random worlds ----------------------------------------------------------------------------------------------

NUMBERS = ["0", "1", "-1", "5", "5.0", "1.5", "2147483647", "2147483648", "9007199254740993", "1e2", "0.1", "1e300"]
NUMBERS += ["12345678901234567890123", "1.50000000000000001", "-3000000000", "3.141592653589793238", "1e-400"]
TEXTS = ["", "a", "abc", "5", "true", "2024", "2024-05", "2024-05-01", "10:00", "2024-05-01T00:00:00"]
TEXTS += [
    "2024-05-01T10:00:00.0009Z",
    "2024-04-30T23:30-10:00",
    "2024-05-01T9:00:00+02:00",
    "0000",
    "9999-12-31",
    "9999-12-31T23:00:00Z",
    "0000-01-01T00:00:00+01:00",
    "2024-05-01T24",
    "ab%",
    "a_c",
    "a\\%",
    "a\nb",
    "\U0010ffff",
    "2024-01-01",
    "0b6f3a1e-0000-1000-8000-000000000001",
    "é",
]

scalars: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(NUMBERS).map(lambda text: int(text) if text.lstrip("-").isdigit() else Decimal(text)),
    st.sampled_from(TEXTS),
    st.booleans(),
    st.none(),
)
operands: st.SearchStrategy[Json] = st.one_of(
    st.sampled_from(NUMBERS).map(NumberText), st.sampled_from(TEXTS), st.booleans(), st.none()
)
NUMERIC = ["INTEGER", "LONG", "BIG_INTEGER", "UNBOUND_INTEGER", "DOUBLE", "BIG_DECIMAL", "UNBOUND_DECIMAL"]
OTHERS = ["STRING", "CHARACTER", "LOCAL_DATE", "LOCAL_DATE_TIME", "LOCAL_TIME", "ZONED_DATE_TIME", "YEAR"]
OTHERS += ["YEAR_MONTH", "UUID_TYPE", "BOOLEAN"]
PATHS = ["$.a", "$.b", "$.o.p", "$.t[*]", "$.i[*].p"]

types = st.tuples(st.sampled_from([*NUMERIC, None]), st.sets(st.sampled_from(OTHERS), max_size=3)).map(
    lambda drawn: "+".join([*([drawn[0]] if drawn[0] else []), *sorted(drawn[1])]) or "NULL"
)
schemas: st.SearchStrategy[FieldTypes] = st.tuples(*[types for _ in PATHS]).map(
    lambda drawn: declared(", ".join(f"{path} {names}" for path, names in zip(PATHS, drawn, strict=True)))
)
documents: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "a": scalars,
        "b": st.one_of(scalars, st.lists(scalars, max_size=2)),
        "o": st.one_of(scalars, st.fixed_dictionaries({}, optional={"p": scalars})),
        "t": st.one_of(st.none(), st.lists(scalars, max_size=3)),
        "i": st.one_of(st.none(), st.lists(st.fixed_dictionaries({}, optional={"p": scalars}), max_size=3)),
    },
)
metas: st.SearchStrategy[Lifecycle] = st.builds(
    lambda state, days, millis: replace(
        META,
        state=state,
        creation_date=None if days is None else datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days, microseconds=millis),
    ),
    st.sampled_from(["", "a", "2024"]),
    st.sampled_from([None, -1, 0, 121]),
    st.sampled_from([0, 999, 1000]),
)


def _value(operator: str) -> st.SearchStrategy[Json]:
    if operator in ("BETWEEN", "BETWEEN_INCLUSIVE"):
        return st.lists(operands, min_size=2, max_size=2)
    return st.one_of(operands, operands, operands, st.lists(operands, max_size=2))


def _leaf(make: Callable[[str, str, Json], Condition], subjects: list[str]) -> st.SearchStrategy[Condition]:
    return st.sampled_from([str(operator) for operator in Operator]).flatmap(
        lambda operator: st.builds(make, st.sampled_from(subjects), st.just(operator), _value(operator))
    )


leaves: st.SearchStrategy[Condition] = st.one_of(
    _leaf(Simple, [*PATHS, "$", "$.o", "$.unknown"]),
    _leaf(LifecycleCondition, list(LIFECYCLE_FIELDS)),
    st.builds(ArrayCondition, st.sampled_from(["$.t", "$.t[*]", "$.a"]), st.lists(operands, max_size=3).map(tuple)),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda children: st.builds(Group, st.sampled_from(["AND", "OR", "or"]), st.lists(children, max_size=3).map(tuple)),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(conditions, schemas, st.lists(st.tuples(documents, metas), min_size=1, max_size=6))
def test_candidates_include_every_match_and_nothing_else_when_exact(
    asked: Condition, fields: FieldTypes, rows: list[tuple[Json, Lifecycle]]
) -> None:
    try:
        predicate, narrowing = compile_condition(asked, fields), narrow(asked, fields)
    except CyodaError as error:
        event(f"refused: {error.code}")
        return
    event(f"{type(narrowing).__name__}, exact: {narrowing.exact}")
    for value, meta in rows:
        matched, candidate = predicate(value, meta), accepts(narrowing, value, meta)
        assert candidate or not matched
        if narrowing.exact:
            assert candidate is matched


@settings(max_examples=100, deadline=None)
@given(conditions, schemas, documents, metas)
def test_a_condition_is_refused_with_a_code_or_judged(
    asked: Condition, fields: FieldTypes, value: Json, meta: Lifecycle
) -> None:
    try:
        check_structure(asked)
        validate(asked, fields)
    except CyodaError:
        return
    assert compile_condition(asked, fields)(value, meta) in (True, False)


# --- random documents as conditions -----------------------------------------------------------------------------

_words = st.sampled_from(["type", "simple", "group", "array", "lifecycle", "function", "jsonPath", "operator", "value"])
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), _words, st.sampled_from(list(Operator))),
    lambda children: st.one_of(
        st.lists(children, max_size=3), st.dictionaries(st.one_of(_words, st.text(max_size=3)), children, max_size=4)
    ),
    max_leaves=8,
)
_shaped = st.recursive(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["simple", "lifecycle", "array", "function", "group", "x"])},
        optional={
            "jsonPath": st.one_of(st.sampled_from([*PATHS, "$", "", "a", "$[*]", "$.[*]", "$..", "[*]"]), _json),
            "field": st.one_of(st.sampled_from(list(LIFECYCLE_FIELDS)), _json),
            "operatorType": st.one_of(st.sampled_from(list(Operator)), _json),
            "value": st.one_of(_json, st.text(alphabet="%_\\a.*([{?\n", max_size=6)),
            "values": _json,
            "function": _json,
        },
    ),
    lambda children: st.fixed_dictionaries(
        {"type": st.just("group"), "operator": st.sampled_from(["AND", "OR", "NOT", 1])},
        optional={"conditions": st.lists(st.one_of(children, _json), max_size=3)},
    ),
    max_leaves=4,
)


@settings(max_examples=200, deadline=None)
@given(st.one_of(_shaped, _json), schemas)
def test_any_document_is_refused_with_a_code_or_judged(body: Json, fields: FieldTypes) -> None:
    try:
        asked = parse_condition(msgspec.json.encode(body))
        check_structure(asked)
        compile_condition(asked, fields)({"a": 1}, META)
        narrow(asked, fields)
        validate(asked, fields)
    except CyodaError as error:
        event(error.code)


@given(st.binary(max_size=40))
def test_any_bytes_are_refused_with_a_code_or_judged(body: bytes) -> None:
    try:
        parse_condition(body)
    except CyodaError as error:
        event(error.code)


# --- what a planner can rely on ---------------------------------------------------------------------------------

SCHEMA = declared(
    "$.i INTEGER, $.s STRING, $.f BOOLEAN, $.m INTEGER+STRING, $.d LOCAL_DATE, $.o.p DOUBLE, $.t[*] STRING, "
    "$.z ZONED_DATE_TIME, $.w LOCAL_DATE_TIME, $.h LOCAL_TIME"
)


def _whole(
    low: Decimal | int = -(1 << 31), high: Decimal | int = (1 << 31) - 1, *, low_inclusive: bool = True,
    high_inclusive: bool = True,
) -> NumericRange:  # fmt: skip
    """A range of INTEGER `$.i`, within what that type holds."""
    return NumericRange(("i",), low, high, low_inclusive, high_inclusive, whole=True, exact=True)


@pytest.mark.parametrize(
    ("short", "narrowing"),
    [
        ("$.i EQUALS 5.0", NumericRange(("i",), 5, 5, exact=True)),
        ("$.i GREATER_THAN 12.5", _whole(low=12, low_inclusive=False)),
        ("$.i GREATER_OR_EQUAL 7", _whole(low=7)),
        ("$.i LESS_OR_EQUAL 7", _whole(high=7)),
        ("$.i LESS_THAN 7", _whole(high=7, high_inclusive=False)),
        ("$.i NOT_EQUAL 7", NumericRange(("i",))),
        ("$.i BETWEEN_INCLUSIVE [1, 2]", _whole(Decimal(1), Decimal(2))),
        ("$.i LESS_THAN 3000000000", _whole()),
        ("$.o.p EQUALS 1.5", NumericRange(("o", "p"), Decimal("1.5"), Decimal("1.5"), exact=True)),
        ("$.o.p EQUALS 3000000000", Nothing()),
        ("$.o.p LESS_THAN 1.5", NumericRange(("o", "p"), high=Decimal("1.5"), high_inclusive=False)),
        ("$.i EQUALS 12.5", Nothing()),
        ("$.i BETWEEN [1, 2]", _whole(Decimal(1), Decimal(2), low_inclusive=False, high_inclusive=False)),
        ("$.i CONTAINS 5", ContainsText(("i",), "5")),
        ("$.i ICONTAINS 5", PresentLeaf(("i",))),
        ("$.i IS_NULL", AbsentLeaf(("i",))),
        ("$.o.p NOT_NULL", PresentLeaf(("o", "p"), exact=True)),
        ('$.s EQUALS "x"', EqualsText(("s",), "x")),
        ('$.s NOT_EQUAL "x"', PresentLeaf(("s",))),
        ("$.f NOT_EQUAL true", EqualsBoolean(("f",), False)),
        ("$.m EQUALS 30", Or((NumericRange(("m",), 30, 30, exact=True), EqualsText(("m",), "30")), exact=True)),
        ('$.s GREATER_THAN "x"', TextRange(("s",), low="x", low_inclusive=False, exact=True)),
        ('$.s LESS_OR_EQUAL "x"', TextRange(("s",), high="x", exact=True)),
        ('$.s BETWEEN ["a", "b"]', TextRange(("s",), "a", "b", False, False, exact=True)),
        ('$.s STARTS_WITH "ab"', StartsWith(("s",), "ab")),
        ('$.s CONTAINS "ab"', ContainsText(("s",), "ab")),
        ('$.s ENDS_WITH "ab"', ContainsText(("s",), "ab", exact=False)),
        ('$.s LIKE "ab%c"', StartsWith(("s",), "ab", exact=False)),
        ('$.s LIKE "a\\\\%b"', EqualsText(("s",), "a%b")),
        ('$.s LIKE "%b"', StartsWith(("s",), "", exact=False)),
        ('$.d EQUALS "2024"', EqualsText(("d",), "2024-01-01")),
        ('$.d GREATER_THAN "2024-05-01"', TextRange(("d",), low="2024-05-01")),
        ('$.d BETWEEN ["2024", "2025-02"]', TextRange(("d",), "2024-01-01", "2025-02-01")),
        ('$.z EQUALS "2024-05-01T10:00:00Z"', TextRange(("z",), "2024-04-30", "2024-05-03")),
        ('$.z LESS_THAN "2024-05-01T10:00:00Z"', TextRange(("z",), high="2024-05-03")),
        ('$.w GREATER_OR_EQUAL "2024-05-01T10:00:00"', TextRange(("w",), low="2024-05-01")),
        ('$.h EQUALS "10:00"', PresentLeaf(("h",))),
        ('$.t[*] EQUALS "x"', PresentLeaf(("t",))),
        ("$.t[*] IS_NULL", All()),
        ('array $.t ["x"]', PresentLeaf(("t",))),
        ("array $.t [null]", All(exact=True)),
        ('@state EQUALS "NEW"', LifecycleEquals("state", "NEW")),
        ('@previousTransition EQUALS "go"', LifecycleEquals("transitionForLatestSave", "go")),
        ('@state NOT_EQUAL "NEW"', All()),
        ("@state IS_NULL", Nothing()),
        ('@creationDate GREATER_THAN "1970-01-01T00:00:01Z"', LifecycleTimes("creationDate", 1001, None)),
        ('@creationDate GREATER_OR_EQUAL "1970"', LifecycleTimes("creationDate", 0, None)),
        ('@creationDate LESS_THAN "1970"', LifecycleTimes("creationDate", None, 0)),
        ('@creationDate LESS_OR_EQUAL "1970"', LifecycleTimes("creationDate", None, 1)),
        ('@creationDate BETWEEN ["1970", "1971"]', LifecycleTimes("creationDate", 1, 31_536_000_000)),
        ('@creationDate BETWEEN_INCLUSIVE ["1970", "1971"]', LifecycleTimes("creationDate", 0, 31_536_000_001)),
        ('@creationDate EQUALS "1970"', LifecycleTimes("creationDate", 0, 1)),
        ("AND()", All(exact=True)),
        ("OR()", Nothing()),
        (
            'AND(@state EQUALS "A" ; $.i CONTAINS 1)',
            And((LifecycleEquals("state", "A"), ContainsText(("i",), "1")), True),
        ),
        ('AND(@state EQUALS "A" ; @state LIKE "A")', And((LifecycleEquals("state", "A"),), False)),
        ('OR(@state EQUALS "A" ; @state LIKE "A")', All()),
        ('OR(@state EQUALS "A" ; $.i EQUALS 1.5)', Or((LifecycleEquals("state", "A"),), True)),
    ],
)
def test_a_leaf_narrows_to_what_an_index_can_answer(short: str, narrowing: Narrowing) -> None:
    assert narrow(parse_condition(condition(short)), SCHEMA) == narrowing
