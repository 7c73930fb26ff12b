"""Who an operator is, what the permission table gives them, and how the audit log names them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest

from cyoda.permissions import ROLE_OPERATOR, Action, permitted
from tenants.services import people
from tenants.services.audit import Doer, Source


def may_look(user: Any) -> bool:
    """Staff run the platform: they see everything but secrets."""
    roles = (ROLE_OPERATOR,) if user.is_active and user.is_staff else ()
    return Action.OPERATE in permitted(roles)


def may_act(user: Any, permission: str) -> bool:
    """Whether one who may look also has Django's permission ("tenants.change_client")."""
    return may_look(user) and user.has_perm(permission)


def operator(request: HttpRequest, reason: str = "") -> Doer:
    """The signed-in operator, by the user id that their tokens have too."""
    user: Any = request.user
    return replace(people.as_doer(user, Source.BACK_OFFICE), reason=reason)
