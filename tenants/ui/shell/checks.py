"""Whether the parts of the installation answer, and what to do about one that does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cyoda.addresses import reachable
from cyoda.errors import CyodaError
from tenants.admin.dashboard import BACKLOG_AGE, TIMER_LATENESS
from tenants.models import Outbox
from tenants.services.data_plane import Vitals, configured_data_plane
from tenants.tasks import broker_answers

WAITS_S = 1.0


@dataclass(frozen=True, slots=True)
class Check:
    """`hint` says what to do; it is empty where nothing has to be done."""

    name: str
    text: str
    hint: str = ""

    @property
    def is_ok(self) -> bool:
        return not self.hint


def vitals() -> Vitals | None:
    """None when the data plane of this process does not answer."""
    try:
        return configured_data_plane().vitals()
    except CyodaError:
        return None


def checks(now: Vitals | None) -> list[Check]:
    return [_database(), _data_plane(now), *_timers(now), _queue(), _workers(), _grpc(), _secrets(), _mail()]


def _database() -> Check:
    version = connection.cursor().connection.info.server_version  # this page was made with it
    return Check(_("Database"), f"PostgreSQL {version // 10_000}.{version % 10_000}")


def _data_plane(now: Vitals | None) -> Check:
    name = _("Data plane")
    if now is None or not now.is_storage_ready:
        return Check(name, _("It does not answer."), _("Look at the node's log: its storage cannot be reached."))
    return Check(name, _("It answers, and its storage is ready."))


def _timers(now: Vitals | None) -> Iterator[Check]:
    if now is None:
        return
    name = _("Timers")
    if now.next_timer is not None and now.next_timer < timezone.now() - TIMER_LATENESS:
        yield Check(name, _("They are late."), _("Look whether CYODA_SCHEDULER_ENABLED is true on a node."))
    else:
        yield Check(name, _("None is late."))


def _queue() -> Check:
    name = _("Queue")
    if settings.CONF.storage.broker_url is None:
        return Check(
            name,
            _("None is configured."),
            _("Without workers no environment is made: set CYODA_BROKER_URL, or run everything with make up."),
        )
    if broker_answers():
        return Check(name, _("It answers."))
    return Check(name, _("It does not answer."), _("Look at CYODA_BROKER_URL, and whether that server runs."))


def _workers() -> Check:
    name = _("Workers")
    waiting = Outbox.objects.filter(created_at__lt=timezone.now() - BACKLOG_AGE).count()
    if not waiting:
        return Check(name, _("Nothing waits for them."))
    text = ngettext(
        "%(number)s order waits for more than ten seconds.",
        "%(number)s orders wait for more than ten seconds.",
        waiting,
    )
    return Check(name, text % {"number": waiting}, _("Start a worker: celery --app cyoda.celery worker --beat"))


def _grpc() -> Check:
    name, conf = _("gRPC port"), settings.CONF.grpc
    address = (reachable(conf.bind_address), conf.port)
    try:
        with socket.create_connection(address, WAITS_S):
            return Check(name, _("%(port)s is open.") % {"port": conf.port})
    except OSError:
        return Check(
            name,
            _("%(port)s does not answer.") % {"port": conf.port},
            _("Members cannot connect. Look at CYODA_GRPC_PORT and CYODA_GRPC_BIND_ADDRESS."),
        )


def _secrets() -> Check:
    name = _("Encryption of secrets")
    if settings.CONF.secrets_at_rest:
        return Check(name, _("It has a lasting key."))
    return Check(
        name,
        _("Its key ends with this process."),
        _("Set CYODA_ENCRYPTION_KEY: without it there is no second factor for people."),
    )


def _mail() -> Check:
    name = _("Mail")
    if settings.CONF.people.mail_url is not None:
        return Check(name, _("A server is configured."))
    return Check(name, _("Mails are printed on the node's console until CYODA_MAIL_URL names a server."))
