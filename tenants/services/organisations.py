"""Suspending organisations and letting them in again."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from tenants.models import Organisation
from tenants.services.audit import Doer, record


def suspend_organisations(doer: Doer, organisations: Iterable[Organisation]) -> None:
    """Within about a second every node refuses their callers; running requests finish."""
    _enter(doer, organisations, Organisation.State.SUSPENDED)


def activate_organisations(doer: Doer, organisations: Iterable[Organisation]) -> None:
    _enter(doer, organisations, Organisation.State.ACTIVE)


@transaction.atomic
def _enter(doer: Doer, organisations: Iterable[Organisation], state: Organisation.State) -> None:
    """Those that are in the state already are left alone."""
    ids = [organisation.pk for organisation in organisations]
    for organisation in Organisation.objects.select_for_update().filter(pk__in=ids).exclude(state=state):
        before, organisation.state = organisation.state, state
        organisation.save(update_fields=["state", "updated_at"])
        record(
            doer,
            "suspended" if state == Organisation.State.SUSPENDED else "activated",
            ("organisation", str(organisation.pk)),
            owner=organisation,
            before={"state": before},
            after={"state": state},
        )
