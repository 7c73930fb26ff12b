"""Technical clients of environments (contract: identity 9)."""

from __future__ import annotations

from django.db import models

from tenants.models.environment import Environment


class Client(models.Model):
    """Obtains tokens with its id and a secret that is shown once; only a hash of the secret is kept.

    After a rotation with an overlap the secret before it works until `previous_secret_until`. `last_used_at` is
    written at most once a minute. `secret_start` are the present secret's first characters, by which a person tells
    secrets apart. `is_configured` marks the bootstrap client, which every start of a node makes as the settings say.
    """

    id = models.CharField(max_length=100, primary_key=True)
    label = models.CharField(max_length=100, blank=True, default="")
    secret_hash = models.TextField()
    secret_start = models.CharField(max_length=8, blank=True, default="", editable=False)
    previous_secret_hash = models.TextField(blank=True, default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="clients")
    user_id = models.TextField()
    roles = models.JSONField(default=list)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    is_configured = models.BooleanField(default=False, editable=False)
    created_by = models.TextField(blank=True, default="", editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.id
