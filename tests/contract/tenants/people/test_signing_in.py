"""Signing in on the pages: passwords, lock-out, the closed sign-up, the back office, sessions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client as Browser

from cyoda.clock import system_clock
from cyoda.errors import TooManyRequests
from tenants.models import AuditEvent, Environment, Organisation
from tenants.services.sign_in import Visitor
from tenants.services.sign_in import sign_in as sign_in_by_api
from tests.contract.tenants.people.conftest import PASSWORD, Make, is_signed_in, sign_in

PAGES_OF_THE_SIGNED_IN = ("/", "/me", "/me/password", "/me/sessions")


def text(answer: Any) -> str:
    return answer.content.decode()


def test_a_password_opens_the_pages_and_signing_out_closes_them(browser: Browser, somebody: Make) -> None:
    somebody("ann@example.org")
    for path in PAGES_OF_THE_SIGNED_IN:
        assert browser.get(path)["Location"] == f"/login?next={path}"
    assert sign_in(browser, "Ann@example.org")["Location"] == "/"
    for path in PAGES_OF_THE_SIGNED_IN:
        assert browser.get(path).status_code == 200, path
    assert browser.post("/logout")["Location"] == "/login"
    assert not is_signed_in(browser)


def test_the_page_after_sign_in_shows_what_the_person_belongs_to(
    browser: Browser, somebody: Make, acme: Organisation
) -> None:
    globex = Organisation.objects.create(name="Globex")
    for organisation, tenant, state in ((acme, "acme-dev", "ready"), (acme, "gone", "deleted"), (globex, "g", "ready")):
        Environment.of_tenant(tenant, organisation=organisation, name=tenant, state=state).save()
    somebody("ann@example.org", acme)
    sign_in(browser, "ann@example.org")
    page = text(browser.get("/"))
    assert ("Acme" in page, "acme-dev" in page, "gone" in page, "Globex" in page) == (True, True, False, False)


def test_wrong_names_and_wrong_passwords_look_alike(somebody: Make) -> None:
    somebody("ann@example.org")
    wrong = [sign_in(Browser(), name, "no") for name in ("ann@example.org", "bob@example.org")]
    pages = [text(answer).replace("ann@", "x@").replace("bob@", "x@") for answer in wrong]
    assert [answer.status_code for answer in wrong] == [200, 200]
    assert 'role="alert"' in pages[0]
    without_tokens = [[line for line in page.splitlines() if "csrfmiddlewaretoken" not in line] for page in pages]
    assert without_tokens[0] == without_tokens[1]


def test_after_five_failures_the_right_password_is_refused_too(browser: Browser, somebody: Make) -> None:
    somebody("ann@example.org")
    for number in range(5):
        sign_in(browser, "ANN@example.org", "no", headers={"host": f"host-{number}.example.org"})
    answer = sign_in(Browser(), "ann@example.org")
    assert (answer.status_code, "Too many" in text(answer)) == (200, True)
    with pytest.raises(TooManyRequests):
        sign_in_by_api(
            "ann@example.org",
            PASSWORD,
            otp=None,
            environment=None,
            visitor=Visitor(address="10.0.0.9"),
            clock=system_clock,
        )
    somebody("bob@example.org")
    assert sign_in(browser, "bob@example.org").status_code == 302


def test_the_counters_are_shared_through_the_database(browser: Browser) -> None:
    sign_in(browser, "ann@example.org", "no")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cyoda_cache WHERE cache_key LIKE '%login_failed%' AND expires > now()")
        assert cursor.fetchone()[0] == 2  # by name and by address
    cache.clear()


def test_forwarded_addresses_count_only_behind_trusted_proxies(browser: Browser, settings: Any) -> None:
    def failures(number: int) -> list[bool]:
        cache.clear()
        answers = [
            sign_in(browser, f"name-{n}", "no", headers={"x-forwarded-for": f"10.0.0.{n}"}) for n in range(number)
        ]
        return ["Too many" in text(answer) for answer in answers]

    assert failures(11) == [False] * 10 + [True]
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    assert failures(11) == [False] * 11


def test_nobody_signs_up(browser: Browser) -> None:
    form = {"username": "eve", "email": "eve@example.org", "password1": PASSWORD, "password2": PASSWORD}
    assert "By invitation only" in text(browser.get("/sign-up"))
    assert "By invitation only" in text(browser.post("/sign-up", form))
    assert not User._default_manager.exists()


def test_forms_without_their_token_are_refused(somebody: Make) -> None:
    somebody("ann@example.org")
    strict = Browser(enforce_csrf_checks=True)
    assert sign_in(strict, "ann@example.org").status_code == 403


@pytest.mark.parametrize("target", ["https://evil.example.org/", "//evil.example.org", "javascript:alert(1)"])
def test_sign_in_and_theme_lead_nowhere_else(browser: Browser, somebody: Make, target: str) -> None:
    somebody("ann@example.org")
    answer = browser.post(f"/login?next={target}", {"login": "ann@example.org", "password": PASSWORD, "next": target})
    assert answer["Location"] == "/"
    assert browser.post("/theme", {"theme": "dark", "next": target})["Location"] == "/"


def test_the_chosen_theme_is_remembered(browser: Browser) -> None:
    assert 'data-bs-theme="system"' in text(browser.get("/login"))
    assert browser.post("/theme", {"theme": "dark", "next": "/login"})["Location"] == "/login"
    assert 'data-bs-theme="dark"' in text(browser.get("/login"))
    browser.post("/theme", {"theme": '"><script>', "next": "/login"})
    assert 'data-bs-theme="dark"' in text(browser.get("/login"))


def test_the_back_office_signs_in_on_the_same_page_and_is_for_staff(browser: Browser, somebody: Make) -> None:
    ann = somebody("ann@example.org")
    assert browser.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/login?next=")
    login = browser.get("/admin/", follow=True).redirect_chain[-1][0]
    browser.post(login, {"login": "ann@example.org", "password": PASSWORD})
    assert browser.get("/admin/tenants/organisation/", follow=True).status_code == 403
    ann.is_staff = ann.is_superuser = True
    ann.save()
    assert browser.get("/admin/tenants/organisation/").status_code == 200
    assert browser.get("/admin/password_change/")["Location"] == "/me/password"
    assert browser.post("/admin/logout/")["Location"] == "/login"
    assert not is_signed_in(browser)


def test_other_sessions_are_shown_and_ended(browser: Browser, somebody: Make) -> None:
    somebody("ann@example.org")
    other = Browser(headers={"user-agent": "Lynx/2.9"})
    for each in (browser, other):
        sign_in(each, "ann@example.org")
    assert "Lynx/2.9" in text(browser.get("/me/sessions"))
    browser.post("/me/sessions")
    assert (is_signed_in(browser), is_signed_in(other)) == (True, False)


def test_a_new_password_ends_the_other_sessions_and_is_recorded(browser: Browser, somebody: Make) -> None:
    ann, other = somebody("ann@example.org"), Browser()
    for each in (browser, other):
        sign_in(each, "ann@example.org")
    form = {"oldpassword": PASSWORD, "password1": "another passphrase 8", "password2": "another passphrase 8"}
    assert browser.post("/me/password", form | {"oldpassword": "no"}).status_code == 200
    assert browser.post("/me/password", form)["Location"] == "/me"
    assert (is_signed_in(browser), is_signed_in(other)) == (True, False)
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.target_id) == ("password changed", str(ann.person.id))  # type: ignore[attr-defined]


def test_a_name_is_changed_and_recorded(browser: Browser, somebody: Make) -> None:
    ann = somebody("ann@example.org")
    sign_in(browser, "ann@example.org")
    browser.post("/me", {"first_name": "Ann", "last_name": "Lee"})
    ann.refresh_from_db()
    event = AuditEvent.objects.first()
    assert event is not None
    assert (ann.get_full_name(), event.action, event.after) == (
        "Ann Lee",
        "renamed",
        {"firstName": "Ann", "lastName": "Lee"},
    )
