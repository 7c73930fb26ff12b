"""`manage.py applications`: runs the organisations' applications until it is stopped; see tenants/applications."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tenants.applications.supervisor import LOOK_SECONDS, Supervisor


class Command(BaseCommand):
    help = "Run the applications that organisations have rolled out, until it is stopped; a second one waits."

    def handle(self, *args: Any, **options: Any) -> None:
        over = threading.Event()

        def end(_number: int, _frame: FrameType | None) -> None:
            over.set()

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        supervisor = Supervisor(settings.CONF)
        while not supervisor.take_lock():
            if over.wait(LOOK_SECONDS):
                return
        supervisor.take_over()
        try:
            while not over.wait(LOOK_SECONDS):
                supervisor.look()
        finally:
            supervisor.stop()
