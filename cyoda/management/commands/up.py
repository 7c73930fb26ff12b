"""`manage.py up`: the whole platform on this machine until Ctrl-C; see cyoda/embedded/supervisor.py."""

from __future__ import annotations

import os
from typing import Any

from django.conf import settings
from django.core.management import get_commands
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cyoda.embedded import EmbeddedError, Home
from cyoda.embedded.installation import running
from cyoda.embedded.supervisor import Supervisor, summary


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
        supervisor = Supervisor(settings.CONF, os.environ, self.stderr.write)
        with running(supervisor, self.stdout.write, with_parent=with_parent):
            if story and "story" in get_commands() and supervisor.run(["story", "--without-member"]) != 0:
                self.stderr.write("The demo story did not finish; the platform runs without its records.")
            self.stdout.write(summary(supervisor.conf, supervisor.home))
            supervisor.watch()
