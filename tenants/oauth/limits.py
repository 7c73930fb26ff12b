"""How often may be asked, and how much: codes of devices are short, so nobody may try many (RFC 8628, 5.1)."""

from __future__ import annotations

from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest, QueryDict

_RATES: Final = {"device": "30/10m/ip", "guess": "10/1h/user"}

_LONGEST_SCOPE: Final = 1000


def can_be_kept(asked: QueryDict) -> bool:
    """Whether rows take it: NUL is no text of the database, and nobody needs a scope without end."""
    if any("\0" in value for values in asked.lists() for value in (values[0], *values[1])):
        return False
    return len(asked.get("scope", "")) <= _LONGEST_SCOPE


def may_start(request: HttpRequest) -> bool:
    """Whether this address may start another sign-in of a device."""
    return _consume(request, "device")


def may_guess(request: HttpRequest) -> bool:
    """Whether the signed-in person may type another code."""
    return _consume(request, "guess", dry_run=True)


def guessed_wrong(request: HttpRequest) -> None:
    _consume(request, "guess")


def _consume(request: HttpRequest, action: str, *, dry_run: bool = False) -> bool:
    usage = ratelimit.consume(
        request, app="tenants.oauth", action=action, config=_RATES, dry_run=dry_run, limit_get=True
    )
    return usage is not None
