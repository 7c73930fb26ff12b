"""The control plane as a Django application."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Control plane"

    def ready(self) -> None:
        from tenants.services.tiers import ensure_tiers

        post_migrate.connect(ensure_tiers, sender=self, dispatch_uid="tiers")
