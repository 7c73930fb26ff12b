"""What stands around every page: search, the way to environments, help, preferences, failures (ui: 4.2-4.4)."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client as Browser
from django.urls import reverse

from tenants.models import Environment, Organisation, Person, Role, Visit
from tenants.ui.console.place import slug_of
from tenants.ui.shell.help_pages import topics
from tests.contract.tenants.people.conftest import Make, sign_in

FRAGMENT = {"X-Fragment": "found"}


def environment(organisation: Organisation, name: str, **values: Any) -> Environment:
    tenant = f"{organisation.name}-{name}"
    made = Environment.of_tenant(tenant, organisation=organisation, name=name, state=Environment.State.READY, **values)
    made.save()
    return made


@pytest.fixture
def dev(acme: Organisation) -> Environment:
    return environment(acme, "dev")


@pytest.fixture
def ann(browser: Browser, somebody: Make, acme: Organisation) -> User:
    user = somebody("ann@example.org", acme, Role.DEVELOPER)
    sign_in(browser, "ann@example.org")
    return user


@pytest.fixture
def foreign(somebody: Make) -> Environment:
    """Of an organisation in which Ann is not."""
    globex = Organisation.objects.create(name="Globex")
    somebody("gus@example.org", globex, Role.OWNER)
    return environment(globex, "secret")


def text(browser: Browser, path: str, **headers: Any) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return answer.content.decode()


# --- the way to environments ----------------------------------------------------------------------------------------


def test_environments_are_found_by_the_words_of_their_names(
    browser: Browser, ann: User, dev: Environment, acme: Organisation, foreign: Environment
) -> None:
    environment(acme, "prod", kind=Environment.Kind.PRODUCTION)
    for headers in ({}, FRAGMENT):
        found = text(browser, "/organisations?q=acme+pro", **headers)
        assert (">prod<" in found, ">dev<" in found) == (True, False)
        assert ">prod<" in text(browser, "/organisations?q=production", **headers)
        assert "secret" not in text(browser, "/organisations", **headers)
        assert "Globex" not in text(browser, "/organisations?q=glob", **headers)


def test_many_environments_come_in_pages_with_as_many_questions_as_few(
    browser: Browser, ann: User, acme: Organisation, django_assert_max_num_queries: Any
) -> None:
    Environment.objects.bulk_create(
        Environment.of_tenant(f"t{n}", organisation=acme, name=f"e{n}", state="ready") for n in range(500)
    )
    browser.get("/help/")  # that somebody is here is recorded once a minute
    with django_assert_max_num_queries(8):
        page = text(browser, "/organisations")
    assert (page.count("<tr>"), "Page 1 of 10" in page) == (51, True)
    with django_assert_max_num_queries(5):
        assert text(browser, "/organisations?q=e49", **FRAGMENT).count("<li>") == 11


def test_what_was_opened_and_what_is_a_favourite_comes_first(
    browser: Browser, ann: User, dev: Environment, foreign: Environment
) -> None:
    browser.get(reverse("console:overview", kwargs={"tenant": slug_of(dev.organisation), "name": "dev"}))
    assert "Seen last" in text(browser, "/organisations")
    answer = browser.post("/organisations/favourite", {"environment": dev.pk, "keep": "yes", "next": "/help/"})
    assert answer["Location"] == "/help/"
    assert "Favourites" in text(browser, "/organisations", **FRAGMENT)
    browser.post("/organisations/favourite", {"environment": dev.pk, "keep": "no"})
    assert "Favourites" not in text(browser, "/organisations", **FRAGMENT)
    for wrong in (foreign.pk, "x", ""):
        assert browser.post("/organisations/favourite", {"environment": wrong, "keep": "yes"}).status_code == 404
    assert Visit.objects.filter(environment=foreign).count() == 0


def test_a_favourite_is_gone_with_the_membership(browser: Browser, ann: User, dev: Environment) -> None:
    Visit.objects.create(person=Person.objects.get(user=ann), environment=dev, is_favourite=True)
    ann.memberships.all().delete()  # type: ignore[attr-defined] - the reverse of `user`
    assert "dev" not in text(browser, "/organisations", **FRAGMENT)


# --- search ---------------------------------------------------------------------------------------------------------


def test_a_search_finds_pages_actions_people_and_help_of_where_one_is(
    browser: Browser, ann: User, dev: Environment, acme: Organisation
) -> None:
    key = f"{slug_of(acme)}/dev"
    for headers in ({}, FRAGMENT):
        assert "/models/" in text(browser, f"/search?q=models&in={key}", **headers)
        assert "/models/new" in text(browser, f"/search?q=discover&in={key}", **headers)
        assert "ann@example.org" in text(browser, "/search?q=ann@", **headers)
        assert "/help/workflows" in text(browser, "/search?q=workflows", **headers)
    assert "/clients/" not in text(browser, f"/search?q=client&in={key}", **FRAGMENT)  # not for developers


@pytest.mark.parametrize("words", ["gus", "Globex", "secret", "3f2a9cd0-1b22-4000-8000-000000000000", "%00", "x" * 999])
def test_a_search_finds_nothing_of_another_organisation(
    browser: Browser, ann: User, foreign: Environment, words: str
) -> None:
    key = f"{slug_of(foreign.organisation)}"
    for headers in ({}, FRAGMENT):
        found = text(browser, f"/search?q={words}", **headers)
        assert f"/t/{key}" not in found
        assert "gus@" not in found
        for where in (key, f"{key}/secret", f"{slug_of(Organisation.objects.get(name='Acme'))}/secret", "%00", "a/b/c"):
            assert browser.get(f"/search?q={words}&in={where}", headers=headers).status_code == 404


# --- help -----------------------------------------------------------------------------------------------------------


def test_every_help_topic_is_a_page_whose_links_lead_on(browser: Browser, ann: User) -> None:
    index = text(browser, "/help/")
    for slug, topic in topics().items():
        assert f'href="/help/{slug}"' in index
        page = text(browser, f"/help/{slug}")
        assert (page.count("<h1>"), "<pre>" in page or "<p>" in page) == (1, True)
        for link in [part.partition('"')[0] for part in str(topic.body).split('href="')[1:]]:
            target = link.partition("#")[0]
            assert link.startswith(("http", "/")) or target in topics() or not target, (slug, link)
    assert browser.get("/help/nothing").status_code == 404


def test_help_is_searched_by_all_words(browser: Browser, ann: User) -> None:
    assert "/help/transitions" in text(browser, "/help/?q=transition+criterion")
    assert "No topic has all of the words" in text(browser, "/help/?q=transition+zebra")


# --- preferences ----------------------------------------------------------------------------------------------------


def test_moments_are_shown_in_the_zone_that_the_person_chose(browser: Browser, ann: User) -> None:
    wanted = {"time_zone": "Asia/Tokyo", "density": "compact"}
    assert " UTC</time>" in text(browser, "/me")
    assert browser.post("/me/preferences", wanted)["Location"] == "/me"
    page = text(browser, "/me")
    assert " JST</time>" in page
    assert '<body class="compact">' in page
    assert "<key-shortcuts off>" in page
    for wrong in ({"time_zone": "Mars/Base"}, {"density": "tiny"}):
        assert b"invalid-feedback" in browser.post("/me/preferences", wanted | wrong).content
    assert Person.objects.get(user=ann).time_zone == "Asia/Tokyo"


# --- failures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "status"), [(RuntimeError("boom"), 500), (OperationalError("gone"), 503)])
def test_a_failure_says_its_code_and_request_id(
    browser: Browser, ann: User, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
) -> None:
    def fail(*_: Any) -> None:
        raise fault

    monkeypatch.setattr("tenants.services.visits.favourites", fail)
    browser.raise_request_exception = False
    answer = browser.get("/organisations", headers={"X-Request-Id": "trace-7"})
    assert (answer.status_code, b"trace-7" in answer.content) == (status, True)
    assert b"boom" not in answer.content
    assert b'href="/organisations"' in answer.content


def test_what_is_not_there_is_said_in_the_frame(browser: Browser, ann: User) -> None:
    answer = browser.get("/nowhere", headers={"X-Request-Id": "trace-8"})
    assert (answer.status_code, b"trace-8" in answer.content, b"<search-palette" in answer.content) == (404, True, True)
