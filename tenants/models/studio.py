"""What AI Studio calls things, and what it has asked to be built (contract: control plane 2.1, 6.1)."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.environment import Environment


class StudioNamespace(models.Model):
    """The namespace by which AI Studio knows an environment or, if `application` is named, one of its applications.

    Among those of an organisation's standing environments a name occurs once. `user` is whom it was made for.
    """

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="studio_namespaces")
    application = models.CharField(max_length=100, blank=True, default="")
    name = models.CharField(max_length=253, db_index=True)
    user = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("environment", "application"), name="one_studio_namespace"),
        ]

    def __str__(self) -> str:
        return self.name


class StudioBuild(models.Model):
    """An application that was asked for from its source. Nothing is built from source here, so each has failed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    namespace = models.ForeignKey(StudioNamespace, on_delete=models.CASCADE, related_name="builds")
    repository = models.CharField(max_length=2000)
    branch = models.CharField(max_length=300)
    chat_id = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.repository} {self.branch}"
