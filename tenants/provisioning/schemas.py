"""Where the `local` driver's schemas are made; the storage backend implements it (settings: TENANT_SCHEMAS)."""

from __future__ import annotations

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


def configured_schemas() -> Schemas:
    return import_string(settings.TENANT_SCHEMAS)()
