"""`manage.py settings`: every CYODA_* variable with its effective value; `--markdown` prints docs/settings.md."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cyoda.conf import load, unknown_names
from cyoda.conf.reference import markdown, rows


class Command(BaseCommand):
    help = "Print every CYODA_* variable with its effective value, or the reference page with --markdown."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print the reference page (docs/settings.md)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(markdown(), ending="")
            return
        for name, value, default in rows(load(os.environ)):
            self.stdout.write(f"{name:46} {value:32} {'' if value == default else f'(default: {default})'}".rstrip())
        for name in unknown_names(os.environ):
            self.stderr.write(f"{name} is set but is no setting of this program.")
