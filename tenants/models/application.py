"""Programs of an organisation that run beside its environment as compute nodes, and what they say (section 5)."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.client import Client
from tenants.models.environment import Environment


class Application(models.Model):
    """What shall run: `replicas` processes of a command or of an image; the supervisor compares it with what runs.

    A new `revision` replaces the processes one by one. `variables` (a JSON object) and `client_secret` are encrypted.
    The `client` is the application's own and ends with it. `failure` is a sentence that says why this revision cannot
    run, empty otherwise.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="applications")
    name = models.CharField(max_length=40)
    command = models.JSONField(default=list, blank=True)
    image = models.CharField(max_length=500, blank=True, default="")
    repository = models.CharField(max_length=2000, blank=True, default="")
    branch = models.CharField(max_length=300, blank=True, default="")
    replicas = models.PositiveIntegerField(default=1)
    variables = models.BinaryField(default=bytes)
    tags = models.JSONField(default=list, blank=True)
    client: models.ForeignKey[Client | None] = models.ForeignKey(
        Client, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    client_secret = models.BinaryField(default=bytes)
    revision = models.PositiveIntegerField(default=1)
    is_stopped = models.BooleanField(default=False)
    failure = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("environment", "name")
        constraints = [models.UniqueConstraint(fields=("environment", "name"), name="one_application_a_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.environment}"


class ApplicationProcess(models.Model):
    """One replica as the supervisor last saw it; `restarts` since it last ran well, `last_exit` how it ended."""

    class State(models.TextChoices):
        STARTING = "starting"
        RUNNING = "running"
        STOPPING = "stopping"
        WAITING = "waiting"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="processes")
    replica = models.PositiveIntegerField()
    revision = models.PositiveIntegerField()
    pid = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=16, choices=State.choices)
    restarts = models.PositiveIntegerField(default=0)
    last_exit = models.CharField(max_length=100, blank=True, default="")
    started_at = models.DateTimeField(null=True)

    objects = models.Manager()

    class Meta:
        ordering = ("application", "replica")
        constraints = [models.UniqueConstraint(fields=("application", "replica"), name="one_process_a_replica")]

    def __str__(self) -> str:
        return f"{self.application}, {self.replica}"


class LogLine(models.Model):
    """A line that a replica wrote; of one application, later ones have higher ids. Old ones are removed.

    The order of lines of the two streams is that in which they were read, which may differ from that of the writing.
    """

    class Stream(models.TextChoices):
        OUT = "stdout"
        ERROR = "stderr"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="lines")
    replica = models.PositiveIntegerField()
    at = models.DateTimeField()
    stream = models.CharField(max_length=6, choices=Stream.choices, default=Stream.OUT)
    text = models.TextField()

    objects = models.Manager()

    class Meta:
        ordering = ("pk",)
        indexes = [models.Index(fields=("application", "id"), name="lines_of_an_application")]

    def __str__(self) -> str:
        return self.text
