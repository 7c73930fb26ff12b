"""What organisations are entitled to: tiers as data, and who has which (contract: control plane 3)."""

from __future__ import annotations

import uuid

from django.db import models

from tenants.models.organisation import Organisation


class Tier(models.Model):
    """`limits` is a list of `{entitlementId, cumulative, limit, timeIntervalBound?}`; what it leaves out is unlimited.

    `env_deploys_per_day` -1 is unlimited; `backends` are the names of those that environments may use, `["*"]` is any.
    """

    name = models.CharField(max_length=32, primary_key=True)
    title = models.CharField(max_length=100)
    limits = models.JSONField(default=list, blank=True)
    backends = models.JSONField(default=list, blank=True)
    env_deploys_per_day = models.IntegerField(default=-1)
    env_lifetime_days = models.PositiveIntegerField(null=True, blank=True)
    deploys_apps = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.title


class Subscription(models.Model):
    """The tier of an organisation from a moment on."""

    class Status(models.TextChoices):
        ACTIVE = "ACTIVE"
        CANCELLED = "CANCELLED"
        EXPIRED = "EXPIRED"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="subscriptions")
    tier = models.ForeignKey(Tier, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.ACTIVE)
    period_from = models.DateTimeField()
    period_to = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering = ("organisation", "-period_from")
        constraints = [
            models.UniqueConstraint(
                fields=("organisation",), condition=models.Q(status="ACTIVE"), name="one_active_subscription"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tier} of {self.organisation}"


class QuotaWindow(models.Model):
    """How much of a rate was handed out to nodes in one window of time (contract: control plane 3.1).

    `tenant` is the schema name of the environment.
    """

    tenant = models.CharField(max_length=63)
    entitlement = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    taken = models.BigIntegerField(default=0)

    objects = models.Manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("tenant", "entitlement"), name="one_window_an_entitlement"),
        ]

    def __str__(self) -> str:
        return f"{self.entitlement} of {self.tenant}"


class MemberSeat(models.Model):
    """A calculation member that is connected to some node; one that is not seen for a while is gone."""

    id = models.UUIDField(primary_key=True, editable=False)
    tenant = models.CharField(max_length=63, db_index=True)
    seen_at = models.DateTimeField()

    objects = models.Manager()

    def __str__(self) -> str:
        return str(self.id)
