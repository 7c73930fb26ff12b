"""The first login of the operators' back office: configured (CYODA_ADMIN_USER, CYODA_ADMIN_PASSWORD), or by a link."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from cyoda.conf import Conf, Platform
from tenants.models import Environment, Role
from tenants.naming import schema_name_of
from tenants.services.administrators import new_setup_token
from tenants.services.audit import PLATFORM
from tenants.services.people import add_member


def ensure_operator(platform: Platform) -> bool:
    """Give the configured login its configured password; returns False when no password is configured.

    The configuration wins over a password that was changed in the back office. Needs the migrated database.
    """
    if platform.admin_password is None:
        return False
    users = get_user_model()._default_manager
    user, _ = users.get_or_create(username=platform.admin_user, defaults={"is_staff": True, "is_superuser": True})
    if not user.check_password(platform.admin_password):
        user.set_password(platform.admin_password)
        user.save()
    return True


def own_bootstrap_tenant(conf: Conf) -> None:
    """Make the configured login an owner of the bootstrap client's tenant, so that its pages show the demo."""
    user = get_user_model()._default_manager.filter(username=conf.platform.admin_user).first()
    environment = Environment.objects.filter(schema_name=schema_name_of(conf.bootstrap.tenant_id)).first()
    if user is not None and environment is not None:
        add_member(PLATFORM, environment.organisation, user, Role.OWNER)


def setup_path() -> str | None:
    """The path of a one-time link that makes the first administrator; None when there is one."""
    token = new_setup_token()
    return None if token is None else f"/setup/{token}"
