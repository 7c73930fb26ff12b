"""Workflows in the pages: drafts changed by forms and as JSON, published, undone; versions, imports, simulation."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client as Browser

from cyoda.principal import Principal
from tenants.models import DraftRevision, Environment, Organisation, Role, WorkflowDraft
from tenants.ui.console.place import slug_of
from tests.contract.tenants.people.conftest import Make, sign_in
from tests.contract.tenants.people.serving import Served, served_alone

TENANT = "acme"
PRINCIPAL = Principal(tenant=TENANT, user_id="u", kind="user", roles=("ROLE_DEVELOPER",))
LIFE: dict[str, Any] = {
    "version": "1.3",
    "name": "life",
    "initialState": "NEW",
    "active": True,
    "states": {
        "NEW": {
            "transitions": [
                {"name": "send", "next": "SENT", "manual": True},
                {"name": "drop", "next": "GONE", "manual": True},
            ]
        },
        "SENT": {"transitions": [{"name": "lose", "next": "GONE", "manual": True}]},
        "GONE": {},
    },
}


class Console:
    """One person at the pages of the environment, and the node's API beside them."""

    def __init__(self, browser: Browser, environment: Environment, node: Served) -> None:
        self.browser = browser
        self.root = f"/t/{slug_of(environment.organisation)}/e/{environment.name}/"
        self.node = node

    def ask(self, method: str, target: str, body: Any = None) -> Any:
        return self.node.ask(PRINCIPAL, method, target, body)

    def get(self, path: str, status: int = 200) -> str:
        answer = self.browser.get(path if path.startswith("/t/") else self.root + path)
        assert answer.status_code == status, answer.content.decode()[:2000]
        return answer.content.decode()

    def post(self, path: str, status: int = 302, **fields: Any) -> str:
        """Where it leads to, or the page that answers instead."""
        answer = self.browser.post(path if path.startswith("/t/") else self.root + path, fields)
        assert answer.status_code == status, answer.content.decode()[:3000]
        return answer["Location"] if status == 302 else answer.content.decode()

    @property
    def in_force(self) -> dict[str, Any]:
        return {each["name"]: each for each in self.ask("GET", "/model/order/1/workflow/export")["workflows"]}

    # --- one draft ---------------------------------------------------------------------------------------------

    def begin(self) -> str:
        return self.post("workflows/order/1/life/draft")

    def change(self, page: str, status: int = 302, **fields: Any) -> str:
        """Send a form of the newest version of the draft."""
        draft = WorkflowDraft.objects.get()
        return self.post(page, status, **{"seen": draft.version, **fields})

    @property
    def draft(self) -> dict[str, Any]:
        draft = WorkflowDraft.objects.get()
        return json.loads(DraftRevision.objects.get(draft=draft, number=draft.position).document)


ODD: list[Any] = [
    "x", 5, [], {}, {"type": ["group"]}, {"type": "group", "conditions": 5}, {"type": "group", "conditions": [1]},
    {"type": "function", "function": "x"}, {"type": "function", "function": {"config": []}},
    {"type": "simple", "jsonPath": 5, "value": {"a": 1}}, {"type": "array", "values": {"a": 1}},
]  # fmt: skip
"""Criteria that an import takes and nobody can evaluate."""


@pytest.fixture(scope="module")
def node() -> Iterator[Served]:
    with served_alone() as served:
        yield served


@pytest.fixture
def console(browser: Browser, somebody: Make, acme: Organisation, dev: Environment, node: Served) -> Console:
    """Ann, a developer; the model order has an entity and one workflow, imported anew for each test."""
    somebody("ann@example.org", acme, Role.DEVELOPER)
    sign_in(browser, "ann@example.org")
    console = Console(browser, dev, node)
    if not console.ask("GET", "/model/"):
        console.ask("POST", "/model/import/JSON/SAMPLE_DATA/order/1", {"total": 1, "to": "Ann"})
        console.ask("PUT", "/model/order/1/lock")
        console.ask("POST", "/model/order/1/workflow/import", {"importMode": "REPLACE", "workflows": [LIFE]})
        console.ask("POST", "/entity/JSON/order/1", {"total": 1, "to": "Ann"})
    console.ask("POST", "/model/order/1/workflow/import", {"importMode": "REPLACE", "workflows": [LIFE]})
    return console


def at(draft: str, page: str, pointer: str = "") -> str:
    return f"{draft}{page}?at={quote(pointer)}"


def test_a_workflow_is_changed_by_forms_published_and_that_is_undone_in_one_click(console: Console) -> None:
    assert "life" in console.get("workflows/")
    draft = console.begin()
    assert console.begin() == draft
    assert "send" in console.get(draft)
    console.change(draft + "act", do="add-state", name="KEPT")
    console.change(at(draft, "part", "/states/GONE"), save="yes", name="LOST")
    added = console.change(at(draft, "part", "/states/SENT"), add="yes", **{"new-name": "keep", "new-next": "KEPT"})
    assert added.endswith("part?at=%2Fstates%2FSENT%2Ftransitions%2F1")
    for part in ("", "/states/SENT", "/states/SENT/transitions/1"):
        console.get(at(draft, "part", part))
    timed = {"name": "keep", "source": "NEW", "next": "KEPT", "taken": "delay", "delay": "2", "unit": "60000"}
    console.change(added, save="yes", **timed)
    assert console.draft["states"] == {
        "NEW": {
            "transitions": [
                LIFE["states"]["NEW"]["transitions"][0],
                {"name": "drop", "next": "LOST", "manual": True},
                {"name": "keep", "next": "KEPT", "manual": False, "schedule": {"delayMs": 120000}},
            ]
        },
        "SENT": {"transitions": [{"name": "lose", "next": "LOST", "manual": True}]},
        "LOST": {},
        "KEPT": {},
    }
    page = console.get(draft + "publish")
    assert all(word in page for word in ("state LOST", "state GONE", "transition NEW · keep", "$.next"))
    onward = console.change(draft + "publish", mode="MERGE", publish="yes")
    assert set(console.in_force["life"]["states"]) == {"NEW", "SENT", "LOST", "KEPT"}
    assert WorkflowDraft.objects.count() == 0
    page = console.get(onward)
    undo = re.search(r'action="([^"]+/restore)".*?name="seen" value="(\d+)".*?Undo that', page, re.DOTALL)
    assert undo is not None
    console.post(undo[1], seen=undo[2], undo=undo[2])
    assert console.in_force["life"] == LIFE | {"states": console.in_force["life"]["states"]}
    assert set(console.in_force["life"]["states"]) == {"NEW", "SENT", "GONE"}
    assert "Undo that" not in console.get(onward)


def test_steps_are_undone_and_redone_and_two_who_change_the_same_draft_meet(console: Console) -> None:
    draft = console.begin()
    seen = WorkflowDraft.objects.get().version
    console.change(draft + "act", do="add-state", name="A")
    console.change(draft + "act", do="add-state", name="B")
    console.change(draft + "act", do="undo")
    assert "A" in console.draft["states"]
    assert "B" not in console.draft["states"]
    console.change(draft + "act", do="redo")
    assert "B" in console.draft["states"]
    console.change(draft + "act", do="undo")
    console.change(draft + "act", do="delete-state", at="/states/GONE")
    assert [each["name"] for each in console.draft["states"]["NEW"]["transitions"]] == ["send"]
    console.change(draft + "act", do="redo")  # what was undone is gone by now
    assert "B" not in console.draft["states"]
    assert "state GONE deleted" in console.get(draft + "steps")
    assert "transition SENT · lose" in console.get(draft + "steps?step=3")
    page = console.post(draft + "act", 409, do="add-state", name="C", seen=seen)
    assert ("Ann" in page or "ann@" in page, "state GONE deleted" in page) == (True, True)
    assert 'name="name" value="C"' in page
    console.change(draft + "act", do="initial", at="/states/SENT")
    console.change(draft + "act", do="delete-state", at="/states/SENT")
    assert "choose another initial state first" in console.get(draft)
    console.change(draft + "act", do="discard")
    console.get(draft, 404)


def test_a_criterion_is_built_and_processors_are_set(console: Console) -> None:
    draft = console.begin()
    page = at(draft, "criterion", "/states/NEW/transitions/0")
    assert "always matches" in console.get(page)
    console.change(page, do="new-simple:n0")
    leaf = {"n0.kind": "simple", "n0.path": "$.total", "n0.operator": "GREATER_THAN", "n0.as": "auto"}
    assert "is not of the chosen type" in console.change(page, 200, **leaf, **{"n0.value": "many"})
    console.change(page, **leaf, **{"n0.value": "1.50"}, do="wrap:n0")
    inner = {name.replace("n0", "n0-0"): value for name, value in leaf.items()}
    group = {"n0.kind": "group", "n0.operator": "OR", "n0.count": "1", **inner, "n0-0.value": "1.50"}
    console.change(page, **group, do="add-lifecycle:n0")
    second = {"n0-1.kind": "lifecycle", "n0-1.path": "state", "n0-1.operator": "BETWEEN", "n0-1.as": "text"}
    bounds = {"n0-1.value": "A", "n0-1.second": "B", "n0-1.rest": '{"note": 1}'}
    console.change(page, **group | {"n0.count": "2"}, **second, **bounds, save="yes")
    built = console.draft["states"]["NEW"]["transitions"][0]["criterion"]
    assert built == {
        "type": "group", "operator": "OR", "conditions": [
            {"type": "simple", "jsonPath": "$.total", "operatorType": "GREATER_THAN", "value": 1.5},
            {"type": "lifecycle", "field": "state", "operatorType": "BETWEEN", "value": ["A", "B"], "note": 1},
        ],
    }  # fmt: skip
    assert 'value="1.50"' in console.get(page)
    console.change(page, do="remove:n0")
    console.change(page, do="new-function:n0")
    function = {"n0.kind": "function", "n0.name": "isFine", "n0.tags": "risk", "n0.attach": "on"}
    console.change(page, **function, do="exit-simple:n0")
    assert console.draft["states"]["NEW"]["transitions"][0]["criterion"]["function"]["criterion"]["type"] == "simple"
    transition = at(draft, "part", "/states/NEW/transitions/0")
    processor = console.change(transition, add="yes", **{"new-name": "price"})
    given = {"name": "price", "mode": "ASYNC_NEW_TX", "tags": "gpu", "timeout": "500", "retry": "FIXED", "type": "x"}
    console.change(processor, save="yes", **given)
    assert console.draft["states"]["NEW"]["transitions"][0]["processors"] == [{
        "type": "x", "name": "price", "executionMode": "ASYNC_NEW_TX",
        "config": {
            "attachEntity": False, "calculationNodesTags": "gpu", "responseTimeoutMs": 500, "retryPolicy": "FIXED"
        },
    }]  # fmt: skip
    assert "no compute node with one of the tags" in console.get(transition)
    question = {"type": "function", "function": {"name": "f", "config": {}}}
    between = {"type": "simple", "jsonPath": "$.total", "operatorType": "BETWEEN", "value": [1, 2.5]}
    document = console.draft
    both = {"type": "group", "operator": "AND", "conditions": [between, question]}
    document["states"]["NEW"]["transitions"][0]["criterion"] = both
    console.change(draft + "json", document=json.dumps(document))
    for focus in ("", "/conditions/0/jsonPath", "/conditions/1/function/criterion"):
        assert "isFine" not in console.get(f"{page}&focus={focus}")
    console.change(draft + "act", do="delete", at="/states/NEW/transitions/0/processors/0")
    console.change(draft + "act", do="down", at="/states/NEW/transitions/0")
    assert [each["name"] for each in console.draft["states"]["NEW"]["transitions"]] == ["drop", "send"]
    for missing in ("/states/X", "/states/NEW/transitions/9", "/x", "/states/NEW/transitions/0/processors/0"):
        console.get(at(draft, "part", missing), 404)


def test_a_draft_as_json_is_checked_line_by_line_and_errors_keep_it_from_being_published(console: Console) -> None:
    draft = console.begin()
    wrong = json.dumps(LIFE | {"initialState": "NOWHERE"}, indent=2)
    issues = json.loads(console.change(draft + "check", 200, document=wrong))["issues"]
    assert (issues[0]["severity"], issues[0]["line"]) == ("ERROR", 4)
    assert json.loads(console.change(draft + "check", 200, document="{\n  x"))["issues"][0]["line"] == 2
    assert "This is no JSON" in console.change(draft + "json", 200, document="{")
    assert "which is an object too" in console.change(draft + "json", 200, document="[]")
    misshapen = LIFE | {"states": {"NEW": {"transitions": {}}, "B": 5}}
    page = console.change(draft + "json", 200, document=json.dumps(misshapen))
    assert all(pointer in page for pointer in ("/states/NEW/transitions: ", "/states/B: "))
    console.change(draft + "json", document=wrong)
    page = console.get(draft)
    assert "it cannot be published yet" in page
    assert "part?at=&amp;focus=begins" in page
    assert "autofocus" in console.get(draft + "part?at=&focus=begins")
    assert "is on line 4" in console.get(draft + "json?at=/initialState")
    assert 'value="yes">Publish' not in console.get(draft + "publish")
    console.change(draft + "publish", 200, mode="MERGE", publish="yes")
    assert console.in_force["life"]["initialState"] == "NEW"


def test_criteria_that_make_no_sense_are_shown_too(console: Console) -> None:
    draft = console.begin()
    for criterion in ODD:
        send = {"name": "send", "next": "NEW", "manual": True, "criterion": criterion}
        document = LIFE | {"criterion": criterion, "states": {"NEW": {"transitions": [send]}}}
        console.change(draft + "json", document=json.dumps(document))
        for page in (draft, at(draft, "criterion", "/states/NEW/transitions/0"), draft + "part", draft + "publish"):
            console.get(page)


def test_warnings_want_a_tick_and_what_others_imported_is_shown_before_it_is_overwritten(console: Console) -> None:
    draft = console.begin()
    console.change(draft + "act", do="add-state", name="LONELY")
    other = LIFE | {"name": "other", "active": False}
    console.ask("POST", "/model/order/1/workflow/import", {"workflows": [other]})
    page = console.change(draft + "publish", 409, mode="REPLACE", publish="yes", warnings="on")
    assert "were imported since the draft began" in page
    assert set(console.in_force) == {"life", "other"}
    console.change(draft + "publish", mode="REPLACE", onto="yes")
    assert "Tick that you have seen the warnings" in console.change(
        draft + "publish", 200, mode="REPLACE", publish="yes"
    )
    console.change(draft + "publish", mode="REPLACE", publish="yes", warnings="on")
    assert set(console.in_force) == {"life"}
    page = console.get("workflows/order/1/versions")
    assert ("other" in page, "removed" in page) == (True, True)


def test_an_import_is_shown_first_and_exports_are_the_apis_own_bytes(console: Console) -> None:
    other = LIFE | {"name": "other", "active": False}
    path = "workflows/order/1/import"
    text = json.dumps([other, LIFE | {"initialState": "X"}])
    page = console.post(path, 200, mode="REPLACE", workflows=text, look="yes")
    assert ("refused" in page, "initialState &quot;X&quot;" in page) == (True, True)
    page = console.post(path, 200, mode="REPLACE", workflows=json.dumps(other), look="yes")
    assert ("added" in page, "removed" in page) == (True, True)
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen is not None
    stale = console.post(path, 409, mode="REPLACE", workflows=text, seen=0, **{"import": "yes"})
    assert "Somebody has imported workflows" in stale
    console.post(path, mode="MERGE", workflows=json.dumps({"workflows": [other]}), seen=seen[1], **{"import": "yes"})
    assert set(console.in_force) == {"life", "other"}
    raw = console.node.answer(PRINCIPAL, "GET", "/model/order/1/workflow/export").whole()
    assert console.get("workflows/export?w=1/order/life&w=1/order/other").encode() == raw
    one = json.loads(console.get("workflows/export?w=1/order/other"))
    assert [each["name"] for each in one["workflows"]] == ["other"]
    console.post("workflows/order/1/other/switch", on="yes")
    assert console.in_force["other"]["active"] is True
    console.post("workflows/order/1/other/delete")
    assert set(console.in_force) == {"life"}
    assert "keeps at least one workflow" in console.get(console.post("workflows/order/1/life/delete"))
    newest = console.ask("GET", "/model/order/1/workflow/versions?limit=1")["versions"][0]["version"]
    assert "other" in console.get(f"workflows/order/1/versions?a={newest - 1}&b={newest}")
    assert "Put it back" in console.get(f"workflows/order/1/versions/{newest - 1}/restore")
    console.post(f"workflows/order/1/versions/{newest - 1}/restore", seen=newest)
    assert set(console.in_force) == {"life", "other"}


def test_a_document_is_tried_on_what_is_in_force_and_on_a_draft(console: Console) -> None:
    entity = console.ask("GET", "/entity/order/1?pageSize=1")[0]["meta"]["id"]
    page = console.get(f"workflows/order/1/simulate?entity={entity}")
    assert ("&quot;Ann&quot;" in page, '<option value="NEW" selected>' in page) == (True, True)
    sent = {"entity": '{"total": 2, "to": "B"}', "state": "NEW", "transition": "send", "members": "given"}
    assert "It would come to rest in SENT" in console.post("workflows/order/1/simulate", 200, **sent)
    draft = console.begin()
    automatic = {"name": "send", "source": "NEW", "next": "GONE", "taken": "automatic"}
    console.change(at(draft, "part", "/states/NEW/transitions/0"), save="yes", **automatic)
    tried = f"workflows/order/1/simulate?draft={WorkflowDraft.objects.get().pk}"
    assert "It would come to rest in GONE" in console.post(
        tried, 200, **sent | {"state": "", "transition": "", "answers": ""}
    )
    assert "It would be refused" in console.post("workflows/order/1/simulate", 200, **sent | {"transition": "lose"})
    assert console.ask("GET", "/entity/stats/states/order/1") == [
        {"modelName": "order", "modelVersion": 1, "state": "NEW", "count": 1}
    ]


def test_a_new_workflow_begins_as_a_draft_and_nobody_else_sees_it(
    console: Console, somebody: Make, acme: Organisation
) -> None:
    assert "order 1" in console.get("workflows/new")
    draft = console.post("workflows/new", model="order 1", name="second/one")
    assert "finish" in console.get(draft)
    other = Environment.of_tenant("other", organisation=acme, name="prod", state=Environment.State.READY)
    other.save()
    console.get(draft.replace("/e/dev/", "/e/prod/"), 404)
    eves = Organisation.objects.create(name="Eve's")
    somebody("eve@example.org", eves, Role.OWNER)
    browser = Browser()
    sign_in(browser, "eve@example.org")
    stranger = Environment.of_tenant("eves", organisation=eves, name="dev", state=Environment.State.READY)
    stranger.save()
    theirs = draft.replace(slug_of(acme), slug_of(eves))
    for page in ("", "json", "steps", "part", "criterion", "publish"):
        assert browser.get(theirs + page).status_code == 404
        assert browser.get(draft + page).status_code == 404
    for page in ("act", "check"):
        assert browser.post(theirs + page, {"do": "discard"}).status_code == 404
    assert WorkflowDraft.objects.count() == 1
