"""Which validator judges a token, and what a remembered one costs (contract: identity 5)."""

from __future__ import annotations

import asyncio
import timeit
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from cyoda.clock import ManualClock, system_clock
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.identity.keys import KeyPair, KeyRing
from tenants.identity.verify import BearerAuthenticator, TokenVerifier
from tests.unit.identity.conftest import Mint

WARM_SECONDS = 10e-6
ANN = Principal(tenant="globex", user_id="oidc:ann", kind="user")


class Elsewhere:
    """Somebody who vouches for every token that it is asked about."""

    def __init__(self) -> None:
        self.asked = 0

    def remembered(self, token: str) -> Principal | None:
        return None

    async def principal_of(self, token: str) -> Principal:
        self.asked += 1
        return ANN


async def test_another_issuer_is_asked_only_about_keys_that_are_none_of_ours(
    pair: KeyPair, mint: Mint, clock: ManualClock
) -> None:
    ring, elsewhere = KeyRing([pair]), Elsewhere()
    authenticator = BearerAuthenticator(TokenVerifier(ring, issuer="cyoda", clock=clock), elsewhere)
    foreign = mint(kid="theirs", key=rsa.generate_private_key(public_exponent=65537, key_size=2048))
    assert await authenticator.authenticate(f"Bearer {foreign}") == ANN
    assert (await authenticator.authenticate(f"Bearer {mint()}")).tenant == "acme"
    assert elsewhere.asked == 1
    now = int(clock().timestamp())
    ours_and_wrong = [mint(iss="https://idp"), mint(exp=now - 31), mint(caas_org_id=""), foreign_signed(mint)]
    malformed = [mint(kid=None), mint(kid=""), mint(kid="theirs", algorithm="RS512"), "x", "", "x" * 20_000]
    for token in (*ours_and_wrong, *malformed):
        with pytest.raises(Unauthorized):
            await authenticator.authenticate(f"Bearer {token}")
    ring.replace([replace(pair, is_active=False)])
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(f"Bearer {mint()}")
    assert elsewhere.asked == 1


def foreign_signed(mint: Mint) -> str:
    """Our key id over another key's signature."""
    return mint(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))


async def test_alone_a_node_refuses_keys_that_are_none_of_its_own(
    pair: KeyPair, mint: Mint, clock: ManualClock
) -> None:
    authenticator = BearerAuthenticator(TokenVerifier(KeyRing([pair]), issuer="cyoda", clock=clock))
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(f"Bearer {mint(kid='theirs')}")


def test_a_remembered_token_costs_under_ten_microseconds(pair: KeyPair, mint: Mint) -> None:
    authenticator = BearerAuthenticator(TokenVerifier(KeyRing([pair]), issuer="cyoda", clock=system_clock))
    now = int(system_clock().timestamp())
    header = f"Bearer {mint(iat=now, exp=now + 600)}"

    async def many() -> None:
        for _ in range(1000):
            await authenticator.authenticate(header)

    with asyncio.Runner() as runner:
        seconds = min(timeit.repeat(lambda: runner.run(many()), number=1, repeat=20)) / 1000
    print(f"a remembered token: {seconds * 1e6:.1f} µs")
    assert seconds < WARM_SECONDS
