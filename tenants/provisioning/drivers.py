"""The drivers of this installation, by the name that environments keep (settings: PROVISIONING_DRIVERS)."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from tenants.provisioning.base import Driver


class UnknownDriver(LookupError):
    """No driver of this name is configured."""


def driver_named(name: str) -> Driver:
    """Raises UnknownDriver."""
    path: str | None = settings.PROVISIONING_DRIVERS.get(name)
    if path is None:
        raise UnknownDriver(name)
    return import_string(path)()
