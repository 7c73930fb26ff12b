"""People in a browser: invited, signing in by password, second factor and provider, working the back office."""

from __future__ import annotations

import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

from tests.browser.conftest import ADMIN, ADMIN_PASSWORD, PASSWORD, Site, Visit, Visits, invite, new_operator, operator
from tests.browser.looks import check
from tests.nodes import TENANT

PAGES = ("/", "/me", "/me/password", "/me/sessions", "/me/second-factor/app/activate/")
PAGES_FOR_ALL = (
    "/login",
    "/password-reset",
    "/password-reset/sent",
    "/sign-up",
    "/nowhere",
    "/setup/x",
    "/invitations/x",
)


def code_of(secret: str, *, steps_ahead: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps_ahead))


def sign_out(browser: Visit) -> None:
    browser.page.get_by_role("button", name="My account and more").click()
    browser.click("Sign out")


@pytest.fixture
def member(visit: Visits) -> Visit:
    """Somebody who was invited and has made a login, `<name of the test>@example.org`."""
    link = invite(operator(visit), f"member-{time.time_ns()}@example.org")
    browser = visit()
    browser.open(link)
    browser.send(first_name="Ann", last_name="Lee", password=PASSWORD)
    return browser


def email_of(browser: Visit) -> str:
    browser.open("/me")
    return browser.page.locator("dl dd").first.inner_text()


def test_an_operator_signs_in_works_the_back_office_and_signs_out(visit: Visits) -> None:
    office = new_operator(visit)
    assert office.path == "/admin/"
    office.open("/admin/tenants/organisation/")
    assert TENANT in office.text
    invite(office, "somebody@example.org")
    office.open("/admin/tenants/invitation/")
    assert "somebody@example.org" in office.text
    office.open("/admin/tenants/auditevent/")
    assert "invited" in office.text
    office.open("/me")
    sign_out(office)
    assert office.path == "/login"
    office.open("/admin/tenants/organisation/")
    assert office.path.startswith("/login?next=")


def test_the_invited_make_a_login_and_see_their_organisation(member: Visit) -> None:
    assert (member.path, member.heading) == ("/", "Start page")
    assert TENANT in member.text
    assert "Developer" in member.text
    email = email_of(member)
    member.open("/admin/tenants/organisation/")
    assert member.heading == "Not allowed"
    member.open("/")
    sign_out(member)
    member.send(login=email, password="wrong")
    assert "not correct" in member.page.get_by_role("alert").inner_text()
    member.send(password=PASSWORD)
    assert member.heading == "Start page"


def test_a_second_factor_is_turned_on_and_asked_for(member: Visit) -> None:
    email = email_of(member)
    member.click("Turn on")
    assert member.heading == "Confirm it is you"
    member.send(password=PASSWORD)
    secret = member.page.locator("code.secret").inner_text()
    member.send(code=code_of(secret))
    assert member.heading == "Recovery codes"
    recovery_code = member.page.locator(".codes code").first.inner_text()

    sign_out(member)
    member.send(login=email, password=PASSWORD)
    assert (member.heading, member.path) == ("Second factor", "/me/second-factor/authenticate/")
    member.send(code="000000")
    assert "Incorrect code" in member.text
    member.send(code=code_of(secret, steps_ahead=1))  # the present one is used up
    assert member.heading == "Start page"

    sign_out(member)
    member.send(login=email, password=PASSWORD)
    member.send(code=recovery_code)
    assert member.heading == "Start page"


def by_provider(browser: Visit, email: str) -> None:
    browser.open("/login")
    browser.click("Continue with Example SSO")
    browser.page.locator("[name=email]").fill(email)
    browser.page.locator("[name=ok]").click()


def test_the_invited_sign_in_with_the_provider_without_a_password(visit: Visits) -> None:
    invite(operator(visit), "olga@example.org", "Viewer")
    browser = visit()
    by_provider(browser, "Olga@example.org")
    assert browser.heading == "Start page"
    assert (TENANT in browser.text, "Viewer" in browser.text) == (True, True)
    assert email_of(browser) == "olga@example.org"
    sign_out(browser)
    by_provider(browser, "Olga@example.org")
    assert browser.heading == "Start page"


def test_a_known_address_signs_in_to_the_same_login_with_its_second_factor(member: Visit, visit: Visits) -> None:
    email = email_of(member)
    member.click("Turn on")
    member.send(password=PASSWORD)
    secret = member.page.locator("code.secret").inner_text()
    member.send(code=code_of(secret))
    browser = visit()
    by_provider(browser, email)
    assert browser.heading == "Second factor"
    browser.send(code=code_of(secret, steps_ahead=1))
    assert email_of(browser) == email


def test_strangers_and_addresses_that_nobody_vouches_for_stay_out(visit: Visits, site: Site) -> None:
    invite(operator(visit), "pending@example.org")
    site.provider.unverified.add("pending@example.org")
    for email in ("eve@example.org", "pending@example.org"):
        browser = visit()
        by_provider(browser, email)
        assert browser.heading == "By invitation only"
        browser.open("/me")
        assert browser.path == "/login?next=/me"


def test_a_provider_that_fails_is_said_to(visit: Visits, site: Site) -> None:
    browser = visit()
    site.provider.refuses_tokens = True
    try:
        by_provider(browser, "eve@example.org")
    finally:
        site.provider.refuses_tokens = False
    assert browser.heading == "Sign-in failed"


def test_a_forgotten_password_is_reset_by_mail(member: Visit, visit: Visits) -> None:
    email = email_of(member)
    browser = visit()
    browser.open("/login")
    browser.click("Forgot your password?")
    browser.send(email=email)
    assert browser.heading == "Check your mail"
    browser.open(browser.site.mailbox.link(email))
    browser.send(password1="another passphrase 8", password2="another passphrase 8")
    assert browser.heading == "Password changed"
    browser.click("Sign in")
    browser.send(login=email, password="another passphrase 8")
    assert browser.heading == "Start page"
    member.open("/me")
    assert member.path == "/login?next=/me"


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_their_window_name_their_fields_and_can_be_read(visit: Visits, width: int, scheme: str) -> None:
    browser = visit(scripts=True, viewport={"width": width, "height": 700}, color_scheme=scheme)
    for path in PAGES_FOR_ALL:
        check(browser, path)
    browser.open("/login")
    browser.send(login=ADMIN, password=ADMIN_PASSWORD)
    for path in PAGES:
        check(browser, path)
