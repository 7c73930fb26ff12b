"""How often may be asked: codes of devices are short, so nobody may try many (RFC 8628, 5.1)."""

from __future__ import annotations

from typing import Final

from allauth.core.internal import ratelimit
from django.http import HttpRequest

_RATES: Final = {"device": "30/10m/ip", "guess": "10/1h/user"}


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
