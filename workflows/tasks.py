"""Celery tasks of the data plane: each wakes somebody who acts on rows; nothing is lost when one is."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.utils.module_loading import import_string

from cyoda.celery import app
from cyoda.errors import StorageUnavailable
from workflows.services import background
from workflows.services.platform import Platform
from workflows.storage.base import Work, WorkKind

log = structlog.get_logger(__name__)


class Worker(Protocol):
    """The data plane of a worker process; the setting DATA_PLANE_WORKER names the function that gives it."""

    platform: Platform

    def run(self, act: Coroutine[Any, Any, object]) -> object:
        """Wait, in this thread, for a coroutine on the worker's loop."""
        ...


@app.task
def do_work(tenant: str, kind: WorkKind, row_id: str) -> None:
    """Whatever is due of one row. What the storage prevents stays due."""
    work = Work(tenant=tenant, kind=kind, id=UUID(row_id))
    _on_loop(lambda platform: background.do_work(work, platform=platform))


@app.task
def find_searches() -> None:
    """Every few seconds by beat: searches that nobody was woken for, or whose worker died."""

    async def send(work: Work) -> None:
        do_work.delay(work.tenant, work.kind, str(work.id))

    _on_loop(lambda platform: background.hand_out("search", send, platform=platform))


@app.task
def remove_expired() -> None:
    """Now and then by beat."""
    _on_loop(lambda platform: background.remove_expired(platform=platform))


def _on_loop(act: Callable[[Platform], Coroutine[Any, Any, object]]) -> None:
    make: Callable[[], Worker] = import_string(settings.DATA_PLANE_WORKER)
    try:
        worker = make()
        worker.run(act(worker.platform))
    except StorageUnavailable as error:
        log.info("work waits for the storage", error=str(error))
