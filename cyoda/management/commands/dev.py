"""`manage.py dev`: the platform, and the member of a folder with hot reload; see cyoda/development/session.py."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from cyoda.development.command import NothingToRun
from cyoda.development.output import Screen
from cyoda.development.session import Wanted, develop, require_member
from cyoda.development.snippet import LANGUAGES
from cyoda.development.starter import NotWritten, write_starter
from cyoda.embedded import EmbeddedError
from cyoda.embedded.installation import running
from cyoda.embedded.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start the platform and the member of a folder, which is restarted as its code changes."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", nargs="?", default=".", type=Path, help="where the member's code is")
        parser.add_argument("--command", help="what runs it (default: member.py, main.py, or `member:` of a Procfile)")
        parser.add_argument(
            "--new", action="store_true", help="first write a member.py to begin with; overwrites nothing"
        )
        parser.add_argument("--tunnel", help="a command that makes it reachable from elsewhere (see CYODA_DEV_TUNNEL)")
        parser.add_argument("--language", choices=LANGUAGES, help="show only this way to connect")
        parser.add_argument("--with-parent", action="store_true", help="stop when the calling program is killed (make)")

    def handle(self, *args: Any, **options: Any) -> None:
        conf, folder = settings.CONF, options["folder"].absolute()
        screen = Screen(Console(file=self.stdout._out))  # type: ignore[attr-defined] - Django's wrapper would end each piece with a new line
        wanted = Wanted(folder, options["command"], options["tunnel"] or conf.development.tunnel, options["language"])
        try:
            if options["new"]:
                screen.say(write_starter(folder))
            require_member(wanted, conf, os.environ)
            supervisor = Supervisor(conf, os.environ, screen.say, with_demo=False)
            with running(supervisor, screen.say, with_parent=options["with_parent"]):
                develop(wanted, supervisor, os.environ, screen)
        except (EmbeddedError, NothingToRun, NotWritten) as error:
            raise CommandError(str(error)) from None
