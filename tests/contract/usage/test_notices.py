"""Notices of limits: once, whoever races or dies; as events, mails, and cards of a chat (docs/help/usage.md)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from cyoda.clock import Clock, ManualClock
from tenants.models import AuditEvent, Environment, Notice, NoticeDelivery, UsagePeriod, Webhook
from tenants.services import mailing
from tenants.services.audit import PLATFORM
from tenants.usage import delivery
from tenants.usage.cards import Near, card
from tenants.usage.delivery import deliver_due
from tenants.usage.notices import give_notices
from tenants.usage.sums import Measure, Tally, add_measures, add_sums
from tenants.usage.webhooks import InvalidWebhook, create_webhook, delete_webhook
from tests.contract.usage.conftest import limited

NOON = ManualClock()().replace(hour=12, minute=0)


def at(hours: float = 0) -> Clock:
    return lambda: NOON + timedelta(hours=hours)


def used(environment: Environment, requests: int, hours: float = 0) -> None:
    add_sums(uuid4(), {environment.schema_name: Tally(requests=requests)}, {}, at(hours)())


@dataclass
class Chat:
    """A chat's server on this machine: what was posted, and how it answers."""

    url: str = ""
    status: int = 200
    posted: list[Any] = field(default_factory=list)
    kinds: list[str | None] = field(default_factory=list)


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            chat.posted.append((self.path, json.loads(body)))
            chat.kinds.append(self.headers["Content-Type"])
            self.send_response(chat.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    chat.url = f"http://127.0.0.1:{server.server_port}/hook/s3cret-token?key=k3y"
    yield chat
    server.shutdown()
    thread.join()
    server.server_close()


def told() -> list[tuple[str, int]]:
    return [(one.entitlement, one.threshold) for one in Notice.objects.order_by("created_at", "threshold")]


def test_each_threshold_is_told_once_a_period(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "HOURS"))
    used(acme, 7)
    assert give_notices(clock=at()) == 0
    used(acme, 1)
    assert [give_notices(clock=at()) for _ in range(3)] == [1, 0, 0]
    used(acme, 2)
    assert [give_notices(clock=at()) for _ in range(2)] == [1, 0]
    assert told() == [("API_REQUEST", 80), ("API_REQUEST", 100)]
    used(acme, 10, hours=1)
    assert [give_notices(clock=at(1)) for _ in range(2)] == [1, 0], "what goes straight to the limit is told once"
    events = AuditEvent.objects.filter(organisation_id=acme.organisation.pk, action__startswith="limit")
    assert sorted(one.action for one in events) == ["limit near", "limit reached", "limit reached"]


def test_what_comes_to_a_limit_at_the_end_of_its_period_is_told_after_it(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"), ("EXTERNALIZED_CALL", 10, "HOURS"))
    last = 11 + 59 / 60
    used(acme, 10, hours=last)
    add_sums(uuid4(), {acme.schema_name: Tally(callouts=10)}, {}, at(last)())
    assert [give_notices(clock=at(12 + minutes / 60)) for minutes in (1, 2)] == [2, 0]
    assert sorted(told()) == [("API_REQUEST", 100), ("EXTERNALIZED_CALL", 100)]
    assert {one.period_started_at for one in Notice.objects.all()} == {at(-12)(), at(11)()}
    used(acme, 9, hours=36)
    assert give_notices(clock=at(12 + 24 + 1)) == 1


def test_refusals_of_short_intervals_full_storage_and_many_members_are_told(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 5, "SECONDS"), ("DISK_USAGE", 1000), ("NUM_CLIENT_NODES", 5))
    add_sums(uuid4(), {acme.schema_name: Tally(requests=5, requests_refused=1)}, {acme.schema_name: 4}, at()())
    add_measures({acme.schema_name: Measure(3, 1001)}, at()())
    assert give_notices(clock=at()) == 3
    assert sorted(told()) == [("API_REQUEST", 100), ("DISK_USAGE", 100), ("NUM_CLIENT_NODES", 80)]
    assert give_notices(clock=at(1)) == 0
    add_measures({acme.schema_name: Measure(3, 1001)}, at(24)())
    assert give_notices(clock=at(24)) == 0, "full storage is told once a month"


def test_workers_that_race_give_one_notice_and_one_mail(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    used(acme, 10)

    def race(act: Any) -> int:
        try:
            return act(clock=at())
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(race, [give_notices] * 4)) == 1
        assert sum(pool.map(race, [deliver_due] * 4)) == 1
    assert NoticeDelivery.objects.get().state == "sent"
    assert [message.to for message in mail.outbox] == [["acme@example.org"]]
    assert mail.outbox[0].subject == "dev has used all of its requests"
    assert "10 of 10" in str(mail.outbox[0].body)


def test_without_tiers_that_limit_nothing_is_told(database: str, settings: Any) -> None:
    used(limited("acme", ("API_REQUEST", 1, "DAYS")), 10)
    settings.CONF = replace(settings.CONF, quotas=replace(settings.CONF.quotas, enabled=False))
    assert give_notices(clock=at()) == 0


def test_webhooks_of_the_organisation_and_of_the_installation_hear_of_it_and_others_do_not(
    database: str, chat: Chat
) -> None:
    acme, other = limited("acme", ("API_REQUEST", 10, "DAYS")), limited("other")
    create_webhook(PLATFORM, acme.organisation, "ours", "slack", chat.url.replace("hook", "acme"))
    create_webhook(PLATFORM, other.organisation, "theirs", "slack", chat.url.replace("hook", "other"))
    create_webhook(PLATFORM, None, "operators", "google_chat", chat.url.replace("hook", "operators"))
    used(acme, 8)
    give_notices(clock=at())
    assert deliver_due(clock=at()) == 3
    assert sorted(path for path, _ in chat.posted) == [
        "/acme/s3cret-token?key=k3y",
        "/operators/s3cret-token?key=k3y",
    ]
    assert {tuple(body) for _, body in chat.posted} == {("text", "blocks"), ("cardsV2",)}
    assert set(chat.kinds) == {"application/json"}
    assert [message.to for message in mail.outbox] == [["acme@example.org"]]


def test_a_failing_webhook_is_tried_again_later_and_operators_see_why(
    database: str, chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    webhook = create_webhook(PLATFORM, acme.organisation, "ours", "slack", chat.url)
    used(acme, 8)
    give_notices(clock=at())
    chat.status = 500
    assert deliver_due(clock=at()) == 2
    assert deliver_due(clock=at()) == 0, "not before its time"
    row = NoticeDelivery.objects.get(webhook=webhook)
    assert (row.state, row.attempts, row.error) == ("waiting", 1, "status 500")
    chat.status = 200
    assert deliver_due(clock=at(1)) == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.error) == ("sent", 2, "")
    chat.status = 404
    NoticeDelivery.objects.filter(pk=row.pk).update(state="waiting", attempts=delivery.TRIES - 1)
    assert deliver_due(clock=at(9)) == 1
    row.refresh_from_db()
    assert (row.state, row.error) == ("failed", "status 404")
    assert deliver_due(clock=at(99)) == 0


def test_a_worker_that_dies_in_a_try_leaves_it_to_the_next(database: str, chat: Chat) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    used(acme, 8)
    give_notices(clock=at())
    assert delivery._booked(at()) is not None  # and dies
    assert deliver_due(clock=at()) == 0
    assert deliver_due(clock=at(1)) == 1
    assert len(mail.outbox) == 1


def test_a_mail_server_that_refuses_is_tried_again(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    used(limited("acme", ("API_REQUEST", 10, "DAYS")), 8)
    give_notices(clock=at())

    def refused(*_: Any, **__: Any) -> None:
        raise mailing.MailNotSent

    with monkeypatch.context() as patched:
        patched.setattr(mailing, "send", refused)
        deliver_due(clock=at())
    assert NoticeDelivery.objects.get().state == "waiting"
    deliver_due(clock=at(1))
    assert NoticeDelivery.objects.get().state == "sent"


def test_private_addresses_are_not_posted_to_and_the_url_is_nowhere_to_be_read(
    database: str, chat: Chat, settings: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    webhook = create_webhook(PLATFORM, acme.organisation, "ours", "slack", chat.url)
    settings.CONF = replace(settings.CONF, oidc=replace(settings.CONF.oidc, allow_private_networks=False))
    used(acme, 8)
    give_notices(clock=at())
    deliver_due(clock=at())
    assert chat.posted == []
    row = NoticeDelivery.objects.get(webhook=webhook)
    assert "blocked" in row.error
    delete_webhook(PLATFORM, webhook)
    written = [str(vars(event)) for event in AuditEvent.objects.all()] + [row.error, str(webhook), *capfd.readouterr()]
    assert not [text for text in written if "s3cret" in text or "k3y" in text]
    assert b"s3cret" not in bytes(webhook.url)


@pytest.mark.parametrize(
    ("format", "url"),
    [
        ("teams", "https://chat.example.org/x"),
        ("slack", "ftp://chat.example.org/x"),
        ("slack", "https://user:pass@chat.example.org/x"),
        ("slack", "https:///x"),
        ("slack", "https://chat.example.org/" + "x" * 2000),
        ("slack", "https://chat.example.org/ü"),
    ],
)
def test_an_unusable_webhook_is_refused_without_its_url(database: str, format: str, url: str) -> None:
    with pytest.raises(InvalidWebhook) as refusal:
        create_webhook(PLATFORM, None, "x", format, url)
    assert "example" not in str(refusal.value)
    assert not Webhook.objects.exists()


def test_operators_make_webhooks_and_see_what_was_not_delivered(database: str, office: Browser, chat: Chat) -> None:
    values = {"name": "ours", "format": "slack", "url": chat.url, "reason": "asked for"}
    page = reverse("admin:tenants_webhook_operation_create")
    refused = office.post(page, {**values, "url": "ftp://x.example.org/s3cret"})
    assert "must be an https address" in refused.content.decode()
    assert "s3cret" not in refused.content.decode()
    assert office.post(page, values).status_code == 302
    webhook = Webhook.objects.get()
    used(limited("acme", ("API_REQUEST", 10, "DAYS")), 8)
    give_notices(clock=at())
    chat.status = 500
    deliver_due(clock=at())
    shown = office.get(reverse("admin:tenants_notice_change", args=[Notice.objects.get().pk])).content.decode()
    assert "status 500" in shown
    assert (
        "s3cret" not in shown + office.get(reverse("admin:tenants_webhook_change", args=[webhook.pk])).content.decode()
    )


def test_an_environment_takes_its_usage_and_notices_with_it(database: str) -> None:
    acme = limited("acme", ("API_REQUEST", 10, "DAYS"))
    used(acme, 8)
    give_notices(clock=at())
    acme.delete()
    assert (UsagePeriod.objects.count(), Notice.objects.count(), NoticeDelivery.objects.count()) == (0, 0, 0)


NEAR = Near(
    id="n-1", organisation="<b>Acme & *Sons*</b> <!channel>", environment="dev", what="requests", threshold=80,
    used=8000, limit=10000,
)  # fmt: skip
ESCAPED = "&lt;b&gt;Acme &amp; *Sons*&lt;/b&gt; &lt;!channel&gt;"


def test_the_card_of_google_chat() -> None:
    assert json.loads(card("google_chat", NEAR)) == {
        "cardsV2": [
            {
                "cardId": "n-1",
                "card": {
                    "header": {"title": "dev has used 80 % of its requests", "subtitle": NEAR.organisation},
                    "sections": [
                        {
                            "widgets": [
                                {"decoratedText": {"topLabel": "Organisation", "text": ESCAPED}},
                                {"decoratedText": {"topLabel": "Environment", "text": "dev"}},
                                {"decoratedText": {"topLabel": "Used", "text": "8,000 of 10,000"}},
                            ]
                        }
                    ],
                },
            }
        ]
    }


def test_the_blocks_of_slack() -> None:
    assert json.loads(card("slack", replace(NEAR, threshold=100))) == {
        "text": "dev has used all of its requests",
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": "dev has used all of its requests", "emoji": False},
            },
            {
                "type": "section",
                "fields": [
                    {"type": "mrkdwn", "text": f"*Organisation*\n{ESCAPED}"},
                    {"type": "mrkdwn", "text": "*Environment*\ndev"},
                    {"type": "mrkdwn", "text": "*Used*\n8,000 of 10,000"},
                ],
            },
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "Notice n-1"}]},
        ],
    }
