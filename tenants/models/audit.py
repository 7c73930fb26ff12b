"""Who changed what in the control plane: rows that the database itself refuses to change or delete."""

from __future__ import annotations

from django.db import models


class AuditEvent(models.Model):
    """One change. Organisation and tenant are kept as values, so that the record outlives them.

    `before` and `after` hold the changed fields, never a secret; both are null where there is nothing to compare.
    """

    class Source(models.TextChoices):
        API = "api"
        PAGES = "pages"
        BACK_OFFICE = "back office"
        TERMINAL = "terminal"
        PLATFORM = "platform"

    at = models.DateTimeField(db_index=True)
    actor_id = models.TextField()
    actor_name = models.TextField()
    actor_kind = models.CharField(max_length=16)
    source = models.CharField(max_length=16, choices=Source.choices)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=64)
    target_id = models.TextField()
    organisation_id = models.UUIDField(null=True)
    tenant_id = models.TextField(blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.TextField(blank=True, default="")
    reason = models.TextField(blank=True, default="")

    objects = models.Manager()

    class Meta:
        ordering = ("-id",)
        indexes = [
            models.Index(fields=("organisation_id", "-id"), name="audit_of_organisation"),
            models.Index(fields=("target_type", "target_id"), name="audit_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.target_id}"
