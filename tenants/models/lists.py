"""What people keep of lists of entities: views under a name, and what they take away as files."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants.models.environment import Environment
from tenants.models.person import Person


class SavedView(models.Model):
    """A condition (JSON text, empty for everything), columns, an order and a point in time of one model's entities.

    Everyone of an environment sees the views that are shared there, everyone of an organisation those that are shared
    with it, in all of its environments; only who made a view changes it.
    """

    class Scope(models.TextChoices):
        PERSON = "person", _("only me")
        ENVIRONMENT = "environment", _("everyone of this environment")
        ORGANISATION = "organisation", _("everyone of the organisation, in all its environments")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="saved_views")
    owner = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="saved_views")
    model_name = models.TextField()
    model_version = models.IntegerField()
    title = models.CharField(max_length=100)
    scope = models.CharField(max_length=20, choices=Scope.choices, default=Scope.PERSON)
    condition = models.TextField(blank=True, default="")
    columns = models.JSONField(default=list)
    sort = models.TextField(blank=True, default="")
    at = models.CharField(max_length=40, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("title", "id")

    def __str__(self) -> str:
        return self.title


class ChosenView(models.Model):
    """The view by which a person's list of a model's entities begins in an environment."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="+")
    model_name = models.TextField()
    model_version = models.IntegerField()
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="chosen")

    objects = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("environment", "person", "model_name", "model_version"), name="one_chosen_view"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.view_id}"  # type: ignore[attr-defined] - columns of the foreign keys


class Export(models.Model):
    """A file of what a background search finds; it is made of the search's pages whenever it is downloaded, and goes
    with them."""

    class Format(models.TextChoices):
        CSV = "csv", _("CSV, with these columns")
        JSON = "jsonl", _("JSON lines, whole entities")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="exports")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="exports")
    job_id = models.UUIDField(unique=True)
    format = models.CharField(max_length=10, choices=Format.choices)
    columns = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at", "id")

    def __str__(self) -> str:
        return f"{self.format} {self.job_id}"
