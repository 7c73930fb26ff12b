"""Signing in by a code with PKCE, through a browser on the same machine (contract: control plane 4.7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import Grant

from tenants.models import AuditEvent, Consent
from tests.contract.cloud.sign_in.conftest import (
    CALLBACK,
    SCOPE,
    Cli,
    brought,
    claims,
    code_from,
    device_tokens,
    error,
    events,
)
from tests.contract.tenants.people.conftest import (
    PASSWORD,
)


def test_login_by_code_with_pkce(cli: Cli, ann: Any, browser: Browser) -> None:
    back = code_from(browser, cli.address(nonce="n-1"))
    assert back["state"] == "s-1"
    assert back["iss"] == "http://127.0.0.1:8080/"
    tokens = cli.exchange(back["code"]).json()
    assert tokens["scope"] == SCOPE
    assert cli.get("/v2/me", tokens["access_token"]).status_code == 200
    found = claims(tokens["access_token"])
    assert found["aud"] == cli.found["auth0_audience"]
    assert found["scope"] == SCOPE
    assert (found["caas_tier"], found["caas_cyoda_employee"]) == ("pro", False)
    identity = claims(tokens["id_token"])
    assert identity["nonce"] == "n-1"
    assert identity["aud"] == cli.client
    assert identity["sub"] == str(ann.person.id)
    assert identity["email"] == "ann@example.org"


def test_an_id_token_opens_nothing(cli: Cli, ann: Any, browser: Browser) -> None:
    token = device_tokens(cli, browser)["id_token"]
    assert cli.get("/v2/me", token).status_code == 401


def test_any_port_of_the_loopback_address_does(cli: Cli, ann: Any, browser: Browser) -> None:
    other = "http://127.0.0.1:50123/callback"
    code = code_from(browser, cli.address(redirect_uri=other))["code"]
    assert error(cli.exchange(code)) == "invalid_request"  # another one than the browser was led to
    code = code_from(browser, cli.address(redirect_uri=other))["code"]
    assert cli.exchange(code, redirect_uri=other).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"redirect_uri": "http://127.0.0.1:42777/elsewhere"},
        {"redirect_uri": "http://localhost:42777/callback"},
        {"redirect_uri": "https://127.0.0.1:42777/callback"},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": "http://evil@127.0.0.1:42777/callback"},
        {"redirect_uri": "http://127.0.0.1:42777/callback?next=x"},
        {"client_id": "somebody"},
        {"client_id": None},
        {"client_id": "\0"},
        {"nonce": "\0"},
        {"scope": "s" * 1001},
    ],
)
def test_nobody_is_led_to_a_place_that_is_not_the_clients(
    cli: Cli, ann: Any, browser: Browser, values: dict[str, str | None]
) -> None:
    answer = browser.get(cli.address(**values))
    assert answer.status_code == 400
    assert not answer.has_header("Location")
    assert browser.post(cli.address(**values), {"decision": "allow"}).status_code == 400


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "c" * 44}, "invalid_request"),
        ({"code_challenge": "c" * 200}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_a_request_that_is_not_safe_goes_back_with_its_error(
    cli: Cli, ann: Any, browser: Browser, values: dict[str, str | None], refusal: str
) -> None:
    for answer in (browser.get(cli.address(**values)), browser.post(cli.address(**values), {"decision": "allow"})):
        back = brought(answer)
        assert (back["error"], back.get("state")) == (refusal, "s-1")
        assert "code" not in back


@pytest.mark.parametrize("query", ["%zz", "a", "client_id=%zz", "client_id=cyoda-cloud-cli&client_id=x", "é=%ff", ""])
def test_an_address_that_cannot_be_read_is_said_to(cli: Cli, ann: Any, browser: Browser, query: str) -> None:
    for answer in (browser.get(f"/authorize?{query}"), browser.post(f"/authorize?{query}", {"decision": "allow"})):
        assert answer.status_code == 400
        assert not answer.has_header("Location")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/device/code"])
def test_endpoints_answer_nonsense_with_a_refusal(cli: Cli, path: str) -> None:
    for answer in (
        cli.http.post(f"{path}?%zz", {"client_id": cli.client}),
        cli.http.post(f"{path}?client_id={cli.client}"),
        cli.http.post(path, {"client_id": cli.client, "token": "\0", "grant_type": "refresh_token"}),
        cli.http.post(path, b"{}", content_type="application/json"),
        cli.http.post(path, b"%zz=%zz", content_type="application/x-www-form-urlencoded"),
        cli.http.post(path),
    ):
        assert answer.status_code in (400, 401)
        assert answer.json()["error"]
    assert cli.http.get(path).status_code == 405


def test_a_person_who_does_not_allow_it_is_led_back(cli: Cli, ann: Any, browser: Browser) -> None:
    back = brought(browser.post(cli.address(), {"decision": "deny"}))
    assert (back["error"], back["state"]) == ("access_denied", "s-1")
    assert not Consent.objects.exists()
    assert not Grant.objects.exists()
    assert AuditEvent.objects.filter(action="sign-in refused").exists()


def test_the_page_lets_its_form_lead_to_the_loopback_address_only(cli: Cli, ann: Any, browser: Browser) -> None:
    policy = browser.get(cli.address())["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:*;" in policy + ";"
    assert "127.0.0.1" not in browser.get("/me")["Content-Security-Policy"]


def test_who_is_not_signed_in_does_that_first(cli: Cli, ann: Any) -> None:
    stranger = Browser()
    assert stranger.get(cli.address())["Location"].startswith("/login?next=/authorize%3F")
    assert stranger.post(cli.address(), {"decision": "allow"})["Location"].startswith("/login?")
    answer = stranger.get(cli.address(screen_hint="signup"))
    assert answer["Location"].startswith("/sign-up?next=/authorize%3F")
    assert stranger.get(answer["Location"]).status_code == 200
    landed = stranger.post("/login", {"login": "ann@example.org", "password": PASSWORD, "next": cli.address()})
    assert landed["Location"] == cli.address()


def test_a_code_is_used_once(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    tokens = cli.exchange(code).json()
    assert error(cli.exchange(code)) == "invalid_grant"
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "sign-in ended: code used twice"


@pytest.mark.parametrize("values", [{"code_verifier": "w" * 64}, {"code": "x" * 30}, {"redirect_uri": "http://a.b/c"}])
def test_a_stolen_code_is_worth_nothing(cli: Cli, ann: Any, browser: Browser, values: dict[str, str]) -> None:
    code = code_from(browser, cli.address())["code"]
    assert error(cli.exchange(**{"code": code, **values})) in ("invalid_grant", "invalid_request")
    assert cli.exchange(code).status_code == 200


def test_a_code_without_its_verifier_is_refused(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert error(cli.token(**asked)) == "invalid_request"


def test_an_old_code_is_refused(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    Grant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert error(cli.exchange(code)) == "invalid_grant"


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "implicit", ""])
def test_no_other_grant_is_given(cli: Cli, ann: Any, grant_type: str) -> None:
    for password in (PASSWORD, "wrong"):
        answer = cli.token(grant_type=grant_type, username="ann@example.org", password=password)
        assert error(answer) == "unsupported_grant_type"
