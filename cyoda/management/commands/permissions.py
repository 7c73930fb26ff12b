"""`manage.py permissions`: what each role permits; `--markdown` prints docs/permissions.md."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cyoda.permission_reference import markdown
from cyoda.permissions import DESCRIPTIONS, TABLE, Action


class Command(BaseCommand):
    help = "Print what each role permits, or the reference page with --markdown."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--markdown", action="store_true", help="print the reference page (docs/permissions.md)")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["markdown"]:
            self.stdout.write(markdown(), ending="")
            return
        for role, allowed in TABLE.items():
            self.stdout.write(f"{role} ({DESCRIPTIONS[role]})")
            self.stdout.write(f"    {', '.join(action for action in Action if action in allowed)}")
