"""`/v2/webhooks`: who hears of an organisation's limits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenants.models import AuditEvent, Webhook
from tenants.services.audit import PLATFORM
from tenants.usage import webhooks
from tests.contract.cloud.conftest import Organise, slug

pytestmark = pytest.mark.django_db
URL = "https://hooks.example.org/services/s3cret-token"
OPS = {"name": "ops", "format": "slack", "url": URL}


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=("a key of the tests",)))


def test_a_webhook_is_made_listed_and_deleted_and_its_url_is_never_shown(organise: Organise) -> None:
    owner = organise()
    webhooks.create_webhook(PLATFORM, None, "the operators'", "slack", URL)
    answer = owner("POST", "/webhooks", OPS)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["name"], made["format"], made["host"]) == ("ops", "slack", "hooks.example.org")
    listed = owner("GET", "/webhooks")
    assert listed.json() == [made], "those of the whole installation are the operators'"
    assert b"s3cret" not in answer.content + listed.content + bytes(Webhook.objects.get(name="ops").url)
    assert owner("DELETE", f"/webhooks/{made['id']}").status_code == 202
    for unknown in (made["id"], "x", "%00"):
        assert slug(owner("DELETE", f"/webhooks/{unknown}")) == (404, "not-found")
    assert owner("GET", "/webhooks").json() == []
    done = AuditEvent.objects.filter(target_type="webhook", organisation_id=owner.tenant).order_by("at")
    assert [one.action for one in done] == ["created", "deleted"]
    assert "s3cret" not in str(list(done.values()))


@pytest.mark.parametrize(
    "change", [{"format": "irc"}, {"url": "http://hooks.example.org/x"}, {"url": "ftp://x"}, {"name": ""}, {"name": 7}]
)
def test_an_unusable_webhook_is_refused(organise: Organise, change: dict[str, Any]) -> None:
    refusal = organise()("POST", "/webhooks", OPS | change)
    assert slug(refusal) == (400, "validation-error")
    assert b"s3cret" not in refusal.content


def test_what_cannot_be_offered_says_why(organise: Organise, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = organise()
    monkeypatch.setattr(webhooks, "MAX_WEBHOOKS", 1)
    assert owner("POST", "/webhooks", OPS).status_code == 201
    assert slug(owner("POST", "/webhooks", OPS)) == (409, "not-changeable")
    Webhook.objects.all().delete()
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=()))
    refusal = owner("POST", "/webhooks", OPS)
    assert slug(refusal) == (409, "not-changeable")
    assert "CYODA_ENCRYPTION_KEY" in refusal.json()["detail"]


def test_webhooks_need_their_scopes(organise: Organise) -> None:
    reader = organise(claims={"scope": "read:builds"})
    assert reader("GET", "/webhooks").json() == []
    assert slug(reader("POST", "/webhooks", OPS)) == (403, "forbidden")
    assert slug(reader("DELETE", "/webhooks/x")) == (403, "forbidden")
