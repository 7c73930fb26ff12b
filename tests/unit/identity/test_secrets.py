"""Secrets at rest: hashed when they only have to be recognised, encrypted when they are needed again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tenants.identity import secrets
from tenants.identity.cipher import Cipher, Undecryptable
from tenants.identity.secrets import SecretProof, hash_generated, hash_secret, is_secret


@pytest.mark.parametrize("hash_it", [hash_secret, hash_generated])
def test_a_secret_is_recognised_by_its_hash_and_no_other_is(hash_it: Callable[[str], str]) -> None:
    hashed = hash_it("s3cret ü")
    assert hashed.startswith("$argon2id$")
    assert hash_it("s3cret ü") != hashed
    assert is_secret("s3cret ü", hashed)
    for wrong in ("s3cret u", "", "s3cret ü "):
        assert not is_secret(wrong, hashed)


@pytest.mark.parametrize("hashed", ["", "plain", "$argon2id$v=19$broken", "sha256$"])
def test_a_broken_hash_recognises_nothing(hashed: str) -> None:
    for secret in ("", "plain", hashed):
        assert not is_secret(secret, hashed)


def test_hashes_of_older_rows_are_read() -> None:
    assert is_secret("old", "sha256$" + hashlib.sha256(b"old").hexdigest())


async def test_any_of_several_hashes_will_do_and_without_any_nothing_does() -> None:
    proof, hashes = SecretProof(), [hash_secret("new"), hash_secret("old")]
    assert await proof.holds("old", hashes)
    assert await proof.holds("old", hashes)
    assert not await proof.holds("old", hashes[:1])  # what was proven counts only while its hash stands
    assert not await proof.holds("nobody's secret", [])


async def test_the_memory_of_proven_secrets_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "MAX_PROVEN", 2)
    proof = SecretProof()
    for secret in ("a", "b", "c"):
        assert await proof.holds(secret, [hash_secret(secret)])
    assert len(proof._proven) == 2


def test_what_was_encrypted_comes_back_in_its_own_place_only() -> None:
    cipher = Cipher(["first"])
    data = cipher.encrypt(b"private", context="kid-1")
    assert b"private" not in data
    assert cipher.encrypt(b"private", context="kid-1") != data
    assert cipher.decrypt(data, context="kid-1") == b"private"
    assert Cipher(["second", "first"]).decrypt(data, context="kid-1") == b"private"
    for other, context, text in (
        (cipher, "kid-2", data), (Cipher(["second"]), "kid-1", data), (cipher, "kid-1", data[:-1]),
        (cipher, "kid-1", data[:-1] + bytes([data[-1] ^ 1])), (cipher, "kid-1", b""),
    ):  # fmt: skip
        with pytest.raises(Undecryptable):
            other.decrypt(text, context=context)
    with pytest.raises(ValueError, match="passphrase"):
        Cipher([])
