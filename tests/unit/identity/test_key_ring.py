"""What a node signs, validates and publishes with, and for whom it signs (contract: identity 4, 6, 7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import pytest

from cyoda.clock import ManualClock
from cyoda.errors import BadRequest
from tenants.identity.issue import NoSigningKey, TokenIssuer
from tenants.identity.keys import KeyPair, KeyRing, new_key_id
from tenants.identity.validity import MAX_GRACE_SECONDS, grace_period, new_window, renewed_window

DAY = timedelta(days=1)


def signer(ring: KeyRing, clock: ManualClock, audience: Any = "client") -> str | None:
    pair = ring.signing(audience, clock())
    return pair and pair.kid


def test_the_pair_that_became_valid_last_signs(pair: KeyPair, clock: ManualClock) -> None:
    now = clock()
    older = replace(pair, kid="older", valid_from=now - DAY, valid_to=now + DAY)
    newer = replace(pair, kid="newer", valid_from=now, valid_to=now + DAY)
    assert signer(KeyRing([newer, older]), clock) == "newer"
    assert signer(KeyRing([replace(newer, valid_from=older.valid_from), older]), clock) == "older"  # one on all nodes


@pytest.mark.parametrize("change", [{"is_active": False}, {"private_key": None}, {"audience": "human"}])
def test_some_pairs_do_not_sign_for_clients(pair: KeyPair, clock: ManualClock, change: dict[str, Any]) -> None:
    assert signer(KeyRing([replace(pair, **change)]), clock) is None


def test_a_pair_signs_and_is_published_until_its_end(pair: KeyPair, clock: ManualClock) -> None:
    ring = KeyRing([replace(pair, valid_to=clock() + DAY)])
    clock.advance(DAY - timedelta(microseconds=1))
    assert signer(ring, clock) == pair.kid
    assert len(list(ring.published(clock()))) == 1
    clock.advance(timedelta(microseconds=1))
    assert signer(ring, clock) is None
    assert list(ring.published(clock())) == []
    assert ring.find(pair.kid) is not None


def test_inactive_pairs_are_published_too(pair: KeyPair, clock: ManualClock) -> None:
    ring = KeyRing([replace(pair, is_active=False)])
    assert [published.kid for published in ring.published(clock())] == [pair.kid]


def test_of_replaced_pairs_those_that_did_not_change_stay_the_same_objects(pair: KeyPair) -> None:
    other = replace(pair, kid=new_key_id())
    ring = KeyRing([pair, other])
    ring.replace([replace(pair), replace(other, is_active=False)])
    assert ring.find(pair.kid) is pair
    assert ring.find(other.kid) is not other
    ring.replace([])
    assert ring.find(pair.kid) is None


# --- whom tokens are for ----------------------------------------------------------------------------------------


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_a_persons_token_is_signed_by_the_pair_for_people_or_else_for_clients(
    pair: KeyPair, clock: ManualClock
) -> None:
    human = replace(pair, kid="human", audience="human")
    ring = KeyRing([pair, human])
    issuer = TokenIssuer(ring, issuer="cyoda", expiry_seconds=60, clock=clock)
    token = issuer.for_person("ann", "acme", ["ROLE_VIEWER"], "Ann")
    assert jwt.get_unverified_header(token)["kid"] == "human"
    claims = claims_of(token)
    assert {name: claims[name] for name in ("sub", "caas_user_id", "caas_org_id", "user_roles", "name")} == {
        "sub": "ann", "caas_user_id": "ann", "caas_org_id": "acme", "user_roles": ["ROLE_VIEWER"], "name": "Ann",
    }  # fmt: skip
    assert "scopes" not in claims
    assert "name" not in claims_of(issuer.for_person("ann", "acme", []))
    ring.replace([pair])
    assert jwt.get_unverified_header(issuer.for_person("ann", "acme", []))["kid"] == pair.kid
    ring.replace([])
    with pytest.raises(NoSigningKey):
        issuer.for_person("ann", "acme", [])


# --- windows ----------------------------------------------------------------------------------------------------


def test_windows_and_their_defaults(clock: ManualClock) -> None:
    now = clock()
    window = new_window(None, None, now=now, default=DAY)
    assert (window.valid_from, window.valid_to) == (now, now + DAY)
    window = new_window(now + DAY, None, now=now, default=DAY)
    assert (window.valid_from, window.valid_to) == (now + DAY, now + 2 * DAY)
    window = renewed_window(None, now + DAY, now=now)
    assert (window.valid_from, window.valid_to) == (now, now + DAY)
    for start, end in ((now, now), (now + DAY, now)):
        with pytest.raises(BadRequest, match="validTo must be > validFrom"):
            new_window(start, end, now=now, default=DAY)
    with pytest.raises(BadRequest, match="validTo must be in the future"):
        renewed_window(None, now, now=now)


def test_grace_has_its_bounds() -> None:
    assert [grace_period(seconds) for seconds in (0, MAX_GRACE_SECONDS)] == [timedelta(0), timedelta(days=366)]
    for seconds in (-1, MAX_GRACE_SECONDS + 1):
        with pytest.raises(BadRequest):
            grace_period(seconds)
