"""Notices on their way to people and webhooks: each try is booked before it is made, and repeated after a failure."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.db import transaction

from cyoda.clock import Clock, system_clock
from tenants.models import NoticeDelivery
from tenants.services import mailing
from tenants.usage.cards import Near, card
from tenants.usage.figures import TITLES
from tenants.usage.webhooks import WebhookFailed, post

TRIES = 8
FIRST_BACKOFF, LONGEST_BACKOFF = timedelta(seconds=30), timedelta(hours=6)
ROUND_SECONDS = 20.0
"""No try begins later in a round, which must end before the broker hands it to another worker."""

log = structlog.get_logger(__name__)

State = NoticeDelivery.State


def deliver_due(*, clock: Clock = system_clock) -> int:
    """Try what is due; returns how many tries were made. Several workers share the work.

    One that dies in a try leaves it to the next one after the back-off: then a message may come twice, never less
    than once as long as somebody takes it within TRIES.
    """
    ends, tried = time.monotonic() + ROUND_SECONDS, 0
    while time.monotonic() < ends:
        delivery = _booked(clock)
        if delivery is None:
            break
        _try(delivery)
        tried += 1
    return tried


@transaction.atomic
def _booked(clock: Clock) -> NoticeDelivery | None:
    now = clock()
    due = NoticeDelivery.objects.filter(state=State.WAITING, not_before__lte=now).order_by("not_before", "pk")
    delivery = due.select_for_update(skip_locked=True).first()
    if delivery is None:
        return None
    delivery.attempts += 1
    delivery.not_before = now + min(FIRST_BACKOFF * 2 ** (delivery.attempts - 1), LONGEST_BACKOFF)
    delivery.save(update_fields=["attempts", "not_before"])
    return delivery


def _try(delivery: NoticeDelivery) -> None:
    near = _near(delivery)
    try:
        if delivery.webhook is not None:
            post(delivery.webhook, card(delivery.webhook.format, near))
        elif delivery.user is not None:
            mailing.send("limit", delivery.user.email, near=near)
    except (WebhookFailed, mailing.MailNotSent) as failure:
        _failed(delivery, str(failure))
    else:
        _end(delivery, State.SENT, "")


def _failed(delivery: NoticeDelivery, why: str) -> None:
    is_last = delivery.attempts >= TRIES
    log.warning("notice not delivered", notice=str(delivery.notice.pk), tries=delivery.attempts, reason=why)
    _end(delivery, State.FAILED if is_last else State.WAITING, why[:500])


def _end(delivery: NoticeDelivery, state: State, error: str) -> None:
    NoticeDelivery.objects.filter(pk=delivery.pk).update(state=state, error=error)


def _near(delivery: NoticeDelivery) -> Near:
    notice = delivery.notice
    return Near(
        id=str(notice.pk),
        organisation=notice.environment.organisation.name,
        environment=notice.environment.name,
        what=TITLES[notice.entitlement],
        threshold=notice.threshold,
        used=notice.used,
        limit=notice.limit,
    )
