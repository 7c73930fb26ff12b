"""`manage.py serve`: one node from CYODA_* variables alone; see cyoda/node.py."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from cyoda.embedded import EmbeddedError
from cyoda.errors import StorageUnavailable
from cyoda.node import NodeError, run_node


class Command(BaseCommand):
    help = "Start one node and serve until SIGTERM."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        static = settings.CONF.platform.static_root
        if static is not None and not (static / "staticfiles.json").is_file():
            raise CommandError(f"CYODA_STATIC_ROOT: {static} is not filled yet; run `manage.py collectstatic` first.")
        try:
            run_node(settings.CONF)
        except (NodeError, EmbeddedError) as error:
            raise CommandError(str(error)) from None
        except StorageUnavailable as error:
            raise CommandError(f"The database does not answer: {error.message}.") from None
