"""Organisations: which one a token means; suspending them and letting them in again."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Case, Q, QuerySet, Subquery, Value, When

from tenants.models import Environment, Membership, Organisation, Role
from tenants.naming import UnusableTenantId, is_uuid, schema_name_of
from tenants.services.audit import Doer, record
from tenants.services.news import announce
from tenants.services.people import add_member


def organisation_meant(tenant: str, *, of_person: bool = False) -> Organisation | None:
    """The first of `organisations_meant`. One query."""
    return organisations_meant(tenant, of_person=of_person).first()


def organisations_meant(tenant: str, *, of_person: bool = False) -> QuerySet[Organisation]:
    """The organisation of a token's `caas_org_id`: the tenant id of one of its environments.

    In a token `of_person` it may be the organisation's own id too, which then counts more than a tenant id that is
    the same: people come before environments. They also stay when the one that they signed in to has been deleted.
    """
    try:
        schema = schema_name_of(tenant)
    except UnusableTenantId:
        schema = ""
    environments = Environment.objects.filter(schema_name=schema)
    if not of_person:
        environments = environments.exclude(state=Environment.State.DELETED)
    by_tenant = Q(pk=Subquery(environments.values("organisation")[:1]))  # by its index, also beside another condition
    if not (of_person and is_uuid(tenant)):
        return Organisation.objects.filter(by_tenant).order_by("pk")
    own = Q(pk=UUID(tenant))
    first = Case(When(own, then=Value(0)), default=Value(1))
    return Organisation.objects.filter(own | by_tenant).order_by(first)


@transaction.atomic
def found_organisation(doer: Doer, name: str, owner: AbstractUser) -> Membership:
    """A new organisation with its first owner."""
    organisation = Organisation.objects.create(name=name)
    record(
        doer, "organisation created", ("organisation", str(organisation.pk)), owner=organisation, after={"name": name}
    )
    return add_member(doer, organisation, owner, Role.OWNER)


@transaction.atomic
def rename_organisation(doer: Doer, organisation: Organisation, name: str) -> None:
    """Its id stays, and with it every address that names it."""
    held = Organisation.objects.select_for_update().get(pk=organisation.pk)
    if held.name == name:
        return
    before, held.name = held.name, name
    held.save(update_fields=["name", "updated_at"])
    target = ("organisation", str(held.pk))
    record(doer, "renamed", target, owner=held, before={"name": before}, after={"name": name})


def suspend_organisations(doer: Doer, organisations: Iterable[Organisation]) -> None:
    """Every node refuses their callers then; running requests finish."""
    _enter(doer, organisations, Organisation.State.SUSPENDED)


def activate_organisations(doer: Doer, organisations: Iterable[Organisation]) -> None:
    _enter(doer, organisations, Organisation.State.ACTIVE)


@transaction.atomic
def _enter(doer: Doer, organisations: Iterable[Organisation], state: Organisation.State) -> None:
    """Those that are in the state already are left alone."""
    announce()
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
