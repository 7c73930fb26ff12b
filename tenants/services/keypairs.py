"""The installation's signing keys: changing them, and how a node holds them in memory (contract: identity 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_der_public_key,
)
from django.db import transaction

from cyoda.clock import Clock, system_clock
from cyoda.errors import KeypairNotFound
from tenants.identity.cipher import Cipher, Undecryptable
from tenants.identity.keys import Audience, KeyPair, KeyRing, new_key_id, spki_of
from tenants.identity.validity import Window
from tenants.models import Epoch, SigningKey
from tenants.services.audit import PLATFORM, Doer, record
from tenants.services.epochs import raise_epoch
from tenants.services.off_loop import OrmThread

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPairOrder:
    """What is asked of a new pair; `grace` is how long the pairs that it replaces stay published."""

    audience: Audience
    window: Window
    invalidate_current: bool = False
    grace: timedelta = timedelta(0)


@transaction.atomic
def issue_key_pair(
    doer: Doer, order: KeyPairOrder, private_key: RSAPrivateKey, *, cipher: Cipher, clock: Clock = system_clock
) -> SigningKey:
    """Keep a new pair, active at once; `private_key` is fresh and RSA, stored encrypted."""
    if order.invalidate_current:
        for current in SigningKey.objects.select_for_update().filter(
            audience=order.audience, is_active=True, deleted_at=None
        ):
            _invalidate(doer, current, clock() + order.grace)
    kid = new_key_id()
    secret = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    row = SigningKey.objects.create(
        kid=kid,
        audience=order.audience,
        public_key=spki_of(private_key.public_key()),
        private_key=cipher.encrypt(secret, context=kid),
        valid_from=order.window.valid_from,
        valid_to=order.window.valid_to,
    )
    _recorded(doer, "issued", row, before=None)
    return row


@transaction.atomic
def invalidate_key_pair(doer: Doer, kid: str, grace: timedelta, *, clock: Clock = system_clock) -> None:
    """Refuse the pair's tokens from now on; it stays published for `grace`. Raises KeypairNotFound."""
    _invalidate(doer, _standing(kid), clock() + grace)


@transaction.atomic
def reactivate_key_pair(doer: Doer, kid: str, valid_from: datetime, valid_to: datetime) -> SigningKey:
    """Take the pair back into use, for a new time. Raises KeypairNotFound."""
    row = _standing(kid)
    before = _state(row)
    row.is_active, row.valid_from, row.valid_to = True, valid_from, valid_to
    row.save()
    _recorded(doer, "reactivated", row, before)
    return row


@transaction.atomic
def delete_key_pair(doer: Doer, kid: str, *, clock: Clock = system_clock) -> None:
    """Forget the pair at once. The configured one is remembered as deleted. Raises KeypairNotFound."""
    row = _standing(kid)
    before = _state(row)
    if row.private_key is None:
        row.deleted_at = clock()
        row.save()
    else:
        row.delete()
    record(doer, "deleted", ("key pair", kid), before=before)
    raise_epoch(Epoch.Name.KEYS)


@transaction.atomic
def keep_configured_pair(pair: KeyPair, *, clock: Clock = system_clock) -> None:
    """Give the configured pair its row, once, so that it can be managed like any other."""
    row, is_new = SigningKey.objects.get_or_create(
        kid=pair.kid,
        defaults={"audience": pair.audience, "public_key": spki_of(pair.public_key), "valid_from": clock()},
    )
    if is_new:
        _recorded(PLATFORM, "configured", row, before=None)
    elif row.audience != pair.audience:
        before = _state(row)
        row.audience = pair.audience
        row.save()
        _recorded(PLATFORM, "configured", row, before)


class StoredKeys:
    """Keeps a node's ring as the rows have it. `configured` is the pair of the settings, valid as the settings say."""

    def __init__(self, orm: OrmThread, ring: KeyRing, cipher: Cipher, configured: KeyPair) -> None:
        self._orm = orm
        self._ring = ring
        self._cipher = cipher
        self._configured = configured
        self._undecryptable: set[str] = set()

    async def reread(self) -> None:
        """Raises StorageUnavailable."""
        self._ring.replace(await self._orm.run(lambda: list(self._pairs())))

    def _pairs(self) -> Iterable[KeyPair]:
        for row in SigningKey.objects.filter(deleted_at=None):
            if row.private_key is not None:
                yield self._stored(row)
            elif row.kid == self._configured.kid:  # any other is a pair that the settings had before, and is gone
                yield replace(
                    self._configured,
                    is_active=row.is_active,
                    valid_from=row.valid_from,
                    valid_to=row.valid_to or self._configured.valid_to,
                )

    def _stored(self, row: SigningKey) -> KeyPair:
        known = self._ring.find(row.kid)
        public_key = load_der_public_key(bytes(row.public_key))
        assert isinstance(public_key, RSAPublicKey)
        return KeyPair(
            kid=row.kid,
            private_key=known.private_key if known is not None and known.private_key else self._private_key(row),
            public_key=public_key,
            audience="human" if row.audience == "human" else "client",
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            is_active=row.is_active,
        )

    def _private_key(self, row: SigningKey) -> RSAPrivateKey | None:
        try:
            secret = self._cipher.decrypt(bytes(row.private_key or b""), context=row.kid)
        except Undecryptable:
            if row.kid not in self._undecryptable:
                self._undecryptable.add(row.kid)
                log.error("a signing key cannot be decrypted and will not sign: see CYODA_ENCRYPTION_KEY", kid=row.kid)
            return None
        private_key = load_der_private_key(secret, password=None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private_key, RSAPrivateKey)
        return private_key


def _standing(kid: str) -> SigningKey:
    row = SigningKey.objects.select_for_update().filter(pk=kid, deleted_at=None).first()
    if row is None:
        raise KeypairNotFound
    return row


def _invalidate(doer: Doer, row: SigningKey, valid_to: datetime) -> None:
    before = _state(row)
    row.is_active, row.valid_to = False, valid_to
    row.save()
    _recorded(doer, "invalidated", row, before)


def _recorded(doer: Doer, action: str, row: SigningKey, before: dict[str, object] | None) -> None:
    record(doer, action, ("key pair", row.kid), before=before, after=_state(row))
    raise_epoch(Epoch.Name.KEYS)


def _state(row: SigningKey) -> dict[str, object]:
    return {
        "audience": row.audience,
        "active": row.is_active,
        "validFrom": row.valid_from.isoformat(),
        "validTo": row.valid_to.isoformat() if row.valid_to else None,
    }
