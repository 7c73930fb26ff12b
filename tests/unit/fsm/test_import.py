"""Strict decoding of imports, modes and versions (contract: engine 1.1, 1.2, 1.6)."""

from __future__ import annotations

import json

import pytest

from cyoda.errors import BadRequest, CyodaError, ValidationFailed, WorkflowSchemaVersionUnsupported
from workflows.core.fsm.decode import BODY_LIMIT_BYTES, decode_import
from workflows.core.fsm.imports import imported

from .support import body, processor, state, texts, transition, workflow

MINIMAL = workflow({"A": {}})


def refusal(data: bytes, *, strict: bool = False) -> CyodaError:
    with pytest.raises(CyodaError) as caught:
        decode_import(data, strict_versions=strict)
    return caught.value


def test_a_body_over_ten_mebibytes_is_not_read() -> None:
    error = refusal(b" " * (BODY_LIMIT_BYTES + 1))
    assert (error.code, error.message) == ("BAD_REQUEST", "failed to read request body")


DEEP = {
    "request": {"transitionn": 1, "workflows": []},
    "workflow": {"workflows": [{**MINIMAL, "transitionn": 1}]},
    "state": {"workflows": [workflow({"A": {"transitionn": 1}})]},
    "transition": {"workflows": [workflow({"A": state(transition("t", "A", transitionn=1))})]},
    "processor": {
        "workflows": [workflow({"A": state(transition("t", "A", processors=[{"name": "p", "transitionn": 1}]))})]
    },
    "config": {"workflows": [workflow({"A": state(transition("t", "A", processors=[processor("p", transitionn=1)]))})]},
    "schedule": {"workflows": [workflow({"A": state(transition("t", "A", schedule={"transitionn": 1}))})]},
    "function": {
        "workflows": [workflow({"A": state(transition("t", "A", schedule={"function": {"transitionn": 1}}))})]
    },
}


@pytest.mark.parametrize("level", DEEP)
def test_an_unknown_field_is_named_at_every_modelled_level(level: str) -> None:
    error = refusal(json.dumps(DEEP[level]).encode())
    assert (error.code, error.message) == ("BAD_REQUEST", 'invalid JSON: json: unknown field "transitionn"')


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b'"x"', b'{"workflows":{}}', b'{"workflows":[{"name":1}]}', b'{"allowCycles":"yes"}', b"\xff",
        b'{"workflows":[{"states":{"A":{"transitions":[{"manual":"no"}]}}}]}',
        b'{"workflows":[{"states":{"A":{"transitions":[{"schedule":{"delayMs":1.5}}]}}}]}',
        b'{"workflows":[{"criterion":"\xff"}]}',
        b'{"workflows":[{"criterion":' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
    ],
)  # fmt: skip
def test_what_is_not_the_shape_of_a_request_is_invalid_json(data: bytes) -> None:
    error = refusal(data)
    assert error.code == "BAD_REQUEST"
    assert error.message.startswith("invalid JSON: ")


def test_nothing_may_follow_the_request() -> None:
    assert refusal(b'{"workflows":[]} x').message == "invalid JSON: trailing data after request object"


def test_an_unknown_mode_is_named_in_upper_case() -> None:
    error = refusal(b'{"importMode":"append"}')
    assert (error.code, error.message) == ("BAD_REQUEST", "unknown importMode: APPEND")


@pytest.mark.parametrize("mode", ["", None, "merge", "MERGE"])
def test_the_mode_is_merge_by_default_and_case_does_not_matter(mode: str | None) -> None:
    assert decode_import(json.dumps({"importMode": mode}).encode()).mode == "MERGE"


def test_the_mode_is_judged_before_versions() -> None:
    assert refusal(body({**MINIMAL, "version": "9"}, importMode="x")).code == "BAD_REQUEST"


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3"])
def test_current_schema_versions_are_accepted(version: str) -> None:
    assert decode_import(body({**MINIMAL, "version": version}), strict_versions=True).workflows[0].version == "1.3"


@pytest.mark.parametrize("version", ["1", "1.0"])
def test_retired_schema_versions_are_taken_as_one_point_one_unless_strict(version: str) -> None:
    document = body({**MINIMAL, "version": version})
    assert decode_import(document).workflows[0].version == "1.3"
    assert isinstance(refusal(document, strict=True), WorkflowSchemaVersionUnsupported)


FORM = 'workflow schema version "{}" is not in MAJOR.MINOR form'


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("", "workflow schema version is empty; required MAJOR.MINOR form"),
        (None, "workflow schema version is empty; required MAJOR.MINOR form"),
        ("1", FORM),
        ("1.0.0", FORM),
        ("v1.1", FORM + ": non-digit"),
        ("01.1", FORM + ": leading zero"),
        ("1.01", FORM + ": leading zero"),
        ("1.", FORM + ": empty segment"),
        ("1.x", FORM + ": non-digit"),
        ("1.²", FORM + ": non-digit"),
        (
            "1.0",
            (
                "workflow schema minor version no longer accepted: workflow schema 1.0 is no longer accepted on this "
                "server; minimum supported in major 1: 1.1"
            ),
        ),
        (
            "1.9",
            (
                "workflow schema minor version too new: this server supports workflow schema up to 1.3; "
                "payload declares 1.9. "
            ),
        ),
        ("1." + "9" * 5000, "workflow schema minor version too new"),
        (
            "2.0",
            (
                "workflow schema major version unsupported: workflow schema major version 2 unsupported "
                "on this server; supported majors: [1]"
            ),
        ),
        ("0.1", "workflow schema major version unsupported: workflow schema major version 0 unsupported"),
    ],
)
def test_other_schema_versions_are_refused_with_their_reason(version: str | None, message: str) -> None:
    error = refusal(body({**MINIMAL, "version": version}), strict=True)
    assert error.code == "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED"
    assert error.message.startswith('workflow "w": ' + message.format(version))


# --- modes ------------------------------------------------------------------------------------------------------


def stored_after(mode: str, *names: str, **members: object) -> list[tuple[str, bool]]:
    before = texts(*(workflow({"A": {}}, name=name) for name in ("one", "two", "three")))
    request = body(*({**workflow({"A": {}}, name=name), **members} for name in names), importMode=mode)
    return [(w["name"], w["active"]) for w in map(json.loads, imported(decode_import(request), before))]


def test_merge_replaces_in_place_and_appends_new_names() -> None:
    expected = [("one", True), ("two", True), ("three", True), ("four", True)]
    assert stored_after("MERGE", "four", "two") == expected


def test_merge_takes_the_new_definition() -> None:
    assert stored_after("MERGE", "two", active=False)[1] == ("two", False)


def test_replace_keeps_nothing_else() -> None:
    assert stored_after("REPLACE", "four", "two") == [("four", True), ("two", True)]


def test_activate_retires_the_others_and_puts_them_first() -> None:
    expected = [("one", False), ("three", False), ("four", True), ("two", True)]
    assert stored_after("ACTIVATE", "four", "two") == expected


def test_an_explicit_inactive_survives_activate_and_null_means_active() -> None:
    assert stored_after("ACTIVATE", "one", active=False)[-1] == ("one", False)
    assert stored_after("REPLACE", "one", active=None) == [("one", True)]


@pytest.mark.parametrize("mode", ["REPLACE", "ACTIVATE"])
@pytest.mark.parametrize("workflows", ["[]", "null"])
def test_an_empty_list_is_refused_unless_merged(mode: str, workflows: str) -> None:
    request = decode_import(f'{{"importMode":"{mode}","workflows":{workflows}}}'.encode())
    with pytest.raises(
        ValidationFailed, match="empty workflows array not allowed in REPLACE/ACTIVATE mode — use MERGE"
    ):
        imported(request, texts(MINIMAL))


def test_merging_nothing_changes_nothing() -> None:
    before = texts(MINIMAL)
    assert imported(decode_import(b"{}"), before) == before


def test_a_bad_import_leaves_no_trace_of_the_good_part() -> None:
    with pytest.raises(BadRequest):
        decode_import(body(MINIMAL, {**MINIMAL, "x": 1}))
