"""Identity providers whose tokens a tenant accepts (contract: identity 10)."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.environment import Environment


class OidcProvider(models.Model):
    """Registered by its discovery URI, once a tenant; invalidated ones keep the URI taken.

    `issuers` and `expected_audiences` are null when they are not pinned, `roles_claim` when the default applies.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="oidc_providers")
    well_known_uri = models.CharField(max_length=1000)
    is_active = models.BooleanField(default=True)
    issuers = models.JSONField(null=True, blank=True)
    expected_audiences = models.JSONField(null=True, blank=True)
    roles_claim = models.CharField(max_length=100, null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("environment", "created_at")
        verbose_name = "OIDC provider"
        constraints = [
            models.UniqueConstraint(fields=("environment", "well_known_uri"), name="provider_once_a_tenant"),
        ]

    def __str__(self) -> str:
        return self.well_known_uri
