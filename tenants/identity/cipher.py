"""Encryption of secrets at rest: AES-GCM under keys that only the environment holds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Undecryptable(Exception):
    """The bytes were encrypted under another key, belong elsewhere, or were changed."""


class Cipher:
    """Encrypts under the first passphrase and decrypts under any, so that passphrases can be rotated."""

    def __init__(self, passphrases: Sequence[str]) -> None:
        if not passphrases:
            raise ValueError("a cipher needs a passphrase")
        self._keys = [AESGCM(_key(passphrase)) for passphrase in passphrases]

    def encrypt(self, secret: bytes, *, context: str) -> bytes:
        """`context` names the place the bytes are kept at: they can be decrypted only there."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._keys[0].encrypt(nonce, secret, context.encode())

    def decrypt(self, data: bytes, *, context: str) -> bytes:
        """Raises Undecryptable."""
        nonce, text = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        for key in self._keys:
            try:
                return key.decrypt(nonce, text, context.encode())
            except (InvalidTag, ValueError):
                continue
        raise Undecryptable


def _key(passphrase: str) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"cyoda secrets at rest").derive(passphrase.encode())
