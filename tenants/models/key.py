"""Keys: those that sign and validate our own tokens, and those of tenants that vouch for subjects (identity 7, 8)."""

from __future__ import annotations

from django.db import models

from tenants.models.environment import Environment


class Audience(models.TextChoices):
    CLIENT = "client"
    HUMAN = "human"


class SigningKey(models.Model):
    """A key pair of the whole installation. `private_key` is encrypted.

    The configured pair has a row from the first start on: there `private_key` is null, because the configuration holds
    it; `valid_to` is null while nobody has set it, which means the default validity from each start of a node;
    `deleted_at` keeps it deleted over restarts.
    """

    kid = models.CharField(max_length=64, primary_key=True)
    audience = models.CharField(max_length=16, choices=Audience.choices)
    public_key = models.BinaryField()
    private_key = models.BinaryField(null=True, editable=False)
    is_active = models.BooleanField(default=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-valid_from", "kid")

    def __str__(self) -> str:
        return self.kid


class TrustedKey(models.Model):
    """A tenant's public key for token exchange. `jwk` is the text that was registered, extra properties included."""

    key_id = models.CharField(max_length=128, primary_key=True)
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="trusted_keys")
    jwk = models.TextField()
    audience = models.CharField(max_length=16, choices=Audience.choices)
    issuers = models.JSONField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("environment", "key_id")

    def __str__(self) -> str:
        return self.key_id
