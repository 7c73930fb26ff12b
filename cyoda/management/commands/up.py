"""`manage.py up`: the whole platform on this machine until Ctrl-C; see cyoda/embedded/supervisor.py."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cyoda.databases import use_database
from cyoda.embedded import EmbeddedError, Home
from cyoda.embedded.supervisor import Supervisor, require_linux, stop_with_parent, summary
from cyoda.operators import own_bootstrap_tenant


class Command(BaseCommand):
    help = "Start PostgreSQL, Valkey, a node and a worker, load the demo story, and run until Ctrl-C."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="remove CYODA_HOME with all data, and do nothing else")
        parser.add_argument("--without-story", action="store_true", help="do not load the demo records")
        parser.add_argument("--with-parent", action="store_true", help="stop when the calling program is killed (make)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["reset"]:
                Home(settings.CONF.platform.home).remove()
            else:
                self._run(story=not options["without_story"], with_parent=options["with_parent"])
        except EmbeddedError as error:
            raise CommandError(str(error)) from None

    def _run(self, *, story: bool, with_parent: bool) -> None:
        require_linux()
        signal.signal(signal.SIGTERM, _interrupt)
        if with_parent:
            stop_with_parent()
        supervisor = Supervisor(settings.CONF, os.environ, self.stderr.write)
        try:
            supervisor.start()
            use_database(supervisor.conf.storage.database_url or "")
            own_bootstrap_tenant(supervisor.conf)
            if story and "story" in get_commands() and supervisor.run(["story", "--without-member"]) != 0:
                self.stderr.write("The demo story did not finish; the platform runs without its records.")
            self.stdout.write(summary(supervisor.conf, supervisor.home))
            supervisor.watch()
        except KeyboardInterrupt:
            self.stdout.write("Stopping.")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            supervisor.stop()


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
