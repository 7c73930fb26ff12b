"""Join tokens: which node's transaction a callback may take part in, signed (contract: grpc 16.1)."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from uuid import UUID

import msgspec

from cyoda.clock import Clock
from cyoda.errors import TransactionExpired, TransactionNodeUnavailable, Unauthorized


class _Claims(msgspec.Struct):
    n: str
    """the owner node's id"""
    t: str
    """the transaction's id"""
    e: int
    """expiry, Unix seconds"""


class JoinTokens:
    """Mints and reads `base64url(claims).base64url(HMAC-SHA-256)`, both unpadded; `secret` has at least 32 bytes."""

    def __init__(self, secret: bytes, *, node_id: str, lifetime: timedelta, clock: Clock) -> None:
        self._keyed = hmac.new(secret, digestmod=hashlib.sha256)
        self._node_id = node_id
        self._lifetime = lifetime
        self._clock = clock

    def mint(self, transaction_id: UUID) -> str:
        expires = int((self._clock() + self._lifetime).timestamp())
        claims = msgspec.json.encode(_Claims(n=self._node_id, t=str(transaction_id), e=expires))
        return f"{_base64(claims)}.{_base64(self._mac(claims))}"

    def read(self, token: str) -> UUID:
        """The transaction a token names.

        Raises Unauthorized (malformed or forged), TransactionExpired, TransactionNodeUnavailable (another node's).
        """
        claims = self._claims(token)
        if claims.n != self._node_id:
            raise TransactionNodeUnavailable
        return UUID(claims.t)

    def owner(self, token: str) -> str | None:
        """The other node whose transaction a valid token names; None for this node's, and for an invalid token."""
        try:
            node_id = self._claims(token).n
        except (Unauthorized, TransactionExpired):
            return None
        return None if node_id == self._node_id else node_id

    def _claims(self, token: str) -> _Claims:
        try:
            encoded_claims, _, encoded_mac = token.rpartition(".")
            claims_text, mac = _bytes(encoded_claims), _bytes(encoded_mac)
        except ValueError:
            raise Unauthorized("invalid transaction token") from None
        if not hmac.compare_digest(mac, self._mac(claims_text)):
            raise Unauthorized("invalid transaction token")
        claims = msgspec.json.decode(claims_text, type=_Claims)
        if self._clock().timestamp() > claims.e:
            raise TransactionExpired
        return claims

    def _mac(self, text: bytes) -> bytes:
        mac = self._keyed.copy()  # the key is already in: half the price of hmac.digest()
        mac.update(text)
        return mac.digest()


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
