"""Signing in from a device without a browser (contract: control plane 4.7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import DeviceGrant

from tenants.models import AuditEvent, Organisation
from tests.contract.cloud.sign_in.conftest import (
    DEVICE_GRANT,
    SCOPE,
    Cli,
    allowed,
    error,
    events,
)
from tests.contract.tenants.people.conftest import (
    sign_in,
)
from tests.contract.tenants.people.test_second_factor import CHALLENGE, code_of


def test_login_by_device(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    answer = cli.device()
    assert answer.status_code == 200
    begun = answer.json()
    assert begun["verification_uri"] == "http://127.0.0.1:8080/activate"
    assert begun["verification_uri_complete"].endswith(f"/activate?user_code={begun['user_code']}")
    assert (begun["expires_in"], begun["interval"]) == (900, 5)
    assert error(cli.poll(begun["device_code"])) == "authorization_pending"

    assert allowed(browser, answer)["Location"] == "/activate/allowed"
    assert b"It is signed in" in browser.get("/activate/allowed").content
    tokens = cli.poll(begun["device_code"]).json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == SCOPE

    me = cli.get("/v2/me", tokens["access_token"]).json()
    assert me["user_id"] == str(ann.person.id)
    assert me["org_id"] == str(acme.pk)
    assert me["roles"] == ["ROLE_OWNER"]
    assert me["tier"] == "pro"
    assert me["scopes"] == ["cancel:env", "delete:env", "deploy:env", "read:builds"]
    assert me["is_cyoda_employee"] is False
    assert events() == ["sign-in allowed", "signed in"]


def test_the_page_says_what_is_granted_and_to_whom(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    page = browser.get(f"/activate?user_code={code}").content.decode()
    for text in (
        code,
        "Cyoda Cloud CLI",
        "ann@example.org",
        "Delete environments, with all their data",
        "Acme",
        "Owner",
    ):
        assert text in page
    assert "Run the platform" not in page


def test_the_code_may_be_typed_in_any_way(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    assert browser.get("/activate").status_code == 200
    for typed in (code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert browser.get("/activate", {"user_code": typed}).status_code == 200


def test_the_approval_page_wants_a_person(cli: Cli) -> None:
    code = cli.device().json()["user_code"]
    answer = Browser().get(f"/activate?user_code={code}")
    assert answer["Location"] == f"/login?next=/activate%3Fuser_code%3D{code}"


def test_the_approval_page_wants_the_second_factor(cli: Cli, secret: str, acme: Organisation) -> None:
    answer, browser = cli.device(), Browser()
    path = f"/activate?user_code={answer.json()['user_code']}"
    assert sign_in(browser, "ann@example.org")["Location"] == CHALLENGE
    assert browser.get(path)["Location"].startswith("/login?")
    browser.post(CHALLENGE, {"code": code_of(secret)})
    assert browser.get(path).status_code == 403  # she is in no organisation
    assert cli.poll(answer.json()["device_code"]).json()["error"] == "authorization_pending"


def test_the_approval_form_is_protected(cli: Cli, ann: Any) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(ann)
    path = f"/activate?user_code={cli.device().json()['user_code']}"
    assert strict.get(path).status_code == 200
    assert strict.post(path, {"decision": "allow"}).status_code == 403


def test_a_refused_device_gets_nothing(cli: Cli, ann: Any, browser: Browser) -> None:
    begun = cli.device().json()
    path = f"/activate?user_code={begun['user_code']}"
    assert browser.post(path, {"decision": "deny"})["Location"] == "/activate/refused"
    assert error(cli.poll(begun["device_code"])) == "access_denied"
    assert browser.get(path).status_code == 404
    assert AuditEvent.objects.filter(action="sign-in refused").exists()


def test_whoever_polls_too_often_has_to_slow_down(cli: Cli, ann: Any, browser: Browser) -> None:
    answer = cli.device()
    code = answer.json()["device_code"]
    assert error(cli.poll(code)) == "authorization_pending"
    assert error(cli.poll(code)) == "slow_down"
    DeviceGrant.objects.update(last_checked=timezone.now() - timedelta(seconds=6))
    assert error(cli.poll(code)) == "slow_down"  # ten seconds by now
    DeviceGrant.objects.update(last_checked=timezone.now() - timedelta(seconds=20))
    assert error(cli.poll(code)) == "authorization_pending"
    allowed(browser, answer)
    assert cli.poll(code).status_code == 200


def test_a_code_runs_out(cli: Cli, ann: Any, browser: Browser) -> None:
    begun = cli.device().json()
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert browser.get(f"/activate?user_code={begun['user_code']}").status_code == 404
    assert error(cli.poll(begun["device_code"])) == "expired_token"


def test_a_device_code_used_twice_ends_what_it_gave(cli: Cli, ann: Any, browser: Browser) -> None:
    answer = cli.device()
    allowed(browser, answer)
    tokens = cli.poll(answer.json()["device_code"]).json()
    assert error(cli.poll(answer.json()["device_code"])) == "invalid_grant"
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "sign-in ended: code used twice"


def test_codes_cannot_be_guessed(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    answers = [browser.get("/activate?user_code=BBBB-BBBB").status_code for _ in range(12)]
    assert answers == [404] * 10 + [429] * 2
    assert browser.get(f"/activate?user_code={code}").status_code == 429
    assert browser.post(f"/activate?user_code={code}", {"decision": "allow"}).status_code == 429


def test_an_address_cannot_start_sign_ins_without_end(cli: Cli) -> None:
    answers = [cli.device().status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"client_id": "somebody"}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "\0"}, "invalid_request"),
        ({"scope": "s" * 1001}, "invalid_request"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_devices_of_others_are_refused(cli: Cli, values: dict[str, str], refusal: str) -> None:
    assert error(cli.device(**values)) == refusal


def test_no_code_of_a_device_is_kept_as_it_is(cli: Cli) -> None:
    begun = cli.device().json()
    assert not DeviceGrant.objects.filter(device_code=begun["device_code"]).exists()
    assert DeviceGrant.objects.count() == 1


def test_an_unknown_device_code_is_refused(cli: Cli) -> None:
    assert error(cli.poll("x" * 30)) == "invalid_grant"
    assert error(cli.token(grant_type=DEVICE_GRANT)) == "invalid_request"
