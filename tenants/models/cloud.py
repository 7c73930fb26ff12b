"""What the cloud API remembers of its callers (contract: control plane 4.4, 4.5)."""

from __future__ import annotations

from django.db import models

from tenants.models.environment import Environment
from tenants.models.organisation import Organisation


class IdempotencyKey(models.Model):
    """A request that made an environment: asked again with the same key, it is answered with that environment.

    `digest` is the SHA-256 of the request's canonical body.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE)
    user_id = models.TextField()
    key = models.CharField(max_length=200)
    digest = models.BinaryField(editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE)
    created_at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("organisation", "user_id", "key"), name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key


class RateBucket(models.Model):
    """How many requests a user may make at once on a route now, all nodes together; refilled as time passes.

    The table is unlogged: what it holds is worth nothing after a few seconds.
    """

    key = models.TextField(primary_key=True)
    tokens = models.FloatField()
    at = models.DateTimeField(db_index=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return self.key


class Orphan(models.Model):
    """Something in a back end that belongs to no standing environment, since it was first seen."""

    name = models.CharField(max_length=63, primary_key=True)
    seen_at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        ordering = ("seen_at",)

    def __str__(self) -> str:
        return self.name
