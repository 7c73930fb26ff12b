"""The start page, an environment's overview, search and set-up over a node with data in it (ui: 4.2-4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from cyoda.cluster.membership import ConnectedMember, NodeInfo, View
from tenants.identity.keys import KeyPair
from tenants.models import AuditEvent, Environment, Membership, Notice, Organisation, Role
from tenants.services.backends import ensure_local
from tenants.services.tiers import ensure_tiers
from tenants.ui.console.place import slug_of
from tests.contract.http.conftest import signing_key
from tests.contract.tenants.people.conftest import PASSWORD, SEVERAL_TRANSACTIONS, Make, ready_environment, sign_in
from tests.contract.tenants.people.serving import Served, served
from tests.contract.tenants.people.test_organisation import at, of

__all__ = ["signing_key"]  # a fixture

pytestmark = SEVERAL_TRANSACTIONS


@pytest.fixture
def acme(database: None) -> Organisation:
    ensure_tiers()
    ensure_local()
    return Organisation.objects.create(name="Acme")


@pytest.fixture
def dev(acme: Organisation) -> Environment:
    return ready_environment(acme, str(uuid4()))


@pytest.fixture
def view() -> View:
    """What the node knows of its cluster."""
    return View("node-1")


@pytest.fixture
def node(database: None, signing_key: KeyPair, view: View) -> Iterator[Served]:
    with served(signing_key, view=view) as node:
        yield node


@pytest.fixture
def operator(browser: Browser, database: None) -> Browser:
    User.objects.create_superuser("root", "root@example.org", PASSWORD)
    ensure_tiers()
    ensure_local()
    sign_in(browser, "root")
    return browser


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_first_steps_tick_themselves_and_the_sample_is_found(
    owner: Browser, node: Served, dev: Environment, acme: Organisation, somebody: Make
) -> None:
    before = text(owner.get(of("overview", dev)))
    assert (before.count('class="done"'), "Load the sample" in before) == (0, True)
    owner.post(of("sample", dev))
    owner.post(of("sample", dev))  # again, for what is missing: nothing
    after = text(owner.get(of("overview", dev)))
    assert (after.count('class="done"'), "ACCEPTED 1" in after, "200" in after) == (4, True, True)
    assert "need a member tagged “orders”" in after
    assert "First steps" in text(owner.get("/"))
    key = f"{slug_of(acme)}/dev"
    for words in (f"order&in={key}", "order"):
        hits = text(owner.get(f"/search?q={words}", headers={"X-Fragment": "found"}))
        assert of("model", dev, model="order", version=1) in hits
        assert of("workflow", dev, model="order", version=1, workflow="order-life") in hits
    listed = text(owner.get(of("entities", dev, model="order", version=1)))
    found = re.search(r"/entities/([0-9a-f-]{36})/", listed)
    assert found is not None
    page = of("entity", dev, entity_id=found[1])
    assert page in text(owner.get(f"/search?q={found[1]}"))
    somebody("eve@example.org", Organisation.objects.create(name="Eve's"), Role.OWNER)
    eve = Browser()
    sign_in(eve, "eve@example.org")
    assert page not in text(eve.get(f"/search?q={found[1]}"))
    assert eve.get(f"/search?q={found[1]}&in={key}").status_code == 404


def test_what_needs_attention_stands_first_on_the_start_page(owner: Browser, acme: Organisation) -> None:
    def environment(name: str, **values: Any) -> Environment:
        made = Environment.of_tenant(name, organisation=acme, name=name, **values)
        made.save()
        return made

    environment("broken", state="failed")
    environment("again", state="failed")
    environment("again-2", state="ready")
    Environment.objects.filter(name="again-2").update(name="again")
    environment("short", state="ready", expires_at=timezone.now() + timedelta(days=3))
    full = environment("full", state="ready")
    for threshold in (80, 100):
        now = timezone.now()
        Notice.objects.create(
            environment=full, entitlement="API_REQUEST", threshold=threshold, period_started_at=now, used=threshold,
            limit=100, created_at=now,
        )  # fmt: skip
    Organisation.objects.filter(pk=acme.pk).update(state="suspended")
    page = text(owner.get("/"))
    shown = re.findall(r"<strong>([^<]*)</strong> <span>([^<]*)</span>", page)
    assert {where for where, _ in shown[:3]} == {"Acme/broken", "Acme", "Acme/full"}
    assert [what for where, what in shown if where == "Acme/full"] == ["The limit of requests is reached: 100 of 100."]
    assert [what for where, what in shown if where == "Acme/short"] == ["It ends in 2 days, with all its data."]
    assert "Acme/again" not in dict(shown)


def test_the_settings_of_an_environment_and_its_organisation(
    owner: Browser, node: Served, dev: Environment, acme: Organisation
) -> None:
    assert "What cannot be undone" in text(owner.get(of("settings", dev)))
    owner.post(of("settings", dev), {"kind": "production"})
    dev.refresh_from_db()
    assert dev.kind == "production"
    assert "kind-production" in text(owner.get(of("connect", dev)))
    owner.post(at("settings", acme), {"name": "Acme & Sons"})
    acme.refresh_from_db()
    assert acme.name == "Acme & Sons"
    assert "Acme &amp; Sons" in text(owner.get(at("settings", acme)))
    assert list(AuditEvent.objects.values_list("action", flat=True)[:2]) == ["renamed", "kind changed"]
    for page, wrong in ((of("settings", dev), {"kind": "x"}), (at("settings", acme), {"name": ""})):
        assert "invalid-feedback" in text(owner.post(page, wrong))


def test_who_is_no_owner_changes_no_settings(browser: Browser, somebody: Make, dev: Environment) -> None:
    somebody("dan@example.org", dev.organisation, Role.DEVELOPER)
    sign_in(browser, "dan@example.org")
    for page in (of("settings", dev), at("settings", dev.organisation)):
        assert browser.get(page).status_code == 403
        assert browser.post(page, {"kind": "production", "name": "Mine"}).status_code == 403


def test_the_platform_is_set_up_step_by_step(operator: Browser, node: Served, somebody: Make) -> None:
    others = Organisation.objects.create(name="Others")
    somebody("otto@example.org", others, Role.OWNER)
    Environment.of_tenant("others", organisation=others, name="theirs", state=Environment.State.READY).save()
    Membership.objects.create(user=User.objects.get(username="root"), organisation=others, role=Role.VIEWER)
    assert "An organisation with an environment" in text(operator.get("/setup/"))
    assert "invalid-feedback" in text(operator.post("/setup/", {"organisation": "Acme", "environment": "A B"}))
    assert Organisation.objects.count() == 1
    wanted = {"organisation": "Acme", "environment": "first", "kind": "development"}
    secret = text(operator.post("/setup/", wanted))
    assert ("first is being made" in secret, 'href="/setup/"' in secret) == (True, True)
    assert Membership.objects.get(organisation__name="Acme").role == Role.OWNER
    waiting = operator.get("/setup/")
    assert (waiting["Refresh"], "Acme/first" in text(waiting)) == ("2", True)
    Environment.objects.update(state="ready")
    assert "Load the sample" in text(operator.get("/setup/"))
    environment = Environment.objects.get(name="first")
    assert operator.post(of("sample", environment), {"next": "/setup/"})["Location"] == "/setup/"
    ready = text(operator.get("/setup/"))
    assert ("Load the sample" in ready, of("entities", environment, model="order", version=1) in ready) == (False, True)


def test_every_node_of_the_cluster_is_listed(operator: Browser, node: Served, view: View) -> None:
    other = NodeInfo(id="node-2", http="http://two", grpc="two:1", peer="two:2", version="9.9", capacity=1)
    view.put(other, [ConnectedMember(id=uuid4(), tenant="t", tags=("orders",))])
    page = text(operator.get("/cluster/"))
    assert ("node-2" in page, "http://two" in page, ">orders</th>" in page) == (True, True, True)


def test_the_cluster_is_for_operators(operator: Browser, node: Served, somebody: Make, acme: Organisation) -> None:
    page = text(operator.get("/cluster/"))
    assert ("node-1" in page, "No member is connected." in page) == (True, True)
    somebody("ann@example.org", acme, Role.OWNER)
    ann = Browser()
    sign_in(ann, "ann@example.org")
    for path in ("/cluster/", "/setup/"):
        answer = ann.get(path)
        assert (answer.status_code, b"Not allowed" in answer.content) == (403, True)


def test_without_a_data_plane_the_start_page_still_answers(owner: Browser, dev: Environment) -> None:
    assert of("overview", dev) in text(owner.get("/"))
    assert owner.get(of("overview", dev)).status_code == 503
