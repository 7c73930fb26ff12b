"""The control plane as a Django application."""

from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate, post_save


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Control plane"

    def ready(self) -> None:
        from tenants import checks as checks  # registers itself
        from tenants.oauth.clients import ensure_client
        from tenants.services.backends import ensure_local
        from tenants.services.people import make_person
        from tenants.services.tiers import ensure_tiers

        post_save.connect(make_person, sender=settings.AUTH_USER_MODEL, dispatch_uid="person")
        post_migrate.connect(ensure_tiers, sender=self, dispatch_uid="tiers")
        post_migrate.connect(ensure_local, sender=self, dispatch_uid="backends")
        library = apps.get_app_config("oauth2_provider")
        post_migrate.connect(ensure_client, sender=library, dispatch_uid="clients")
