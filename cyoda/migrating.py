"""The public schema brought up to date when a node starts: under a lock, and almost free when there is nothing to do.

Tenants' schemas are none of Django's business: the storage upgrades them by its own scripts.
"""

from __future__ import annotations

import pkgutil
from importlib.util import find_spec

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import ProgrammingError, connection

_LOCK = 0x63796F6461  # "cyoda": one number for all nodes of a database


def migrate_public() -> bool:
    """Apply what is missing; of several nodes that start at once, one works and the others wait for it.

    Returns whether anything was applied.
    """
    if _is_current():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    try:
        if _is_current():
            return False
        call_command("migrate_schemas", shared=True, interactive=False, verbosity=0)
        return True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _is_current() -> bool:
    """Names only: importing every migration would cost more than the rest of a start."""
    return _available() <= _recorded()


def _available() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for config in apps.get_app_configs():
        is_shared = config.name in settings.SHARED_APPS or f"{type(config).__module__}.{type(config).__qualname__}" in (
            settings.SHARED_APPS
        )
        spec = find_spec(f"{config.name}.migrations") if is_shared else None
        if spec is not None and spec.submodule_search_locations is not None:
            modules = pkgutil.iter_modules(spec.submodule_search_locations)
            found |= {(config.label, module.name) for module in modules if module.name[0] not in "_~"}
    return found


def _recorded() -> set[tuple[str, str]]:
    with connection.cursor() as cursor:
        try:
            cursor.execute("SELECT app, name FROM public.django_migrations")
        except ProgrammingError:
            return set()
        return {(app, name) for app, name in cursor.fetchall()}
