"""Entity models and workflows of the current schema, read-only: their tables belong to the storage backend."""

from __future__ import annotations

from django.db import models


class EntityModel(models.Model):
    """A model: its schema as a JSON tree, and how that may change."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    version = models.IntegerField()
    locked = models.BooleanField()
    change_level = models.TextField(null=True)
    node = models.JSONField()
    unique_keys = models.JSONField()
    updated_at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        managed = False
        db_table = "entity_model"
        ordering = ("name", "version")

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Workflow(models.Model):
    """An imported workflow of a model; `document` is authoritative."""

    pk = models.CompositePrimaryKey("model_id", "position")
    model_id = models.UUIDField()
    position = models.IntegerField()
    document = models.TextField()
    name = models.TextField(null=True)
    active = models.BooleanField(null=True)

    objects = models.Manager()

    class Meta:
        managed = False
        db_table = "workflow"
        ordering = ("model_id", "position")

    def __str__(self) -> str:
        return self.name or str(self.position)
