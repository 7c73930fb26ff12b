"""What AI Studio calls things (contract: control plane 2.1, CM1)."""

from __future__ import annotations

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
