"""Places that environments can be made in, as data: one cloud or several are a matter of rows."""

from __future__ import annotations

from django.db import models


class Backend(models.Model):
    """A target of a driver. `slug` is what callers name, and what tiers list; to them it is opaque.

    `parameters` are those that the driver declares. `capacity` is how many environments may stand there, null for any
    number. A disabled one takes no new environments; those that it has stay.
    """

    slug = models.SlugField(max_length=32, primary_key=True)
    title = models.CharField(max_length=100)
    driver = models.CharField(max_length=32)
    parameters = models.JSONField(default=dict, blank=True)
    region = models.CharField(max_length=32, blank=True, default="")
    capacity = models.PositiveIntegerField(null=True, blank=True)
    is_enabled = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = models.Manager()

    class Meta:
        ordering = ("slug",)
        verbose_name = "back end"

    def __str__(self) -> str:
        return self.title
