"""The Celery application `cyoda`: wakes work whose truth is a row (design: processes)."""

from __future__ import annotations

import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cyoda.settings")

from django.conf import settings  # the settings module must be named first
from django.db import close_old_connections

from cyoda.embedded.home import Home
from cyoda.embedded.launch import die_with_parent

VISIBILITY_TIMEOUT_S = 60
"""After this time the Redis transport hands an unfinished task to another worker, whether its worker died or is slow.

So work is cut into steps that end sooner, each a task of its own, and a step may run twice.
"""

app = Celery("cyoda")
app.conf.update(
    broker_url=settings.CONF.storage.broker_url or Home(settings.CONF.platform.home).broker_url or "memory://",
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        # Seconds between two looks for tasks of killed workers.
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    },
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue="cyoda",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    timezone="UTC",
    # The next look replaces one that no worker took in time.
    beat_schedule={
        "drain outbox": {"task": "tenants.tasks.drain_outbox", "schedule": 1.0, "options": {"expires": 5}},
        "reconcile": {"task": "tenants.tasks.reconcile", "schedule": 300.0, "options": {"expires": 300}},
        "expire environments": {
            "task": "tenants.tasks.expire_environments",
            "schedule": 60.0,
            "options": {"expires": 60},
        },
        "measure usage": {"task": "tenants.tasks.measure_usage", "schedule": 60.0, "options": {"expires": 60}},
        "deliver notices": {"task": "tenants.tasks.deliver_notices", "schedule": 10.0, "options": {"expires": 10}},
        "find searches": {"task": "workflows.tasks.find_searches", "schedule": 2.0, "options": {"expires": 5}},
        "remove expired searches": {
            "task": "workflows.tasks.remove_expired",
            "schedule": settings.CONF.search.reap_interval,
            "options": {"expires": 60},
        },
    },
)
# A thread keeps its database connection for many tasks; Celery's Django support knows only this spelling.
app.conf["CELERY_DB_REUSE_MAX"] = 10_000
app.autodiscover_tasks(["tenants", "workflows"])


@signals.worker_process_init.connect
@signals.beat_embedded_init.connect
def _leave_with_the_worker(**_: object) -> None:
    """A pool process must not outlive a killed worker, which would run the task twice at once; nor may its clock."""
    die_with_parent(os.getppid())


@signals.task_prerun.connect
def _renew_connections(**_: object) -> None:
    """A connection that broke, or is too old, is not used for another task."""
    close_old_connections()
