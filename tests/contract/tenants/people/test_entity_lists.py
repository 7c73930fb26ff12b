"""Lists of entities: conditions, columns and pages in the address; views, exports, searches (ui: 4.2-4.4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.test import Client as Browser

from cyoda.principal import Principal
from tenants.identity.keys import KeyPair
from tenants.models import Environment, Organisation, Role
from tenants.ui.console.place import slug_of
from tests.contract.http.conftest import signing_key
from tests.contract.tenants.people.conftest import SEVERAL_TRANSACTIONS, Make, sign_in
from tests.contract.tenants.people.serving import Served, served
from tests.contract.tenants.people.test_organisation import all_of

__all__ = ["signing_key"]  # a fixture

pytestmark = SEVERAL_TRANSACTIONS


@pytest.fixture
def node(browser: Browser, somebody: Make, dev: Environment, signing_key: KeyPair) -> Iterator[Served]:
    """With sixty orders, and a developer signed in."""
    somebody("ann@example.org", dev.organisation, Role.DEVELOPER)
    sign_in(browser, "ann@example.org")
    with served(signing_key) as node:
        owner = Principal(tenant="acme", user_id="u-1", kind="user", roles=("OWNER",))
        sample = {"name": "a", "price": 1.5, "tags": ["x"], "at": {"city": "=Oslo"}}
        orders = [sample | {"name": f"n{number}", "price": number + 0.5} for number in range(60)]
        for method, path, body in (
            ("POST", "/model/import/JSON/SAMPLE_DATA/order/1", sample),
            ("PUT", "/model/order/1/lock", None),
            ("POST", "/entity/JSON/order/1", orders),
        ):
            node.ask(owner, method, path, body)
        yield node


@pytest.fixture
def orders(node: Served, dev: Environment) -> str:
    """The address of the list."""
    return f"/t/{slug_of(dev.organisation)}/e/dev/entities/order/1/"


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def link(answer: Any, label: str) -> str:
    """Where the first link with a text leads."""
    (href,) = re.findall(rf'href="([^"]+)"[^>]*>\s*{label}\s*<', answer.content.decode())[:1]
    return unescape(href)


def names(answer: Any) -> list[str]:
    return re.findall(r"\bn\d+\b", text(answer).partition("The calls")[0])


def test_pages_go_forward_and_back_and_stay_where_they_are(browser: Browser, orders: str) -> None:
    first = browser.get(f"{orders}?size=25&view=")
    assert "1 to 25 of 60 entities" in text(first)
    second = browser.get(orders + link(first, "Next"))
    third = browser.get(orders + link(second, "Next"))
    assert "51 to 60 of 60 entities" in text(third)
    assert sorted(names(first) + names(second) + names(third)) == sorted(f"n{number}" for number in range(60))
    back = browser.get(orders + link(third, "Previous"))
    assert (names(back), "26 to 50 of 60" in text(back)) == (names(second), True)
    assert names(browser.get(orders + link(back, "Previous"))) == names(first)
    backwards = browser.get(f"{orders}?size=25&sort=@id:desc")
    assert names(backwards) == names(third)[::-1] + names(second)[:9:-1]
    assert names(browser.get(f"{orders}?sort=$.price:desc&size=25")) == [f"n{number}" for number in range(59, 34, -1)]
    assert "behind the last entity" in text(browser.get(f"{orders}?sort=$.price&start=900"))


def test_a_condition_is_built_by_buttons_and_by_json_alike(browser: Browser, orders: str) -> None:
    grown = browser.get(f"{orders}?c.g=AND&c.0.f=$.price&c.0.o=LESS_THAN&c.0.v=4&do=group:c&col=$.name")
    assert grown.status_code == 302
    form = browser.get(orders + grown["Location"].partition("#")[0])
    assert (form.content.count(b'class="condition-group"'), b'value="4"' in form.content) == (2, True)
    applied = browser.get(f"{orders}{grown['Location'].partition('#')[0]}&c.1.0.f=@state&c.1.0.v=CREATED&do=apply")
    query = parse_qs(urlsplit(applied["Location"]).query)
    condition = json.loads(query["q"][0])
    assert [test.get("jsonPath") for test in condition["conditions"]] == ["$.price", None]
    assert condition["conditions"][0]["value"] == 4
    shown = browser.get(orders + applied["Location"])
    assert sorted(names(shown)) == ["n0", "n1", "n2", "n3"]
    assert "price is less than 4" in text(shown)
    assert "1 to 4 of 4 entities" in text(shown)
    without = browser.get(orders + link(shown, "×"))
    assert "1 to 50 of 51 entities or more" in text(without)
    assert "1 to 50 of 60 entities" in text(browser.get(orders + link(without, "count them")))
    states = [{"type": "lifecycle", "field": "state", "operator": "EQUALS", "value": name} for name in ("CREATED", "X")]
    for operator, count in (("OR", "of 60 entities"), ("AND", "No entity matches")):
        both = quote(json.dumps({"type": "group", "operator": operator, "conditions": states}))
        assert count in text(browser.get(f"{orders}?q={both}"))
    nothing = quote(json.dumps({"type": "group", "operator": "OR", "conditions": []}))
    assert "No entity matches" in text(browser.get(f"{orders}?q={nothing}"))
    raw = quote(json.dumps({"type": "array", "jsonPath": "$.tags", "values": ["x"]}, indent=1))
    by_json = browser.get(orders + browser.get(f"{orders}?raw={raw}&do=json")["Location"])
    assert "1 to 50 of 51 entities or more" in text(by_json)
    assert "rows cannot show it: at / , a condition of type “array” has no form as a row" in text(by_json)
    broken = browser.get(f"{orders}?raw={quote('{' + chr(10) + ' x')}&do=json")
    assert "object keys must be strings (line 2, character 2)" in text(broken)
    gap = browser.get(f"{orders}?c.g=AND&c.0.f=$.price&c.0.o=BETWEEN&c.0.v=4&do=apply")
    assert "A range needs both ends." in text(gap)


def test_what_the_api_refuses_is_said_beside_the_form(browser: Browser, orders: str) -> None:
    wrong = browser.get(f"{orders}?c.g=AND&c.0.f=$.price&c.0.v=cheap&do=apply")
    refused = browser.get(orders + wrong["Location"])
    assert "CONDITION_TYPE_MISMATCH" in text(refused)
    assert b'value="cheap"' in refused.content
    assert "pointInTime" in text(browser.get(f"{orders}?at=yesterday"))
    assert "No entity matches." in text(browser.get(f"{orders}?at=2020-01-01T00:00:00Z"))
    plan = text(browser.get(f"{orders}?explain=1"))
    assert "looked at 60 entities, and 60 match" in plan
    columns = browser.get(f"{orders}?col=$.at.city&col=@id&col=$.tags[*]")
    assert "at.city" in text(columns)
    assert names(columns) == []


def hidden(answer: Any, action: str) -> dict[str, list[str]]:
    """The hidden fields of the first form whose action ends so."""
    form = re.findall(rf'<form[^>]*action="[^"]*{action}"[^>]*>(.*?)</form>', answer.content.decode(), re.DOTALL)[0]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form):
        fields.setdefault(unescape(name), []).append(unescape(value))
    return fields


def other(somebody: Make, organisation: Organisation, email: str, role: Role = Role.VIEWER) -> Browser:
    somebody(email, organisation, role)
    browser = Browser()
    sign_in(browser, email)
    return browser


def test_views_keep_filter_columns_and_moment_together_for_those_they_are_shared_with(
    browser: Browser, orders: str, somebody: Make, acme: Organisation
) -> None:
    where = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "CREATED"}
    listed = browser.get(f"{orders}?q={quote(json.dumps(where))}&col=$.price&at=2100-01-01T00:00:00Z")
    fields = hidden(listed, "views")
    saved = browser.post(f"{orders}views", {**fields, "title": "Made", "scope": "person"})
    assert saved.status_code == 303
    shown = browser.get(saved["Location"])
    assert "State is CREATED" in text(shown)
    assert ("as of 2100" in text(shown), "(changed)" in text(shown)) == (True, False)
    view_id = parse_qs(urlsplit(saved["Location"]).query)["view"][0]
    wider = browser.get(f"{saved['Location']}&col=$.name")
    assert "(changed)" in text(wider)
    assert "State is CREATED" in text(wider)
    browser.post(f"{orders}views/{view_id}", {**hidden(wider, view_id), "do": "change"})
    browser.post(f"{orders}views/{view_id}", {"do": "choose"})
    begins = browser.get(orders)
    assert parse_qs(urlsplit(begins["Location"]).query)["col"] == ["$.price", "$.name"]
    assert "1 to 50 of 60 entities" in text(browser.get(f"{orders}?view="))
    bob = other(somebody, acme, "bob@example.org")
    assert "Made" not in text(bob.get(orders))
    renamed = browser.post(f"{orders}views/{view_id}", {"do": "rename", "title": "Ours", "scope": "organisation"})
    assert renamed.status_code == 303
    assert "Ours" in text(bob.get(orders))
    assert "Shared by" in text(bob.get(f"{orders}views"))
    for act in ({"do": "delete"}, {"do": "rename", "title": "x", "scope": "person"}, {"do": "change"}, {"do": "?"}):
        assert bob.post(f"{orders}views/{view_id}", act).status_code == 404
    assert bob.post(f"{orders}views/{view_id}", {"do": "choose"}).status_code == 303
    assert bob.get(orders).status_code == 302
    browser.post(f"{orders}views/{view_id}", {"do": "rename", "title": "Mine", "scope": "person"})
    assert bob.get(orders).status_code == 200
    browser.post(f"{orders}views/{view_id}", {"do": "delete"})
    assert browser.get(orders).status_code == 200


def ended(browser: Browser, address: str) -> Any:
    """The page of a search that is no longer running."""
    for _ in range(200):
        answer = browser.get(address)
        if "http-equiv" not in answer.content.decode():
            return answer
    raise AssertionError("it runs for ever")


def test_a_list_is_taken_away_as_a_file_by_a_job_that_only_its_organisation_sees(
    browser: Browser, orders: str, somebody: Make, node: Served
) -> None:
    columns = "col=$.name&col=$.at.city&col=$.price&col=$.tags[*]"
    listed = browser.get(f"{orders}?{columns}&sort=$.price:desc")
    started = browser.post(f"{orders}export", {**hidden(listed, "export"), "format": "csv"})
    address = started["Location"]
    page = ended(browser, address)
    assert "60 entities in" in text(page)
    sent: Any = browser.get(link(page, r"Download the file \(CSV\)"))
    assert sent["Content-Type"].startswith("text/csv")
    lines = b"".join(async_to_sync(all_of)(sent.streaming_content)).decode().splitlines()
    assert lines[0] == "id,name,at.city,price,tags[*]"
    assert lines[1].partition(",")[2] == "n59,'=Oslo,59.5,x"
    assert len(lines) == 61
    whole = browser.post(f"{orders}export", {**hidden(listed, "export"), "format": "jsonl"})["Location"]
    ended(browser, whole)
    sent = browser.get(f"{whole}file")
    first = json.loads(b"".join(async_to_sync(all_of)(sent.streaming_content)).splitlines()[0])
    assert first["data"]["price"] == 59.5
    assert browser.post(f"{whole}cancel").status_code == 303
    searched = browser.post(f"{orders}search", hidden(listed, "1/search"))["Location"]
    results = ended(browser, searched)
    assert names(results) == [f"n{number}" for number in range(59, 9, -1)]
    assert names(browser.get(searched.partition("?")[0] + link(results, "Next"))) == [f"n{n}" for n in range(9, -1, -1)]
    search = searched.partition("?")[0]
    again = browser.post(f"{search}act", {"do": "rerun"})["Location"]
    assert again != search
    environment = orders.partition("entities/")[0]
    jobs = text(browser.get(f"{environment}jobs/"))
    assert (jobs.count(" Export "), jobs.count("order 1: everything")) == (2, 4)
    assert text(browser.get(f"{environment}searches/")).count("order 1: everything") == 4
    eve = other(somebody, Organisation.objects.create(name="Eve's"), "eve@example.org", Role.OWNER)
    for path in (address, f"{address}file", search, f"{environment}jobs/", f"{environment}searches/"):
        assert eve.get(path).status_code == 404
    elsewhere = Environment.of_tenant(
        "eve", organisation=Organisation.objects.get(name="Eve's"), name="dev", state=Environment.State.READY
    )
    elsewhere.save()
    own = f"/t/{slug_of(elsewhere.organisation)}/e/dev/"
    for path in (address, f"{address}file", search):
        assert eve.get(own + path.partition("/e/dev/")[2]).status_code == 404
