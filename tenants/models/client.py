"""Technical clients of environments (contract: identity 9)."""

from __future__ import annotations

from django.db import models

from tenants.models.environment import Environment


class Client(models.Model):
    """Obtains tokens with its id and a secret that is shown once; only the secret's SHA-256 is kept."""

    id = models.CharField(max_length=100, primary_key=True)
    secret_digest = models.BinaryField()
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="clients")
    user_id = models.TextField()
    roles = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.id
