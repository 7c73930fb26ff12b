"""Secrets of clients: hashed with Argon2id, compared off the event loop, remembered while they are proven.

Hashes are texts that name their scheme; `sha256$…` is found in rows from before Argon2id.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Sequence
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MAX_PROVEN = 4096
_SHA256 = "sha256$"

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_light_hasher = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@cache
def _nobodys_hash() -> str:
    return hash_generated("nobody's secret")


def hash_secret(secret: str) -> str:
    """Argon2id, for a text that somebody may have chosen; takes tens of milliseconds."""
    return _hasher.hash(_bytes(secret))


def hash_generated(secret: str) -> str:
    """Argon2id, for a secret of 256 random bits, which nobody can guess at any speed; takes about a millisecond."""
    return _light_hasher.hash(_bytes(secret))


def is_secret(secret: str, hashed: str) -> bool:
    """Whether the secret is the one that was hashed."""
    if hashed.startswith(_SHA256):
        digest = hashlib.sha256(_bytes(secret)).hexdigest()
        return hmac.compare_digest(_SHA256 + digest, hashed)
    try:
        return _hasher.verify(hashed, _bytes(secret))
    except (VerificationError, InvalidHashError):
        return False


class SecretProof:
    """Judges secrets beside the event loop. A secret that was proven is recognised at once while its hash stands."""

    def __init__(self) -> None:
        self._proven: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    async def holds(self, secret: str, hashes: Sequence[str]) -> bool:
        """Whether the secret has one of the hashes; without any it has not, and costs what a wrong secret costs."""
        digest = hashlib.sha256(_bytes(secret)).digest()
        for hashed in hashes:
            if (hashed, digest) in self._proven:
                self._proven.move_to_end((hashed, digest))
                return True
        proven = await asyncio.to_thread(_proven_hash, secret, hashes)
        if proven is None:
            return False
        self._proven[proven, digest] = None
        if len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)
        return True


def _proven_hash(secret: str, hashes: Sequence[str]) -> str | None:
    if not hashes:
        is_secret(secret, _nobodys_hash())
        return None
    return next((hashed for hashed in hashes if is_secret(secret, hashed)), None)


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogateescape")
