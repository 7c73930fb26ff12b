"""RSA keys of first-party tokens, their ids and the JWKS document (contract: identity 6)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cyoda import jsonio

Audience = Literal["client", "human"]


class InvalidKey(ValueError):
    """The text is not an RSA private key; the message says what is expected and never shows the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A signing key; `is_active` false stops validation of its tokens at once."""

    kid: str
    private_key: RSAPrivateKey
    public_key: RSAPublicKey
    audience: Audience = "client"
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    is_active: bool = True


class KeyRing(Protocol):
    """The key pairs of this node."""

    def active(self, kid: str) -> KeyPair | None:
        """The pair that validates tokens of this id; None when unknown or inactive."""
        ...

    def knows(self, kid: str) -> bool:
        """Whether the id is that of a pair of ours, active or not."""
        ...

    def signing(self, now: datetime) -> KeyPair | None:
        """The pair that signs client tokens now."""
        ...

    def published(self, now: datetime) -> Iterable[KeyPair]:
        """The pairs in the JWKS: whose `valid_to` is unset or ahead, active or not."""
        ...


class FixedKeyRing:
    """The bootstrap pair alone."""

    def __init__(self, pair: KeyPair) -> None:
        self._pair = pair

    def active(self, kid: str) -> KeyPair | None:
        return self._pair if kid == self._pair.kid and self._pair.is_active else None

    def knows(self, kid: str) -> bool:
        return kid == self._pair.kid

    def signing(self, now: datetime) -> KeyPair | None:
        pair = self._pair
        may_sign = pair.is_active and pair.audience == "client" and _is_unexpired(pair, now)
        return pair if may_sign else None

    def published(self, now: datetime) -> Iterable[KeyPair]:
        return [self._pair] if _is_unexpired(self._pair, now) else []


def load_key_pair(
    text: str, *, audience: Audience = "client", valid_from: datetime | None = None, valid_to: datetime | None = None
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
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()[:16].hex()


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


def _is_unexpired(pair: KeyPair, now: datetime) -> bool:
    return pair.valid_to is None or pair.valid_to > now
