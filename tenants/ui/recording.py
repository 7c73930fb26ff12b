"""Changes that people make to their own logins through the library's pages, written to the audit log."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as account
from allauth.mfa import signals as factors
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import AbstractUser
from django.dispatch import Signal

from tenants.services.audit import Source
from tenants.services.people import record_own

_RENEWED = "recovery codes renewed"
_ACTIONS: tuple[tuple[Signal, str], ...] = (
    (account.password_changed, "password changed"),
    (account.password_set, "password set"),
    (account.password_reset, "password reset"),
    (factors.authenticator_added, "second factor added"),
    (factors.authenticator_removed, "second factor removed"),
    (factors.authenticator_reset, _RENEWED),
)


def start() -> None:
    """Listen; more than once has no further effect."""
    for signal, action in _ACTIONS:
        signal.connect(_recorder(action), weak=False, dispatch_uid=action)


def _recorder(action: str) -> Any:
    def record(user: AbstractUser, authenticator: Authenticator | None = None, **_: Any) -> None:
        if authenticator is None or authenticator.type == Authenticator.Type.TOTP or action == _RENEWED:
            record_own(action, user, Source.PAGES)  # recovery codes come and go with the factor

    return record
