"""What must still be handed to the workers: written with the change itself, removed when it was sent."""

from __future__ import annotations

from django.db import models


class Outbox(models.Model):
    """One wake-up. `topic` names who is woken, `payload` is the text it is given (an id)."""

    topic = models.CharField(max_length=64)
    payload = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "outbox"

    def __str__(self) -> str:
        return f"{self.topic} {self.payload}"
