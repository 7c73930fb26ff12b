"""Provisioning as rows: a run and its named steps (contract: control plane 2.2)."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.environment import Environment


class Provisioning(models.Model):
    """One run of a driver's steps for an environment: forward to create it, backward to delete it.

    `claim` and `lease_until` say which worker acts on it and until when; `not_before` holds it back after a failure.
    `input` is what the steps are given; it never holds a secret. `failure` says why it turned back, and is empty
    otherwise; `chat_id` is whatever the caller ties the run to.
    """

    class Kind(models.TextChoices):
        CREATE = "create"
        DELETE = "delete"

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        UNDOING = "undoing"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    class Failure(models.TextChoices):
        JOB = "job"
        MINT = "mint"
        BOOTSTRAP = "bootstrap"
        TIMEOUT = "time-out"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    input = models.JSONField(default=dict)
    failure = models.CharField(max_length=16, choices=Failure.choices, blank=True, default="")
    error = models.TextField(default="", blank=True)
    chat_id = models.CharField(max_length=200, blank=True, default="")
    claim = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = "provisioning run"
        constraints = [
            models.UniqueConstraint(
                fields=("environment",), condition=models.Q(finished_at=None), name="one_unfinished_run"
            ),
        ]
        indexes = [
            models.Index(fields=("not_before",), condition=models.Q(finished_at=None), name="unfinished_runs"),
            models.Index(fields=("kind", "-created_at", "-id"), name="runs_newest_first"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.environment}"


class ProvisioningStep(models.Model):
    """What became of one step: `attempts` counts the current direction, `log` has a line for every transition."""

    class State(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        UNDOING = "undoing"
        UNDONE = "undone"

    run = models.ForeignKey(Provisioning, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    state = models.CharField(max_length=16, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    output = models.JSONField(default=dict, blank=True)
    error = models.TextField(default="", blank=True)
    log = models.TextField(default="", blank=True)

    objects = models.Manager()

    class Meta:
        ordering = ("run", "position")
        constraints = [models.UniqueConstraint(fields=("run", "position"), name="one_step_a_position")]

    def __str__(self) -> str:
        return self.name


class ProvisioningEvent(models.Model):
    """A change of a run's state or, with a `step`, of that step's; of one run, later ones have higher ids."""

    run = models.ForeignKey(Provisioning, on_delete=models.CASCADE, related_name="events")
    step: models.ForeignKey[ProvisioningStep | None] = models.ForeignKey(
        ProvisioningStep, on_delete=models.CASCADE, null=True, related_name="+"
    )
    state = models.CharField(max_length=16)
    attempt = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        ordering = ("pk",)
        indexes = [models.Index(fields=("run", "id"), name="events_of_a_run")]

    def __str__(self) -> str:
        return f"{self.run} {self.state}"
