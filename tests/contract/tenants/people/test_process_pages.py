"""Pages of runs, members and messages over a node in this process (ui: 4.2)."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from django.test import Client as Browser

from cyoda.principal import system_principal
from cyoda.runtime import Node
from tenants.models import Application, Client, Environment
from tenants.ui.console.place import slug_of
from tests.contract.http.compute import InProcessMember
from tests.contract.tenants.people.serving import Served, served_alone

T = TypeVar("T")


@dataclass
class Here:
    """A node, and an owner's browser."""

    served: Served
    browser: Browser
    base: str

    @property
    def node(self) -> Node:
        return self.served.node

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self.served.run(act)

    def api(self, method: str, path: str, body: object = None) -> Any:
        answer = self.served.answer(system_principal("acme"), method, path, body)
        return json.loads(answer.whole() or b"null")

    def page(self, path: str, status: int = 200) -> str:
        answer = self.browser.get(self.base + path)
        assert answer.status_code == status, answer.content
        return answer.content.decode()


@pytest.fixture
def here(owner: Browser, dev: Environment) -> Iterator[Here]:
    with served_alone() as served:
        yield Here(served, owner, f"/t/{slug_of(dev.organisation)}/e/dev/")


WORKS = {"name": "<price>", "executionMode": "SYNC", "config": {"calculationNodesTags": "orders"}}
FLOW = {
    "version": "1.3", "name": "w", "initialState": "A",
    "states": {"A": {"transitions": [{"name": "go", "next": "B", "manual": True, "processors": [WORKS]}]}, "B": {}},
}  # fmt: skip


def ordered(here: Here) -> str:
    """An order in state A."""
    here.api("POST", "/model/import/JSON/SAMPLE_DATA/order/1", {"n": 1})
    here.api("PUT", "/model/order/1/lock")
    here.api("POST", "/model/order/1/workflow/import", {"importMode": "REPLACE", "workflows": [FLOW]})
    return here.api("POST", "/entity/JSON/order/1", {"n": 1})[0]["entityIds"][0]


def test_a_run_is_found_and_looked_into(here: Here) -> None:
    assert "No workflow has run here yet" in here.page("runs/")
    order = ordered(here)
    here.api("PUT", f"/entity/JSON/{order}/go", {"n": 1})  # nobody answers
    here.run(_joined(here.node))
    here.api("PUT", f"/entity/JSON/{order}/go", {"n": 2})
    moved = here.api("GET", f"/entity/{order}")["meta"]["transactionId"]
    listed = here.page("runs/")
    assert (listed.count('id="run-'), "&lt;price&gt;" in listed, "no matching calculation member" in listed) == (
        3, True, True
    )  # fmt: skip
    assert here.page("runs/?status=FAILED&processor=nobody").count("No run fits the filter") == 1
    assert here.page("runs/?errors_only=on").count('id="run-') == 1
    shown = here.page(f"runs/{moved}/?zoom=4")
    assert "zoom-4" in shown
    assert "Processor &quot;&lt;price&gt;&quot; completed" in shown
    assert f"{order}/?tx={moved}" in shown
    assert "There is no such thing here" in here.page(f"runs/{order}/", 404)


async def _joined(node: Node) -> None:
    InProcessMember(node, tags=("orders",))


def test_a_run_of_thousands_of_steps_is_shown_in_parts(here: Here) -> None:
    ordered(here)
    here.api("POST", "/entity/JSON/order/1?transactionWindow=1000", [{"n": n} for n in range(180)])
    newest = here.api("GET", "/audit/transactions")["items"][0]
    assert (newest["entities"], newest["status"]) == (180, "FINISHED")
    first = here.page(f"runs/{newest['transactionId']}/")
    assert "Steps 1 to 500 of 540" in first
    assert first.count('id="step-') == 500
    assert "Steps 501 to 540 of 540" in here.page(f"runs/{newest['transactionId']}/?from=501")


def test_members_tell_who_answers_and_what_waits_for_nobody(here: Here) -> None:
    assert "No member has joined yet" in here.page("members/")
    order = ordered(here)
    assert "No member with the tag orders." in here.page("members/")
    here.run(_joined(here.node))
    here.api("PUT", f"/entity/JSON/{order}/go", {"n": 2})
    (member,) = here.api("GET", "/members")["members"]
    shown = here.page("members/")
    assert (f"member-{member['id']}" in shown, "No member with" in shown, "1 online" in shown) == (True, False, True)
    assert (member["outcomes"], member["state"], member["p95Millis"] > 0) == ({"answered": 1}, "online", True)
    here.node.members.remove(here.node.members.members()[0])
    assert "the connection ended" in here.page("members/?tag=orders")
    assert "No member has joined with this tag" in here.page("members/?tag=other")


def test_a_members_credentials_are_shown_once_and_end(here: Here) -> None:
    made = here.browser.post(here.base + "members/token", {"label": "pricing", "days": "7"})
    assert ("no-store" in made["Cache-Control"], b"The member can sign in" in made.content) == (True, True)
    client = Client.objects.get(label="pricing")
    assert client.expires_at is not None
    assert client.roles == ["ROLE_M2M"]
    assert here.browser.post(here.base + "members/token", {"label": "x", "days": "0"}).status_code == 200
    assert Client.objects.count() == 1


def test_a_message_is_sent_found_read_and_deleted(here: Here) -> None:
    assert "No message yet" in here.page("messages/")
    values = {"subject": "orders.created", "payload": '{"no": 1.50, "text": "<b>"}', "metadata": '{"region": "EU"}'}
    sent = here.browser.post(here.base + "messages/new", values)
    where = sent["Location"]
    shown = here.browser.get(where).content.decode()
    assert all(text in shown for text in ("orders.created", "1.50", "&lt;b&gt;", "region"))
    assert here.browser.get(where + "download").content == b'{"no":1.50,"text":"<b>"}'
    message_id = where.rstrip("/").rpartition("/")[2]
    assert message_id in here.page("messages/")
    assert here.browser.get(f"{here.base}messages/?id={message_id}")["Location"] == where
    assert "This is no id of a message" in here.page("messages/?id=x", 400)
    for wrong in ({"payload": "{"}, {"metadata": "[]"}, {"subject": ""}):
        answer = here.browser.post(here.base + "messages/new", values | wrong)
        assert (answer.status_code, b"invalid-feedback" in answer.content) == (200, True)
    assert here.browser.post(where + "delete")["Location"] == here.base + "messages/"
    assert here.browser.get(where).status_code == 404


def test_an_application_is_looked_at_and_changed(here: Here) -> None:
    environment = Environment.objects.get(name="dev")
    values = {"name": "pricing", "command": ["run"], "variables": b"", "revision": 1}
    row = Application.objects.create(environment=environment, **values)
    assert "pricing" in here.page("applications/")
    assert "It has written nothing yet" in here.page("applications/pricing/")
    here.page("applications/other/", 404)
    act = here.base + "applications/pricing/act"
    for change in ({"replicas": "3", "scale": "yes"}, {"replicas": "x", "scale": "yes"}, {"stop": "yes"}):
        assert here.browser.post(act, change)["Location"] == here.base + "applications/pricing/"
    row.refresh_from_db()
    assert (row.replicas, row.is_stopped) == (3, True)
    here.browser.post(act, {"restart": "yes"})
    row.refresh_from_db()
    assert (row.revision, row.is_stopped) == (2, False)
