"""Changes by hand in a production environment: its name is typed first."""

from __future__ import annotations

from django.utils.translation import gettext as _

from tenants.models import Environment
from tenants.ui.console.place import Place


def is_guarded(place: Place) -> bool:
    """Whether changes by hand ask for the environment's name."""
    return place.environment.kind == Environment.Kind.PRODUCTION


def not_confirmed(place: Place, typed: str) -> str:
    """What is wrong with the name that was typed; empty where nothing is."""
    if not is_guarded(place) or typed.strip() == place.environment.name:
        return ""
    return _("This is production: type the name of the environment, %(name)s, to confirm.") % {
        "name": place.environment.name
    }
