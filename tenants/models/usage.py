"""What environments use, and whom we tell when a limit is near (issue: usage; docs/help/usage.md)."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from tenants.models.environment import Environment
from tenants.models.organisation import Organisation


class UsagePeriod(models.Model):
    """What an environment used in one hour or one day, in UTC.

    Requests and callouts are sums of what nodes counted, refused ones apart; `members_peak` is the most that were
    connected at once. `entities` and `bytes` are what was measured last in the period, at `measured_at`.
    """

    class Span(models.TextChoices):
        HOUR = "hour"
        DAY = "day"

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="usage")
    span = models.CharField(max_length=4, choices=Span.choices)
    started_at = models.DateTimeField()
    requests = models.BigIntegerField(default=0)
    requests_refused = models.BigIntegerField(default=0)
    callouts = models.BigIntegerField(default=0)
    callouts_refused = models.BigIntegerField(default=0)
    members_peak = models.IntegerField(default=0)
    entities = models.BigIntegerField(null=True)
    bytes = models.BigIntegerField(null=True)
    measured_at = models.DateTimeField(null=True)

    objects = models.Manager()

    class Meta:
        ordering = ("environment", "span", "-started_at")
        constraints = [
            models.UniqueConstraint(fields=("environment", "span", "started_at"), name="one_usage_a_period"),
        ]
        indexes = [models.Index(fields=("span", "started_at"), name="usage_by_age")]

    def __str__(self) -> str:
        return f"{self.span} {self.started_at:%Y-%m-%d %H:%M}"


class ConnectedMembers(models.Model):
    """How many calculation members of an environment a node holds; a node that is not heard of holds none."""

    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="connected_members")
    node = models.UUIDField()
    members = models.IntegerField()
    seen_at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("environment", "node"), name="one_count_a_node")]

    def __str__(self) -> str:
        return f"{self.members} at {self.node}"


class Webhook(models.Model):
    """Where notices are posted as cards. Its URL is a secret, encrypted; `host` is the part that may be shown.

    Without an organisation it hears the notices of all.
    """

    class Format(models.TextChoices):
        GOOGLE_CHAT = "google_chat", "Google Chat card"
        SLACK = "slack", "Slack blocks"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, null=True, blank=True, related_name="webhooks"
    )
    name = models.CharField(max_length=100)
    format = models.CharField(max_length=16, choices=Format.choices)
    host = models.CharField(max_length=255)
    url = models.BinaryField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"


class Notice(models.Model):
    """An environment came to `threshold` percent of a limit: one row a limit, threshold and period."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="notices")
    entitlement = models.CharField(max_length=32)
    threshold = models.PositiveSmallIntegerField()
    period_started_at = models.DateTimeField()
    used = models.BigIntegerField()
    limit = models.BigIntegerField()
    created_at = models.DateTimeField()

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("environment", "entitlement", "threshold", "period_started_at"), name="one_notice_a_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.threshold} % of {self.entitlement} of {self.environment}"


class NoticeDelivery(models.Model):
    """A notice on its way to one person or one webhook; after a failure it is tried again at `not_before`."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        FAILED = "failed"

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="deliveries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, null=True, related_name="deliveries")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField()
    error = models.TextField(blank=True, default="")

    objects = models.Manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user=None, webhook__isnull=False) | models.Q(user__isnull=False, webhook=None),
                name="delivery_has_one_target",
            ),
        ]
        indexes = [models.Index(fields=("not_before",), condition=models.Q(state="waiting"), name="deliveries_due")]

    def __str__(self) -> str:
        return str(self.webhook or self.user)
