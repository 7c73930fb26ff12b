"""Drafts of workflows: what people change before it is imported, with every step kept so that it can be undone."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.environment import Environment


class WorkflowDraft(models.Model):
    """One workflow being changed by the people of an environment together.

    `base` is the version of the model's workflows that it began with, 0 for none; `version` rises with every change,
    undoing included; `position` is the number of the revision that counts now.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="workflow_drafts")
    model_name = models.TextField()
    model_version = models.IntegerField()
    workflow = models.TextField()
    base = models.PositiveIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    position = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-updated_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("environment", "model_name", "model_version", "workflow"), name="draft_once_a_workflow"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow} of {self.model_name} {self.model_version}"


class DraftRevision(models.Model):
    """The whole document after one change; `author` is the id of a person, who may have left since."""

    draft = models.ForeignKey(WorkflowDraft, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    document = models.TextField()
    summary = models.TextField(blank=True, default="")
    author = models.TextField()
    made_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("draft", "number")
        constraints = [models.UniqueConstraint(fields=("draft", "number"), name="revision_once_a_draft")]

    def __str__(self) -> str:
        return f"{self.number}: {self.summary}"
