"""Organisations: which one a token means; suspending them and letting them in again."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from tenants.models import Environment, Organisation
from tenants.naming import UnusableTenantId, is_uuid, schema_name_of
from tenants.services.audit import Doer, record


def organisation_meant(tenant: str, *, of_person: bool = False) -> Organisation | None:
    """The organisation of a token's `caas_org_id`: the tenant id of one of its environments. One query.

    In a token `of_person` it may be the organisation's own id too, which then counts more than a tenant id that is
    the same: people come before environments. They also stay when the one that they signed in to has been deleted.
    """
    try:
        environments = Environment.objects.filter(schema_name=schema_name_of(tenant))
    except UnusableTenantId:
        return None
    if not of_person:
        environments = environments.exclude(state=Environment.State.DELETED)
    found = Organisation.objects.filter(pk__in=environments.values("organisation"))
    if not (of_person and is_uuid(tenant)):
        return found.first()
    own = UUID(tenant)
    either = found.union(Organisation.objects.filter(pk=own)).order_by()
    return max(either, key=lambda organisation: organisation.pk == own, default=None)


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
