"""Where the `local` driver's schemas are made; the storage backend implements it (settings: TENANT_SCHEMAS)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Schemas(Protocol):
    """A tenant's schema in the storage; every method may be repeated. Raises StorageUnavailable."""

    def create(self, schema: str) -> None:
        """Make the schema, empty; what is there stays."""
        ...

    def create_tables(self, schema: str) -> None:
        """Bring the schema's tables to the present release."""
        ...

    def drop(self, schema: str) -> None:
        """Remove the schema with everything in it."""
        ...

    def names(self) -> set[str]:
        """The schemas that there are, also those of which only the record is left."""
        ...

    def check(self) -> Sequence[str]:
        """What keeps schemas from being made, a sentence each."""
        ...


def configured_schemas() -> Schemas:
    return import_string(settings.TENANT_SCHEMAS)()
