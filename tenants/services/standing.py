"""Whether a tenant may be served now, as the rows say; and rows for a tenant that comes by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from tenants.models import Environment, Organisation
from tenants.naming import schema_name_of


class Standing(Enum):
    """What a caller of a tenant meets."""

    OPEN = auto()
    SUSPENDED = auto()
    PROVISIONING = auto()
    GONE = auto()
    """Failed, being deleted, or deleted; or kept by a node of its own."""
    UNKNOWN = auto()


_BY_STATE = {
    Environment.State.READY: Standing.OPEN,
    Environment.State.PROVISIONING: Standing.PROVISIONING,
}

_SEEN = ("state", "organisation__state", "driver")


def standing_of(tenant_id: str) -> Standing:
    """Raises UnusableTenantId."""
    for row in Environment.objects.filter(schema_name=schema_name_of(tenant_id)).values_list(*_SEEN):
        return _standing(*row)
    return Standing.GONE if _is_organisation(tenant_id) else Standing.UNKNOWN


def standings_changed_since(moment: datetime) -> Mapping[str, Standing]:
    """By tenant id: the tenants whose environment or organisation was saved at or after a moment."""
    changed = Environment.objects.filter(Q(updated_at__gte=moment) | Q(organisation__updated_at__gte=moment))
    return {tenant_id: _standing(*seen) for tenant_id, *seen in changed.values_list("tenant_id", *_SEEN)}


def admit_tenant(tenant_id: str) -> Standing:
    """Write a ready environment for a tenant nobody announced, unless another node was faster; returns what stands.

    Its schema must exist. Raises UnusableTenantId.
    """
    with transaction.atomic():
        organisation = Organisation.objects.create(name=tenant_id)
        environment = Environment.of_tenant(tenant_id, organisation=organisation, state=Environment.State.READY)
        Environment.objects.bulk_create([environment], ignore_conflicts=True)
        if not Environment.objects.filter(pk=environment.pk).exists():
            transaction.set_rollback(True)
    return standing_of(tenant_id)


def _is_organisation(tenant_id: str) -> bool:
    """The tokens of people whose organisation has no environment name the organisation, which has no data."""
    try:
        return Organisation.objects.filter(pk=UUID(tenant_id)).exists()
    except ValueError:
        return False


def _standing(state: str, organisation_state: str, driver: str) -> Standing:
    standing = _BY_STATE.get(Environment.State(state), Standing.GONE) if driver == "local" else Standing.GONE
    is_suspended = organisation_state == Organisation.State.SUSPENDED
    return Standing.SUSPENDED if is_suspended and standing is not Standing.GONE else standing
