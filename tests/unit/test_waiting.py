"""What a page advises for an entity that waits, and what production asks before a change by hand."""

from __future__ import annotations

from typing import Any

import pytest

from cyoda.principal import Principal
from tenants.models import Environment, Membership, Organisation, Role
from tenants.ui.console.api import Api
from tenants.ui.console.confirming import not_confirmed
from tenants.ui.console.place import Place
from tenants.ui.console.waiting import Advice, advice, ways

FALSE = {
    "type": "group", "operator": "AND", "verdict": "DOES_NOT_MATCH", "conditions": [
        {"type": "simple", "path": "$.a", "operator": "NOT_NULL", "operand": None, "values": [1], "verdict": "MATCHES"},
        {"type": "simple", "path": "$.b", "operator": "EQUALS", "operand": "x", "values": ["y"],
         "verdict": "DOES_NOT_MATCH"},
    ],
}  # fmt: skip
TRUE = {"type": "simple", "path": "$.a", "operator": "IS_NULL", "values": [None], "verdict": "MATCHES"}
ABSENT = {"kind": "PROCESSOR", "name": "p", "tags": "gpu", "members": 0}


def way(name: str = "go", **said: Any) -> dict[str, Any]:
    return {"name": name, "next": "B", "kind": "MANUAL", "disabled": False, "move": "", "needs": [], **said}


def advised(*transitions: dict[str, Any]) -> Advice | None:
    return advice(ways({"transitions": transitions}), "A")


@pytest.mark.parametrize(
    ("transition", "act", "said"),
    [
        (way(), "fire", "Take “go”"),
        (way(criterion=TRUE), "fire", "Take “go”"),
        (way(kind="AUTOMATIC"), "loopback", "save it again"),
        (way(criterion=FALSE), "edit", '$.b is "x" (it sees "y"), and take “go”'),
        (way(kind="AUTOMATIC", criterion=FALSE), "edit", "is taken by itself then"),
        (way(needs=[ABSENT]), "connect", "with the tags “gpu”"),
        (way(kind="SCHEDULED", timer={"dueAt": "2026-01-01T00:00:00Z"}), "", "Wait for the timer"),
    ],
)
def test_one_next_step_is_advised(transition: dict[str, Any], act: str, said: str) -> None:
    found = advised(transition)
    assert found is not None
    assert (found.act, said in found.text) == (act, True)


def test_where_nothing_leads_on_nothing_is_advised() -> None:
    assert advised() is None
    assert advised(way(disabled=True), way(next="A")) is None


def test_what_can_be_taken_by_hand_comes_before_what_has_to_be_changed_or_connected() -> None:
    found = advised(way("one", needs=[ABSENT]), way("two", criterion=FALSE), way("three"))
    assert found is not None
    assert found.transition == "three"


@pytest.mark.parametrize(("kind", "typed", "passes"), [
    ("development", "", True), ("staging", "", True), ("production", "", False), ("production", "dev", False),
    ("production", " main ", True),
])  # fmt: skip
def test_production_asks_for_its_name(kind: str, typed: str, passes: bool) -> None:
    membership = Membership(organisation=Organisation(name="Acme"), role=Role.OWNER)
    api = Api(Principal(tenant="acme", user_id="u", kind="user"))
    place = Place(membership=membership, environment=Environment(name="main", kind=kind), api=api)
    assert (not_confirmed(place, typed) == "") is passes
