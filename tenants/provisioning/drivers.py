"""The drivers of this installation, by the name that environments keep (settings: PROVISIONING_DRIVERS)."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from tenants.models import Environment
from tenants.provisioning.base import Driver


class UnknownDriver(LookupError):
    """No driver of this name is configured."""


def driver_named(name: str) -> Driver:
    """Raises UnknownDriver."""
    path: str | None = settings.PROVISIONING_DRIVERS.get(name)
    if path is None:
        raise UnknownDriver(name)
    return import_string(path)()


def own_address(environment: Environment) -> str | None:
    """The URL of an environment that has a node of its own; None for one that the platform's nodes serve."""
    return None if environment.driver == "local" else driver_named(environment.driver).address(environment)
