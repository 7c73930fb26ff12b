"""The installation's signing keys in their page, for operators only (ui: 2; contract: identity 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from cyoda.conf import load
from tenants.identity.cipher import Cipher
from tenants.identity.keys import KeyPair, load_key_pair
from tenants.models import AuditEvent, Organisation, Role, SigningKey
from tenants.services.key_states import key_views
from tenants.services.keypairs import keep_configured_pair
from tenants.ui.platform.urls import urlpatterns
from tests.contract.http.conftest import pem_of, signing_key
from tests.contract.tenants.people.conftest import PASSWORD, Make, sign_in

__all__ = ["signing_key"]  # a fixture

NEVER = "2099-12-31"


@pytest.fixture
def configured(database: None, settings: Any, signing_key: KeyPair) -> str:
    """The key of the settings."""
    pem = pem_of(signing_key.private_key)
    environ = {"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem, "CYODA_ENCRYPTION_KEY": "k" * 40}
    settings.CONF = load(environ)
    keep_configured_pair(load_key_pair(pem))
    return load_key_pair(pem).kid


@pytest.fixture
def operator(browser: Browser, configured: str) -> Browser:
    User._default_manager.create_user("root", "root@example.org", PASSWORD, is_staff=True, is_superuser=True)
    sign_in(browser, "root")
    return browser


def at(page: str, **values: str) -> str:
    return reverse(f"platform:{page}", kwargs=values)


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def states(cipher: Cipher | None = None, configured: str | None = None) -> dict[str, str]:
    cipher = cipher or Cipher(("k" * 40,))
    return {view.key.kid: str(view.state) for view in key_views(cipher, configured, timezone.now())}


def issued(operator: Browser, **values: str) -> str:
    before = set(SigningKey.objects.values_list("kid", flat=True))
    form = {"audience": "client", "grace": "0", "reason": "once a year", **values}
    assert operator.post(at("key_new"), form)["Location"] == at("keys")
    return (set(SigningKey.objects.values_list("kid", flat=True)) - before).pop()


def test_keys_go_through_their_states(operator: Browser, configured: str) -> None:
    assert states(configured=configured) == {configured: "current"}
    new = issued(operator, last_day=NEVER)
    assert states(configured=configured) == {new: "current", configured: "standby"}
    page = text(operator.get(at("keys")))
    assert all(said in page for said in (new, configured, "/api/.well-known/jwks.json", "those of programs sign them"))
    wrong = operator.post(at("key_invalidate", kid=new), {"typed": configured[:8], "grace": "3600", "reason": "leak"})
    assert f"This is not {new[:8]}" in text(wrong)
    operator.post(at("key_invalidate", kid=new), {"typed": new[:8], "grace": "3600", "reason": "leak"})
    assert states(configured=configured) == {new: "grace", configured: "current"}
    SigningKey.objects.filter(pk=new).update(valid_to=timezone.now() - timedelta(seconds=1))
    assert states(configured=configured)[new] == "revoked"
    assert "over" in text(operator.post(at("key_reactivate", kid=new), {"last_day": "2020-01-01", "reason": "back"}))
    operator.post(at("key_reactivate", kid=new), {"last_day": NEVER, "reason": "back"})
    assert states(configured=configured) == {new: "current", configured: "standby"}
    replacing = issued(operator, replaces="on")
    assert states(configured=configured) == {replacing: "current", new: "revoked", configured: "revoked"}
    operator.post(at("key_delete", kid=new), {"typed": new[:8], "reason": "old"})
    assert new not in states(configured=configured)
    reasons = [event.reason for event in AuditEvent.objects.filter(target_id=new).order_by("id")]
    assert reasons == ["once a year", "leak", "back", "once a year", "old"]
    assert {event.source for event in AuditEvent.objects.filter(target_id=new)} == {"pages"}


def test_what_can_no_longer_sign_is_said_so(operator: Browser, configured: str, settings: Any) -> None:
    new = issued(operator)
    assert states(Cipher(("another",)), configured) == {new: "standby", configured: "current"}
    assert states(configured=None) == {new: "current", configured: "absent"}
    SigningKey.objects.filter(pk=new).update(valid_to=timezone.now())
    assert states(configured=configured)[new] == "expired"
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=("another" * 8,)))
    assert "no passphrase of CYODA_ENCRYPTION_KEY opens it" in text(operator.get(at("keys")))
    settings.CONF = load({})
    assert "There are none" in text(operator.get(at("keys")))
    assert operator.get(at("key_new")).status_code == 404


def test_members_of_organisations_get_no_further_and_staff_as_far_as_they_may(
    browser: Browser, somebody: Make, acme: Organisation, configured: str
) -> None:
    ann = somebody("ann@example.org", acme, Role.OWNER)
    sign_in(browser, "ann@example.org")
    pages = [at(str(p.name), **({"kid": configured} if "kid" in str(p.pattern) else {})) for p in urlpatterns]
    for path in pages:
        assert browser.get(path).status_code == browser.post(path).status_code == 403, path
    User._default_manager.filter(pk=ann.pk).update(is_staff=True)
    shown = text(browser.get(at("keys")))
    assert (configured in shown, "Issue a key" in shown, "Delete" in shown) == (True, False, False)
    for path in pages[1:]:
        assert browser.get(path).status_code == 403, path
    ann.user_permissions.add(Permission.objects.get(codename="change_signingkey"))
    assert browser.get(at("key_invalidate", kid=configured)).status_code == 200
    assert browser.get(at("key_invalidate", kid="nobodys")).status_code == 404
    assert browser.get(at("key_delete", kid=configured)).status_code == 403
