"""People: who they are to the platform, and what they may do in which organisation."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from cyoda.permissions import ROLE_DEVELOPER, ROLE_OWNER, ROLE_VIEWER
from tenants.models.environment import Environment
from tenants.models.organisation import Organisation


class Role(models.TextChoices):
    """A membership's role is the role that its tokens carry."""

    OWNER = ROLE_OWNER, "Owner"
    DEVELOPER = ROLE_DEVELOPER, "Developer"
    VIEWER = ROLE_VIEWER, "Viewer"


class Density(models.TextChoices):
    """How close the rows of tables stand."""

    COMFORTABLE = "comfortable", _("Comfortable")
    COMPACT = "compact", _("Compact")


class Person(models.Model):
    """What the platform adds to a login: `id` is the user id (`caas_user_id`) of the person's tokens and changes.

    `time_zone`, `shortcuts` and `density` say how pages look to them; without a time zone moments are shown in UTC.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="person")
    time_zone = models.CharField(max_length=64, blank=True, default="")
    shortcuts = models.BooleanField(default=True)
    density = models.CharField(max_length=16, choices=Density.choices, default=Density.COMFORTABLE)

    objects = models.Manager()

    def __str__(self) -> str:
        return str(self.user)


class Visit(models.Model):
    """An environment that a person has looked at, when last, and whether it is among their favourites."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="visits")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="visits")
    seen_at = models.DateTimeField(null=True)
    is_favourite = models.BooleanField(default=False)

    objects = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("person", "environment"), name="one_visit")]

    def __str__(self) -> str:
        return f"{self.person} at {self.environment}"


class Membership(models.Model):
    """A person in an organisation, with one role for all its environments."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=32, choices=Role.choices, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    class Meta:
        ordering = ("organisation", "user")
        constraints = [models.UniqueConstraint(fields=("user", "organisation"), name="one_membership")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organisation}"


class Invitation(models.Model):
    """Asks the owner of a mail address to join; the link's token is mailed and only its digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=32, choices=Role.choices, default=Role.VIEWER)
    token_digest = models.BinaryField(unique=True, editable=False)
    invited_by = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.email} to {self.organisation}"


class RefreshToken(models.Model):
    """A dashboard's standing permission to fetch tokens for a person; no API bearer (contract: identity 19)."""

    digest = models.BinaryField(primary_key=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="refresh_tokens")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = models.Manager()

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.user} until {self.expires_at}"


class SetupLink(models.Model):
    """A link on a node's console that makes the first administrator; only the digest of its token is kept."""

    digest = models.BinaryField(primary_key=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = models.Manager()

    def __str__(self) -> str:
        return f"setup link of {self.created_at}"
