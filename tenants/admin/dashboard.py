"""The back office's front page: what needs attention first, then how much there is and what happened lately."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode

from cyoda.clock import system_clock
from cyoda.errors import CyodaError
from tenants.admin.base import list_url
from tenants.models import (
    AuditEvent,
    Client,
    Environment,
    Invitation,
    Organisation,
    Orphan,
    Outbox,
    Provisioning,
    ProvisioningStep,
    SigningKey,
    TrustedKey,
)
from tenants.services.data_plane import Vitals, configured_data_plane

EXPIRY_AHEAD = timedelta(days=14)
BACKLOG_AGE = timedelta(seconds=10)
"""The outbox is drained every second; what is older waits for workers that do not come."""
TIMER_LATENESS = timedelta(seconds=5)
RECENT_EVENTS = 12


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to look after; `url` leads to the rows."""

    text: str
    url: str
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    number: int
    url: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback (setting UNFOLD)."""
    now = system_clock()
    vitals, silence = _vitals()
    own = {
        "title": "Dashboard",
        "notices": [*_stopped(silence), *_of_provisioning(now), *_of_access(now), *_of_timers(vitals, now)],
        "figures": list(_figures(now)),
        "vitals": vitals,
        "members": [] if vitals is None else sorted(vitals.members, key=lambda member: member.connected_at),
        "events": AuditEvent.objects.all()[:RECENT_EVENTS],
        "audit_url": list_url(AuditEvent),
    }
    return {**context, **own}


def filtered(model: type[Model], **filters: object) -> str:
    """A list's address under filters."""
    return f"{list_url(model)}?{urlencode(filters)}" if filters else list_url(model)


def _vitals() -> tuple[Vitals | None, str]:
    """How this node is, or why it does not say."""
    try:
        return configured_data_plane().vitals(), ""
    except CyodaError as refusal:
        return None, refusal.detail


def _stopped(silence: str) -> Iterator[Notice]:
    if silence:
        yield Notice(f"The data plane does not answer: {silence}", "", is_urgent=True)


def _of_provisioning(now: datetime) -> Iterator[Notice]:
    if failed := Environment.objects.filter(state=Environment.State.FAILED).count():
        url = filtered(Environment, state__exact="failed")
        yield Notice(_counted(failed, "environment has failed", "environments have failed"), url, is_urgent=True)
    stuck = Provisioning.objects.filter(finished_at=None, steps__state=ProvisioningStep.State.FAILED).distinct().count()
    if stuck:
        url = filtered(Provisioning, finished_at__isnull=True)
        yield Notice(_counted(stuck, "run waits after a failure", "runs wait after a failure"), url, is_urgent=True)
    if waiting := Outbox.objects.filter(created_at__lt=now - BACKLOG_AGE).count():
        text = _counted(waiting, "wake-up waits", "wake-ups wait") + " for workers that do not come"
        yield Notice(text, filtered(Outbox), is_urgent=True)
    if suspended := Organisation.objects.filter(state=Organisation.State.SUSPENDED).count():
        url = filtered(Organisation, state__exact="suspended")
        yield Notice(_counted(suspended, "organisation is suspended", "organisations are suspended"), url)

    if orphans := Orphan.objects.count():
        text = _counted(orphans, "thing in a back end belongs", "things in back ends belong") + " to no environment"
        yield Notice(text, filtered(Orphan))


def _of_access(now: datetime) -> Iterator[Notice]:
    soon = now + EXPIRY_AHEAD
    kinds: tuple[tuple[QuerySet[Any], str, str], ...] = (
        (SigningKey.objects.filter(is_active=True, deleted_at=None), "valid_to", "signing key"),
        (TrustedKey.objects.filter(is_active=True), "valid_to", "trusted key"),
        (Client.objects.all(), "expires_at", "client"),
    )
    for rows, field, noun in kinds:
        if number := rows.filter(**{f"{field}__gt": now, f"{field}__lte": soon}).count():
            text = _counted(number, f"{noun} expires", f"{noun}s expire") + f" within {EXPIRY_AHEAD.days} days"
            yield Notice(text, filtered(rows.model, **{f"{field}__gte": now, f"{field}__lt": soon}))


def _of_timers(vitals: Vitals | None, now: datetime) -> Iterator[Notice]:
    if vitals is None or vitals.next_timer is None or vitals.next_timer > now - TIMER_LATENESS:
        return
    late = timedelta(seconds=round((now - vitals.next_timer).total_seconds()))
    yield Notice(f"Timers are late: the earliest one was due {late} ago", "", is_urgent=True)


def _figures(now: datetime) -> Iterator[Figure]:
    ready, open_invitations = Environment.State.READY, {"accepted_at": None, "revoked_at": None, "expires_at__gt": now}
    yield Figure("Organisations", Organisation.objects.count(), filtered(Organisation))
    ready_number = Environment.objects.filter(state=ready).count()
    yield Figure("Environments ready", ready_number, filtered(Environment, state__exact=ready))
    unfinished = Provisioning.objects.filter(finished_at=None).count()
    yield Figure("Runs going on", unfinished, filtered(Provisioning, finished_at__isnull=True))
    yield Figure("Clients", Client.objects.count(), filtered(Client))
    yield Figure("Logins", User.objects.filter(is_active=True).count(), filtered(User, is_active__exact=1))
    yield Figure("Invitations open", Invitation.objects.filter(**open_invitations).count(), filtered(Invitation))


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
