"""What people have let command lines do for them (contract: control plane 4.7)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from tenants.models.environment import Environment
from tenants.models.organisation import Organisation


class Consent(models.Model):
    """A person lets a client act for them in one organisation: every token of one sign-in rests on it.

    `id` is also the family of its refresh tokens. `code_digest` is the SHA-256 of the code that is exchanged for the
    first token, `scope` what the client asked for; tokens name what of that the person's role allows. `environment`
    None: the person chose the organisation, which had no environment then.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code_digest = models.BinaryField(unique=True, editable=False)
    client_id = models.CharField(max_length=255)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="consents")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    environment = models.ForeignKey(Environment, on_delete=models.SET_NULL, null=True)
    scope = models.TextField()
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    """When its last token was given; None while the code waits."""
    ended_at = models.DateTimeField(null=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.user} for {self.client_id}"
