"""What every page tells the browser: its policy, what it may use, and the id of its request."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.conf import settings as installed
from django.test import Client as Browser
from structlog.testing import capture_logs

from tenants.models import AuditEvent
from tenants.ui import policy_reports
from tests.contract.tenants.people.conftest import Make, sign_in

PUBLIC_PAGES = ("/login", "/password-reset", "/setup/none", "/invitations/none", "/nowhere", "/logout")
OWN_PAGES = ("/", "/me", "/me/password", "/me/sessions", "/me/second-factor")
CONSTANT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

INLINE = re.compile(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=\"")


def policy_of(answer: Any) -> dict[str, str]:
    text: str = answer.headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in text.split(";"))


def test_every_page_has_the_strict_policy_and_the_secure_headers(browser: Browser, somebody: Make) -> None:
    answers = [browser.get(page) for page in PUBLIC_PAGES]
    somebody("ann@example.org")
    sign_in(browser, "ann@example.org")
    answers += [browser.get(page) for page in OWN_PAGES]
    for answer in answers:
        page = answer.request["PATH_INFO"]
        assert answer.status_code != 500, page
        assert {name: answer.headers[name] for name in CONSTANT} == CONSTANT, page
        assert "camera=()" in answer.headers["Permissions-Policy"], page
        policy = policy_of(answer)
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'", page
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'", page
        assert "unsafe" not in answer.headers["Content-Security-Policy"], page
        shown = answer.content.decode()
        assert not INLINE.search(shown), page
        assert "no-store" in answer.headers["Cache-Control"], page


def test_a_form_without_its_token_is_refused_and_says_so_under_the_same_headers(somebody: Make) -> None:
    browser = Browser(enforce_csrf_checks=True)
    for page in ("/login", "/theme", "/logout", "/password-reset", "/setup/x", "/invitations/x"):
        answer = browser.post(page, {"login": "a", "password": "b"})
        assert answer.status_code == 403, page
        assert policy_of(answer)["script-src"] == "'self'", page
        shown = answer.content.decode()
        assert "The form has expired" in shown, page
        assert not INLINE.search(shown), page


def test_cookies_are_kept_from_scripts_and_other_sites(browser: Browser, somebody: Make) -> None:
    somebody("ann@example.org")
    browser.get("/login")
    sign_in(browser, "ann@example.org")
    for name in (installed.SESSION_COOKIE_NAME, installed.CSRF_COOKIE_NAME):
        assert browser.cookies[name]["httponly"] is True, name
        assert browser.cookies[name]["samesite"] == "Lax", name


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("my-request.7", True), ("x" * 100, True), ("x" * 101, False), ("a b", False), ("ä", False), ("<b>", False)],
)
def test_a_request_has_an_id_in_the_answer_and_the_audit_log(
    browser: Browser, somebody: Make, given: str, is_kept: bool
) -> None:
    somebody("ann@example.org")
    sign_in(browser, "ann@example.org")
    answer = browser.post("/me", {"first_name": "Ann", "last_name": "Lee"}, headers={"X-Request-Id": given})
    assert answer.status_code == 302
    told = answer.headers["X-Request-Id"]
    assert (told == given) is is_kept
    assert is_kept or re.fullmatch("[0-9a-f]{32}", told)
    assert AuditEvent.objects.order_by("-pk")[0].request_id == told


def test_what_the_policy_has_stopped_is_logged_now_and_then_and_names_no_address(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_reports, "_written_at", [float("-inf")])
    report = {
        "document-uri": "http://testserver/invitations/the-secret-of-a-link?x=1",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://evil.example/x.js?stolen=1",
    }
    nonsense = ("", "[]", '{"csp-report": 1}', "x" * 20_000, "\x00")
    assert policy_of(browser.get("/login"))["report-uri"] == "/policy-report"
    with capture_logs() as lines:
        for body in (*nonsense, *[json.dumps({"csp-report": report})] * 3):
            answer = browser.post("/policy-report", body, content_type="application/csp-report")
            assert answer.status_code == 204
    assert [{name: line[name] for name in ("page", "directive", "blocked")} for line in lines] == [
        {"page": "/invitations/<str:token>", "directive": "script-src-elem", "blocked": "https://evil.example"}
    ]
    assert browser.get("/policy-report").status_code == 405
