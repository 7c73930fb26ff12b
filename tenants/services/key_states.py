"""Where each of the installation's signing keys is in its life (contract: identity 6, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tenants.identity.cipher import Cipher, Undecryptable
from tenants.models import Audience, SigningKey


class KeyState(StrEnum):
    """What a key does for tokens."""

    CURRENT = "current"
    """Signs the new ones."""
    STANDBY = "standby"
    """Is accepted and published, and signs when the current one goes."""
    GRACE = "grace"
    """Is refused here and still published, for who verifies elsewhere."""
    REVOKED = "revoked"
    """Is refused and not published. It can come back."""
    EXPIRED = "expired"
    """Signs no more and is not published; what it signed is accepted until it expires."""
    ABSENT = "absent"
    """Was in the settings, and is not there now: it does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key with its state; one that is `unreadable` cannot sign, for no passphrase opens it."""

    key: SigningKey
    state: KeyState
    is_configured: bool
    is_unreadable: bool


def key_views(cipher: Cipher, configured_kid: str | None, now: datetime) -> Sequence[KeyView]:
    """All keys, the newest first; `configured_kid` is that of the settings."""
    rows = list(SigningKey.objects.filter(deleted_at=None).order_by("-valid_from", "-kid"))
    unreadable = {row.kid for row in rows if row.private_key is not None and not _opens(cipher, row)}
    able = [row for row in rows if row.kid not in unreadable and not _is_absent(row, configured_kid)]
    signing = {kid for kid in (_signing(able, audience, now) for audience in Audience.values) if kid is not None}
    return [
        KeyView(
            key=row,
            state=KeyState.ABSENT if _is_absent(row, configured_kid) else _state(row, row.kid in signing, now),
            is_configured=row.private_key is None,
            is_unreadable=row.kid in unreadable,
        )
        for row in rows
    ]


def _signing(rows: Iterable[SigningKey], audience: str, now: datetime) -> str | None:
    """As KeyRing.signing has it: of those that can, the one that is valid from the latest moment."""
    able = [row.kid for row in rows if row.audience == audience and row.is_active and not _is_over(row, now)]
    return able[0] if able else None


def _state(row: SigningKey, is_signing: bool, now: datetime) -> KeyState:
    if not row.is_active:
        return KeyState.REVOKED if _is_over(row, now) else KeyState.GRACE
    if _is_over(row, now):
        return KeyState.EXPIRED
    return KeyState.CURRENT if is_signing else KeyState.STANDBY


def _is_over(row: SigningKey, now: datetime) -> bool:
    return row.valid_to is not None and row.valid_to <= now


def _is_absent(row: SigningKey, configured_kid: str | None) -> bool:
    return row.private_key is None and row.kid != configured_kid


def _opens(cipher: Cipher, row: SigningKey) -> bool:
    try:
        cipher.decrypt(bytes(row.private_key or b""), context=row.kid)
    except Undecryptable:
        return False
    return True
