"""Organisations: which one a token means; suspending them and letting them in again."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from tenants.models import Environment, Organisation
from tenants.services.audit import Doer, record


def organisation_meant(tenant: str) -> Organisation | None:
    """The organisation of a token's `caas_org_id`: its own id, or the tenant id of one of its environments."""
    if "\0" in tenant:
        return None
    rows = Environment.objects.select_related("organisation").filter(tenant_id=tenant)
    environment = rows.exclude(state=Environment.State.DELETED).first()
    if environment is not None:
        return environment.organisation
    try:
        return Organisation.objects.filter(pk=UUID(tenant)).first()
    except ValueError:
        return None


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
