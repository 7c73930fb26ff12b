"""A place where a tenant's data lives, and the host names that lead there (contract: control plane 2, 2.2)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django_tenants.models import DomainMixin, TenantMixin

from tenants.models.backend import Backend
from tenants.models.organisation import Organisation
from tenants.naming import is_environment_name, schema_name_of

if TYPE_CHECKING:
    from tenants.models.provisioning import Provisioning

LOCAL = "local"
"""The back end that every installation has."""
_OWNER_DIGITS = 12


def check_environment_name(name: str) -> None:
    """Raises ValidationError."""
    if not is_environment_name(name):
        raise ValidationError(f"{name!r} is not an environment name.")


class Environment(TenantMixin):
    """One tenant of the data plane: `tenant_id` is the `caas_org_id` of its tokens, any text that is not empty.

    `schema_name` is derived from `tenant_id`, and unique in its place: an index cannot hold a text of any length.
    The schema itself is made and dropped by provisioning, never by saving or deleting the row. `m2m_client_id` is the
    client that was made with it, `build` the run that makes it or made it last; one admitted on first sight has
    neither. `driver` and `parameters` are the back end's at the time of the order.
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
        CANCELLED = "cancelled"

    ENDED = (State.DELETED, State.FAILED, State.CANCELLED)
    """Nothing is left of it, and its name is free."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="environments")
    name = models.CharField(max_length=22, default="development", validators=[check_environment_name])
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.DEVELOPMENT)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PROVISIONING)
    tenant_id = models.TextField(editable=False)
    backend = models.ForeignKey(
        Backend,
        on_delete=models.PROTECT,
        default=LOCAL,  # type: ignore[arg-type] - Django takes the key
        related_name="environments",
    )
    region = models.CharField(max_length=32, blank=True, default="")
    driver = models.CharField(max_length=32, default="local")
    parameters = models.JSONField(default=dict, blank=True)
    m2m_client_id = models.CharField(max_length=100, blank=True, default="")
    build: models.ForeignKey[Provisioning | None] = models.ForeignKey(
        "tenants.Provisioning", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    objects = models.Manager()

    class Meta:
        ordering = ("created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("organisation", "name"),
                condition=~Q(state__in=("deleted", "failed", "cancelled")),
                name="environment_name_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id[:80]} ({self.name})"

    @property
    def namespace(self) -> str:
        """Its name among all environments of the installation, usable as a DNS label."""
        return f"cl-{self._owner_digits}-{self.name}"

    @property
    def app_namespace(self) -> str:
        """The same of its client compute."""
        return f"cl-app-{self._owner_digits}-{self.name}"

    @property
    def _owner_digits(self) -> str:
        return self.organisation_id.hex[:_OWNER_DIGITS]  # type: ignore[attr-defined] - django-types has no *_id

    @classmethod
    def of_tenant(cls, tenant_id: str, **values: object) -> Environment:
        """A new row, not saved. Raises UnusableTenantId."""
        return cls(tenant_id=tenant_id, schema_name=schema_name_of(tenant_id), **values)


class Domain(DomainMixin):
    """A host name of an environment. The base class has its fields: domain, tenant, is_primary."""
