"""An installation for one environment takes over its tenant and client from the control plane that made it."""

from __future__ import annotations

from django.db import transaction

from cyoda.errors import StorageUnavailable
from tenants.models import Client, Environment
from tenants.naming import schema_name_of
from tenants.provisioning.base import Json
from tenants.provisioning.schemas import Schemas, configured_schemas
from tenants.services.audit import Doer, record
from tenants.services.standing import Standing, admit_tenant, standing_of


def adopt_tenant(doer: Doer, tenant_id: str, client: Json, *, schemas: Schemas | None = None) -> None:
    """Make the tenant with this client; what is there stays, so it can be repeated.

    `client` has `id`, `secret_hash`, `user_id` and `roles`. Raises UnusableTenantId, StorageUnavailable (also where
    the tenant is closed).
    """
    schemas, schema = schemas or configured_schemas(), schema_name_of(tenant_id)
    schemas.create(schema)
    schemas.create_tables(schema)
    standing = standing_of(tenant_id)
    if standing is Standing.UNKNOWN:
        standing = admit_tenant(tenant_id)
    if standing is not Standing.OPEN:
        raise StorageUnavailable(f"the tenant is {standing.name.lower()} here")
    with transaction.atomic():
        environment = Environment.objects.select_for_update().get(schema_name=schema)
        values = {name: client[name] for name in ("secret_hash", "user_id", "roles")}
        Client.objects.update_or_create(id=client["id"], defaults={**values, "environment": environment})
        environment.m2m_client_id = client["id"]
        environment.save(update_fields=["m2m_client_id", "updated_at"])
        target = ("environment", str(environment.pk))
        record(doer, "adopted", target, owner=environment, after={"client": client["id"], "roles": client["roles"]})
