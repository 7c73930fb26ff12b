"""The engine's acceptance list over HTTP: import and export (contract: engine 11; the numbers are its rows)."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.contract.http.steps import model, ok, refused
from tests.unit.fsm.test_validation import CASES

IMPORT, EXPORT = "/model/parcel/1/workflow/import", "/model/parcel/1/workflow/export"
NOTES = {"annotations": {"ui": {"x": 1, "é": None}}}
CRITERION_NOTES = {"criterionAnnotations": {"ui": {"colour": "red"}}}
FUNCTION = {
    "type": "function",
    "function": {
        "name": "hasCapacity", "config": {"calculationNodesTags": "fleet", "retryPolicy": "NONE"}, "unknown": [1]
    },
}  # fmt: skip
CALENDAR = {"name": "nextReminder", "resultKind": "Schedule", "attachEntity": True, "calculationNodesTags": "calendar"}
WEIGH = {
    "type": "externalized", "name": "weighParcel", "executionMode": "SYNC",
    "config": {
        "attachEntity": True, "calculationNodesTags": "scales", "responseTimeoutMs": 8000, "retryPolicy": "FIXED",
        "context": "grams", "asyncResult": False,
    },
}  # fmt: skip
CHARGE = {
    "type": "externalized", "name": "chargeCard", "executionMode": "COMMIT_BEFORE_DISPATCH",
    "config": {"attachEntity": False, "calculationNodesTags": "payments", "startNewTxOnDispatch": False},
}  # fmt: skip
PARCEL: dict[str, Any] = {
    "version": "1.3", "name": "parcel-express", "desc": "express lane", "initialState": "RECEIVED", "active": True,
    "criterion": {"type": "simple", "jsonPath": "$.service", "operation": "EQUALS", "value": "EXPRESS"},
    **NOTES, **CRITERION_NOTES,
    "states": {
        "RECEIVED": {
            "transitions": [{"name": "weigh", "next": "WEIGHED", "manual": False, "processors": [WEIGH | NOTES]}],
            **NOTES,
        },
        "WEIGHED": {"transitions": [
            {"name": "book", "next": "BOOKED", "manual": True, "criterion": FUNCTION, "processors": [CHARGE],
             **NOTES, **CRITERION_NOTES},
            {"name": "giveUp", "next": "ABANDONED", "manual": False,
             "schedule": {"delayMs": 86_400_000, "timeoutMs": 0}},
            {"name": "lose", "next": "ABANDONED", "manual": True, "disabled": True},
        ]},
        "BOOKED": {"transitions": [
            {"name": "remind", "next": "ABANDONED", "manual": False, "schedule": {"delayMs": 0, "function": CALENDAR}},
        ]},
        "ABANDONED": {},
    },
}  # fmt: skip
"""A definition exactly as it is exported."""
DEFAULTS = {
    "version": "1.1", "name": "plain", "initialState": "A",
    "states": {"A": {"transitions": [{"name": "go", "next": "B", "processors": [{"name": "p"}]}]}, "B": {}},
}  # fmt: skip


def named(name: str, **members: Any) -> dict[str, Any]:
    return {"version": "1.3", "name": name, "initialState": "A", "states": {"A": {}}, **members}


async def imported(api: httpx.AsyncClient, *workflows: dict[str, Any], mode: str = "REPLACE", **members: Any) -> None:
    body = {"importMode": mode, "workflows": list(workflows), **members}
    assert ok(await api.post(IMPORT, json=body)) == {"success": True}


async def exported(api: httpx.AsyncClient) -> list[dict[str, Any]]:
    return ok(await api.get(EXPORT))["workflows"]


@pytest.fixture
async def parcels(api: httpx.AsyncClient) -> httpx.AsyncClient:
    await model(api, "parcel")
    return api


async def test_1_and_7_a_definition_comes_back_unchanged_and_again_after_another_import(
    parcels: httpx.AsyncClient,
) -> None:
    await imported(parcels, PARCEL)
    first = await parcels.get(EXPORT)
    assert ok(first) == {"entityName": "parcel", "modelVersion": 1, "workflows": [PARCEL]}
    await imported(parcels, *ok(first)["workflows"])
    assert (await parcels.get(EXPORT)).content == first.content


async def test_2_and_3_what_is_left_out_is_exported_as_its_default_or_not_at_all(parcels: httpx.AsyncClient) -> None:
    await imported(parcels, DEFAULTS)
    expected = copy.deepcopy(DEFAULTS) | {"version": "1.3", "active": True}
    (go,) = expected["states"]["A"]["transitions"]
    go |= {"manual": False, "processors": [{"type": "", "name": "p", "config": {"attachEntity": True}}]}
    assert await exported(parcels) == [expected]


async def test_3_the_mode_says_what_becomes_of_other_definitions(parcels: httpx.AsyncClient) -> None:
    async def stored() -> list[tuple[str, bool]]:
        return [(each["name"], each["active"]) for each in await exported(parcels)]

    await imported(parcels, named("one"), named("two"), named("three"))
    await imported(parcels, named("four"), named("two", active=False), mode="merge")
    assert await stored() == [("one", True), ("two", False), ("three", True), ("four", True)]
    await imported(parcels, named("two"), named("five", active=False), mode="ACTIVATE")
    assert await stored() == [("one", False), ("three", False), ("four", False), ("two", True), ("five", False)]
    await imported(parcels, named("six", active=None))
    assert await stored() == [("six", True)]


async def test_4_an_empty_list_replaces_nothing(parcels: httpx.AsyncClient) -> None:
    await imported(parcels, named("one"))
    before = await exported(parcels)
    for mode in ("REPLACE", "ACTIVATE"):
        for body in ({"importMode": mode, "workflows": []}, {"importMode": mode, "workflows": None}):
            answer = await parcels.post(IMPORT, json=body)
            refused(
                answer, 400, "VALIDATION_FAILED",
                "empty workflows array not allowed in REPLACE/ACTIVATE mode — use MERGE if you intended a no-op",
            )  # fmt: skip
    await imported(parcels, mode="MERGE")
    assert await exported(parcels) == before


async def test_6_every_faulty_definition_is_refused_and_changes_nothing(parcels: httpx.AsyncClient) -> None:
    await imported(parcels, named("one"))
    before = await exported(parcels)
    for document, message in CASES:
        answer = await parcels.post(IMPORT, json={"workflows": [document]})
        refused(answer, 400, "VALIDATION_FAILED")
        assert answer.json()["detail"].startswith(f"VALIDATION_FAILED: {message}")
    twice = await parcels.post(IMPORT, json={"workflows": [named("two"), named("two")]})
    refused(twice, 400, "VALIDATION_FAILED", 'duplicate workflow name "two" in request')
    assert await exported(parcels) == before


async def test_6_a_loop_needs_a_guard_or_the_requests_consent_also_when_it_is_stored_already(
    parcels: httpx.AsyncClient,
) -> None:
    again = {"name": "again", "next": "A"}
    guard = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "B"}
    loop = named("loop", states={"A": {"transitions": [again]}})
    await imported(parcels, named("loop", states={"A": {"transitions": [again | {"criterion": guard}]}}))
    message = 'workflow "loop": infinite loop detected: A -> A via unguarded automated transitions'
    refused(await parcels.post(IMPORT, json={"workflows": [loop]}), 400, "VALIDATION_FAILED", message)
    await imported(parcels, loop, allowCycles=True)
    refused(await parcels.post(IMPORT, json={"workflows": [named("two")]}), 400, "VALIDATION_FAILED", message)
    await imported(parcels, named("two"), mode="MERGE", allowCycles=True)
    await imported(parcels, named("two"))
