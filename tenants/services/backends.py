"""The back ends of this installation: changing them, and what keeps them from working."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from tenants.models import LOCAL, Backend
from tenants.provisioning.base import StepRefused, checked_parameters
from tenants.provisioning.drivers import UnknownDriver, driver_named
from tenants.services.audit import Doer, record

_FIELDS = ("title", "driver", "parameters", "region", "capacity", "is_enabled")


class InvalidBackend(ValueError):
    """The back end's values do not fit its driver; the text is a sentence for an operator."""


@transaction.atomic
def save_backend(doer: Doer, backend: Backend) -> None:
    """Store a new or changed back end; environments that stand keep the driver and parameters they were made with.

    One that misses something cannot be enabled. Raises InvalidBackend.
    """
    try:
        backend.parameters = checked_parameters(driver_named(backend.driver), backend.parameters)
    except UnknownDriver as name:
        raise InvalidBackend(f"There is no driver called {name}.") from None
    except StepRefused as refusal:
        raise InvalidBackend(f"{refusal}.") from None
    if backend.is_enabled and (missing := missing_of(backend)):
        raise InvalidBackend(" ".join(missing))
    before = Backend.objects.select_for_update().filter(pk=backend.pk).first()
    backend.save()
    record(
        doer,
        "back end created" if before is None else "back end changed",
        ("backend", backend.pk),
        before=None if before is None else _values(before),
        after=_values(backend),
    )


def missing_of(backend: Backend) -> Sequence[str]:
    """What is missing before environments can be made there, a sentence each. Raises UnknownDriver."""
    return driver_named(backend.driver).check(backend.parameters)


def ensure_local(**_: Any) -> None:
    """Write the back end that every installation has; called after migrating."""
    Backend.objects.get_or_create(pk=LOCAL, defaults={"title": "This installation", "driver": "local"})


def _values(backend: Backend) -> dict[str, Any]:
    return {name: getattr(backend, name) for name in _FIELDS}
