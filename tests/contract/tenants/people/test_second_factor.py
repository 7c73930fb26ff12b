"""The second factor on the pages: turning it on, being asked for it, recovery codes, turning it off."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client as Browser

from cyoda.conf import Iam
from tenants.models import AuditEvent
from tests.contract.tenants.people.conftest import PASSWORD, SEVERAL_TRANSACTIONS, Make, is_signed_in, sign_in

pytestmark = SEVERAL_TRANSACTIONS  # the library tells of changes once they are committed
ON, OFF = "/me/second-factor/app/activate/", "/me/second-factor/app/deactivate/"
CODES, CHALLENGE = "/me/second-factor/recovery-codes/", "/me/second-factor/authenticate/"


@pytest.fixture
def keyed(settings: Any) -> None:
    settings.CONF = dataclasses.replace(settings.CONF, iam=Iam(encryption_keys=("k" * 32,)))
    settings.MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def confirmed(browser: Browser) -> None:
    """Signed in, and proven once more, as changes of the second factor want it."""
    sign_in(browser, "ann@example.org")
    assert browser.get(ON)["Location"].startswith("/login/confirm")
    browser.post("/login/confirm", {"password": PASSWORD})


@pytest.fixture
def secret(keyed: None, browser: Browser, somebody: Make) -> str:
    """Ann has turned it on in her browser; the codes that she has used may be used again."""
    somebody("ann@example.org")
    confirmed(browser)
    (secret,) = re.findall(r'class="secret">(\w+)<', browser.get(ON).content.decode())
    assert browser.post(ON, {"code": "000000"}).status_code == 200
    assert browser.post(ON, {"code": code_of(secret)})["Location"] == CODES
    cache.clear()
    return secret


def test_the_code_is_asked_for_after_the_password(secret: str) -> None:
    browser = Browser()
    assert sign_in(browser, "ann@example.org")["Location"] == CHALLENGE
    assert not is_signed_in(browser)
    assert browser.get("/admin/").status_code == 302
    assert browser.post(CHALLENGE, {"code": "000000"}).status_code == 200
    assert not is_signed_in(browser)
    assert browser.post(CHALLENGE, {"code": code_of(secret)})["Location"] == "/"
    assert is_signed_in(browser)


def test_a_code_is_used_once(secret: str) -> None:
    code = code_of(secret)
    for expected in (302, 200):
        browser = Browser()
        sign_in(browser, "ann@example.org")
        assert browser.post(CHALLENGE, {"code": code}).status_code == expected


def test_recovery_codes_sign_in_once_each(browser: Browser, secret: str) -> None:
    codes = re.findall(r"<code>(\d{8})</code>", browser.get(CODES).content.decode())
    assert len(set(codes)) == 10
    for expected in (302, 200):
        other = Browser()
        sign_in(other, "ann@example.org")
        assert other.post(CHALLENGE, {"code": codes[0]}).status_code == expected
    assert codes[0] not in browser.get(CODES).content.decode()


def test_guessing_codes_locks(secret: str) -> None:
    browser = Browser()
    sign_in(browser, "ann@example.org")
    for _ in range(5):
        browser.post(CHALLENGE, {"code": "000000"})
    assert "Too many" in browser.post(CHALLENGE, {"code": code_of(secret)}).content.decode()
    assert not is_signed_in(browser)


def test_it_is_turned_off_by_the_person_only_and_all_of_it_is_recorded(browser: Browser, secret: str) -> None:
    assert Browser().post(OFF).status_code == 302
    assert Authenticator.objects.count() == 2
    browser.post(OFF)
    assert not Authenticator.objects.exists()
    assert sign_in(Browser(), "ann@example.org")["Location"] == "/"
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True)) == [
        "second factor added",
        "second factor removed",
    ]


def test_a_session_must_prove_itself_once_more_before_it_is_turned_off(secret: str) -> None:
    browser = Browser()
    sign_in(browser, "ann@example.org")
    browser.post(CHALLENGE, {"code": code_of(secret)})
    for answer in (browser.get(OFF), browser.post(OFF)):
        assert answer["Location"].startswith("/login/confirm")
    browser.post("/login/confirm", {"password": "no"})
    assert browser.post(OFF).status_code == 302
    assert Authenticator.objects.count() == 2


def test_what_is_in_the_rows_is_encrypted(secret: str) -> None:
    rows = {row.type: row.data for row in Authenticator.objects.all()}
    assert rows["totp"]["secret"] != secret
    assert secret not in str(rows)
    assert len(rows["recovery_codes"]["seed"]) > 100


def test_without_a_lasting_key_it_is_not_offered(browser: Browser, somebody: Make, settings: Any) -> None:
    somebody("ann@example.org")
    confirmed(browser)
    assert "CYODA_ENCRYPTION_KEY" in browser.get("/me").content.decode()
    assert settings.CONF.secrets_at_rest == ()
    (secret,) = re.findall(r'class="secret">(\w+)<', browser.get(ON).content.decode())
    assert browser.post(ON, {"code": code_of(secret)}).status_code == 403
    assert not Authenticator.objects.exists()
    assert sign_in(Browser(), "ann@example.org", PASSWORD)["Location"] == "/"
