"""`manage.py story`: the demo of examples/movies, told to a running node with the bootstrap client."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cyoda.demo import DemoError, tell_story


class Command(BaseCommand):
    help = "Store 3,201 films in the bootstrap client's tenant and ask questions about them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--without-member", action="store_true", help="start no compute program: one is connected already"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tell_story(settings.CONF, self.stdout.write, with_member=not options["without_member"])
        except DemoError as error:
            raise CommandError(str(error)) from None
