"""The first login of the operators' back office: configured (CYODA_ADMIN_USER, CYODA_ADMIN_PASSWORD), or by a link."""

from __future__ import annotations

from django.contrib.auth import get_user_model

from cyoda.conf import Platform
from tenants.services.administrators import new_setup_token


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


def setup_path() -> str | None:
    """The path of a one-time link that makes the first administrator; None when there is one."""
    token = new_setup_token()
    return None if token is None else f"/setup/{token}"
