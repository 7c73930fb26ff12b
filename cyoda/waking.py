"""How a node wakes the workers: by a Celery task, sent in a thread that imports Celery for it (docs/adr/0006)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import structlog

from workflows.services.platform import Platform
from workflows.storage.base import Work

MAX_WAITING = 1000
"""Wake-ups that wait for a slow broker; what is beyond is found by the workers themselves."""

log = structlog.get_logger(__name__)


class CeleryWorkers:
    """Workers behind the broker. A wake-up that does not arrive is only a delay: beat looks for due work."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="waking")
        self._places = BoundedSemaphore(MAX_WAITING)

    def wake(self, platform: Platform, work: Work) -> None:
        if self._places.acquire(blocking=False):
            self._thread.submit(self._send, work)

    def _send(self, work: Work) -> None:
        from kombu.exceptions import OperationalError

        from cyoda.celery import app

        try:
            app.send_task("workflows.tasks.do_work", args=[work.tenant, work.kind, str(work.id)], retry=False)
        except (OperationalError, OSError) as error:
            log.warning("the workers are not woken", error=str(error))
        finally:
            self._places.release()
