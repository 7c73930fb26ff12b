"""Sign-ins of devices without a browser: their codes, and what a person answers (RFC 8628)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import AbstractUser
from django.db import transaction
from oauth2_provider.models import DeviceGrant
from oauthlib.oauth2 import DeviceApplicationServer

from cyoda.clock import system_clock
from tenants.oauth import scopes
from tenants.services import consents
from tenants.services.consents import Place

_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words, and no digits that look like letters (RFC 8628, 6.1)."""
_HALF = 4
LIFETIME_SECONDS: Final = 900


class DeviceServer(DeviceApplicationServer):
    """The library's, with our codes and their lifetime."""

    def __init__(self, *args: Any, **values: Any) -> None:
        super().__init__(*args, **{**values, "user_code_generator": user_code})

    @property
    def expires_in(self) -> int:
        return LIFETIME_SECONDS


def user_code() -> str:
    """A new one, to be typed by a person: `WDJB-MJHT`."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(2 * _HALF))
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def typed_code(text: str) -> str:
    """The code that somebody means, whatever they put between its letters."""
    letters = "".join(letter for letter in text.upper() if letter.isalpha())
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def begin(answer: dict[str, Any], client_id: str, scope: str) -> None:
    """Remember a new sign-in; of its device code only a digest. The first poll may come at once."""
    now = system_clock()
    grant = DeviceGrant.objects.create(
        client_id=client_id,
        device_code=consents.digest_of(answer["device_code"]).hex(),
        user_code=answer["user_code"],
        scope=scope or " ".join(scopes.DEFAULT),
        interval=answer["interval"],
        expires=now + timedelta(seconds=answer["expires_in"]),
    )
    started = now - timedelta(seconds=grant.interval)
    DeviceGrant.objects.filter(pk=grant.pk).update(last_checked=started)


def waiting(code: str) -> DeviceGrant | None:
    """The sign-in that waits for an answer to this code."""
    grants = DeviceGrant.objects.filter(user_code=typed_code(code), status=DeviceGrant.AUTHORIZATION_PENDING)
    return grants.filter(expires__gt=system_clock()).first()


@transaction.atomic
def answer(grant: DeviceGrant, user: AbstractUser, place: Place | None) -> bool:
    """The person's answer, `place` None for no; False when somebody has answered before."""
    pending = DeviceGrant.objects.select_for_update(of=("self",)).filter(pk=grant.pk)
    if not pending.filter(status=DeviceGrant.AUTHORIZATION_PENDING).exists():
        return False
    status = DeviceGrant.DENIED if place is None else DeviceGrant.AUTHORIZED
    pending.update(status=status, user=user)
    if place is None:
        consents.refuse(user, grant.client_id)
    else:
        digest = bytes.fromhex(grant.device_code)
        consents.give(user, place, client_id=grant.client_id, scope=grant.scope, code_digest=digest)
    return True
