"""Numbers that rise with configuration that every node keeps in memory."""

from __future__ import annotations

from django.db import models


class Epoch(models.Model):
    """Raised in the transaction of the change; a node that sees another number reads the configuration again."""

    class Name(models.TextChoices):
        KEYS = "keys"
        PROVIDERS = "providers"
        TIERS = "tiers"

    name = models.CharField(max_length=32, choices=Name.choices, primary_key=True)
    number = models.BigIntegerField(default=0)

    objects = models.Manager()

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
