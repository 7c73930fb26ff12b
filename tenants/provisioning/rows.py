"""What steps of every driver write into the environment's row."""

from __future__ import annotations

from typing import Any

from tenants.models import Environment
from tenants.provisioning.base import Work


def save(environment: Environment, **values: Any) -> None:
    """Set these fields and store them alone."""
    for name, value in values.items():
        setattr(environment, name, value)
    environment.save(update_fields=[*values, "updated_at"])


def mark_ready(work: Work) -> None:
    save(work.environment, state=Environment.State.READY)


def mark_deleting(work: Work) -> None:
    """Before anything is removed, nobody is let in any more."""
    save(work.environment, state=Environment.State.DELETING)
