"""RSA keys of first-party tokens, their ids and the JWKS document (contract: identity 6)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cyoda import jsonio

Audience = Literal["client", "human"]

EVER = datetime.min.replace(tzinfo=UTC)


class InvalidKey(ValueError):
    """The text is not an RSA private key; the message says what is expected and never shows the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A signing key; `is_active` false stops validation of its tokens at once.

    Without its private key, which nobody here can decrypt, it validates and cannot sign.
    """

    kid: str
    private_key: RSAPrivateKey | None
    public_key: RSAPublicKey
    audience: Audience = "client"
    valid_from: datetime = EVER
    valid_to: datetime | None = None
    is_active: bool = True

    def is_unexpired(self, now: datetime) -> bool:
        return self.valid_to is None or self.valid_to > now


class KeyRing:
    """The key pairs of this node, in memory; replaced as a whole when they have changed."""

    def __init__(self, pairs: Iterable[KeyPair] = ()) -> None:
        self._pairs = {pair.kid: pair for pair in pairs}

    def replace(self, pairs: Iterable[KeyPair]) -> None:
        """A pair that has not changed stays the same object, so that what was verified by it stays so."""
        self._pairs = {pair.kid: self._kept(pair) for pair in pairs}

    def find(self, kid: str) -> KeyPair | None:
        """The pair of an id, active or not."""
        return self._pairs.get(kid)

    def signing(self, audience: Audience, now: datetime) -> KeyPair | None:
        """The pair that signs for an audience now: active and unexpired, valid from the latest moment."""
        able = [
            pair
            for pair in self._pairs.values()
            if pair.is_active and pair.audience == audience and pair.private_key and pair.is_unexpired(now)
        ]
        return max(able, key=lambda pair: (pair.valid_from, pair.kid), default=None)

    def published(self, now: datetime) -> Iterable[KeyPair]:
        """The pairs in the JWKS: whose `valid_to` is unset or ahead, active or not."""
        return [pair for pair in self._pairs.values() if pair.is_unexpired(now)]

    def _kept(self, pair: KeyPair) -> KeyPair:
        known = self._pairs.get(pair.kid)
        return pair if known is None or known != pair else known


def generate_private_key() -> RSAPrivateKey:
    """2048 bits; takes tenths of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def load_key_pair(
    text: str, *, audience: Audience = "client", valid_from: datetime = EVER, valid_to: datetime | None = None
) -> KeyPair:
    """The pair of a PEM private key (PKCS#8 or PKCS#1), or of base64 of such PEM.

    Raises InvalidKey.
    """
    try:
        private_key = load_pem_private_key(_pem(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidKey("must be an unencrypted RSA private key in PEM, or base64 of it") from None
    if not isinstance(private_key, RSAPrivateKey):
        raise InvalidKey("must be an RSA private key")
    public_key = private_key.public_key()
    return KeyPair(
        kid=key_id(public_key), private_key=private_key, public_key=public_key,
        audience=audience, valid_from=valid_from, valid_to=valid_to,
    )  # fmt: skip


def key_id(public_key: RSAPublicKey) -> str:
    """Hex of the first 16 bytes of SHA-256 over the SubjectPublicKeyInfo: the same on every node."""
    return hashlib.sha256(spki_of(public_key)).digest()[:16].hex()


def new_key_id() -> str:
    """The id of an issued pair: random."""
    return secrets.token_hex(16)


def spki_of(public_key: RSAPublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def jwks(pairs: Iterable[KeyPair]) -> bytes:
    """The JWKS document."""
    return jsonio.dumps({"keys": [_jwk(pair) for pair in pairs]})


def _jwk(pair: KeyPair) -> dict[str, str]:
    numbers = pair.public_key.public_numbers()
    return {
        "kty": "RSA",
        "kid": pair.kid,
        "use": "sig",
        "alg": "RS256",
        "n": _base64url(numbers.n),
        "e": _base64url(numbers.e),
    }


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _pem(text: str) -> bytes:
    if "-----BEGIN" not in text:
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidKey("must be an RSA private key in PEM, or base64 of it") from None
    return text.replace("\\n", "\n").encode()  # one-line environment files write line ends so
