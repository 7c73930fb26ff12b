"""Celery tasks: each wakes somebody who acts on rows."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.conf import settings
from kombu.exceptions import OperationalError

from cyoda.celery import app
from tenants.provisioning.saga import Progress, Saga
from tenants.services import consents, expiry, exports, idempotency, outbox, people, rates, reconciliation
from tenants.usage import delivery, measure, notices

log = structlog.get_logger(__name__)


@app.task
def drain_outbox() -> None:
    """Every second by beat, and at once after a change."""
    outbox.drain_outbox(_send)


@app.task
def advance_run(run_id: str) -> None:
    """One action of one run, then the next one as a task of its own; at the end another run may have its turn."""
    progress = Saga().advance(UUID(run_id))
    if progress is Progress.MORE:
        advance_run.delay(run_id)
    elif progress is Progress.FINISHED:
        drain_outbox.delay()


@app.task
def reconcile() -> None:
    """What belongs to no environment, and environments that nobody works at; also what nobody needs any longer."""
    reconciliation.reconcile(wake=wake)
    idempotency.forget_old()
    rates.forget_full()
    people.forget_expired()
    exports.forget_old()
    consents.forget_old()
    measure.forget_old()


@app.task
def expire_environments() -> None:
    """Environments whose time is over."""
    expiry.delete_expired(wake=wake)


@app.task
def measure_usage() -> None:
    """What environments hold, and whether one of them has come near a limit."""
    measure.measure()
    notices.give_notices()


@app.task
def deliver_notices() -> None:
    """Mails and cards that are due."""
    delivery.deliver_due()


def wake() -> None:
    """Have the outbox drained now. Without a broker within reach, beat's next look does it."""
    if settings.CONF.storage.broker_url is None:
        return
    try:
        drain_outbox.apply_async(retry=False)
    except OperationalError as error:
        log.warning("the workers are not woken", error=str(error))


def broker_answers() -> bool:
    """Whether the queue that wakes workers can be reached now."""
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0)
    except OperationalError:
        return False
    return True


def _send(run_id: UUID) -> None:
    advance_run.delay(str(run_id))
