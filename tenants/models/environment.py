"""A place where a tenant's data lives, and the host names that lead there (contract: control plane 2, 2.2)."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django_tenants.models import DomainMixin, TenantMixin

from tenants.models.organisation import Organisation
from tenants.naming import is_environment_name, schema_name_of


def check_environment_name(name: str) -> None:
    """Raises ValidationError."""
    if not is_environment_name(name):
        raise ValidationError(f"{name!r} is not an environment name.")


class Environment(TenantMixin):
    """One tenant of the data plane: `tenant_id` is the `caas_org_id` of its tokens, any text that is not empty.

    `schema_name` is derived from `tenant_id`, and unique in its place: an index cannot hold a text of any length.
    The schema itself is made and dropped by provisioning, never by saving or deleting the row.
    """

    auto_create_schema = False
    auto_drop_schema = False

    class Kind(models.TextChoices):
        DEVELOPMENT = "development"
        STAGING = "staging"
        PRODUCTION = "production"

    class State(models.TextChoices):
        PROVISIONING = "provisioning"
        READY = "ready"
        FAILED = "failed"
        DELETING = "deleting"
        DELETED = "deleted"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="environments")
    name = models.CharField(max_length=22, default="development", validators=[check_environment_name])
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.DEVELOPMENT)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PROVISIONING)
    tenant_id = models.TextField(editable=False)
    driver = models.CharField(max_length=32, default="local")
    parameters = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    objects = models.Manager()

    class Meta:
        ordering = ("created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("organisation", "name"), condition=~Q(state="deleted"), name="environment_name_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id[:80]} ({self.name})"

    @classmethod
    def of_tenant(cls, tenant_id: str, **values: object) -> Environment:
        """A new row, not saved. Raises UnusableTenantId."""
        return cls(tenant_id=tenant_id, schema_name=schema_name_of(tenant_id), **values)


class Domain(DomainMixin):
    """A host name of an environment. The base class has its fields: domain, tenant, is_primary."""
