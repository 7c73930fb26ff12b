"""Suspending organisations and letting them in again."""

from __future__ import annotations

from collections.abc import Iterable

from tenants.models import Organisation


def suspend_organisations(organisations: Iterable[Organisation]) -> None:
    """Within about a second every node refuses their callers; running requests finish."""
    _enter(organisations, Organisation.State.SUSPENDED)


def activate_organisations(organisations: Iterable[Organisation]) -> None:
    _enter(organisations, Organisation.State.ACTIVE)


def _enter(organisations: Iterable[Organisation], state: Organisation.State) -> None:
    for organisation in organisations:
        organisation.state = state
        organisation.save(update_fields=["state", "updated_at"])
