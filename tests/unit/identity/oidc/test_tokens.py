"""Tokens of providers that rotate, lie, are slow and go away: valid or refused, and what they cost (10.2-10.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from cyoda.clock import ManualClock
from cyoda.conf import Oidc
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.identity.oidc.fetching import Fetcher
from tenants.identity.oidc.provider import Provider
from tenants.identity.oidc.source import AHEAD_SECONDS, ASK_SECONDS, FRESH_SECONDS
from tenants.identity.oidc.tokens import ProviderTokens
from tests.identity_provider import DISCOVERY, KEYS, IdentityProvider, Reply, jwk, private_key

ONCE = {DISCOVERY: 1, KEYS: 1}
TWICE = {DISCOVERY: 2, KEYS: 2}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


@pytest.fixture
async def idp() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider() as provider:
        yield provider


@pytest.fixture
async def tokens(clock: ManualClock) -> AsyncIterator[ProviderTokens]:
    fetcher = Fetcher(Oidc(require_https=False, allow_private_networks=True))
    tokens = ProviderTokens(fetcher, roles_claim="roles", clock=clock)
    yield tokens
    tokens.close()


def registered(idp: IdentityProvider, clock: ManualClock, **settings: Any) -> Provider:
    given = {"id": uuid4(), "tenant": str(uuid4()), "uri": idp.uri, "created_at": clock() - timedelta(seconds=5)}
    return Provider(**given | settings)


async def took(tokens: ProviderTokens, *providers: Provider) -> None:
    tokens.replace(providers)
    await tokens.refresh(provider.id for provider in providers if provider.is_active)


async def judged(tokens: ProviderTokens, token: str) -> Principal:
    """As the authenticator asks."""
    return tokens.remembered(token) or await tokens.principal_of(token)


async def refused(tokens: ProviderTokens, token: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        await judged(tokens, token)
    assert refusal.value.detail == "UNAUTHORIZED: authentication failed"


async def test_a_token_of_a_registered_provider_is_valid_and_verified_once(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    provider = registered(idp, clock)
    await took(tokens, provider)
    token = idp.token(roles=["ROLE_ADMIN"])
    principal = await judged(tokens, token)
    assert (principal.tenant, principal.user_id) == (provider.tenant, f"oidc:{provider.id}:jane")
    assert principal.roles == ("ROLE_ADMIN",)
    assert await judged(tokens, token) is principal
    assert idp.asked == ONCE


async def test_a_remembered_token_ends_when_it_expires(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, registered(idp, clock))
    token = idp.token(exp=int(clock().timestamp()) + 10)
    await judged(tokens, token)
    clock.advance(timedelta(seconds=41))
    await refused(tokens, token)


@pytest.mark.parametrize("change", ["removed", "invalidated", "audience", "issuers", "registered later"])
async def test_a_remembered_token_ends_when_the_provider_changes(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock, change: str
) -> None:
    provider, token = registered(idp, clock), idp.token()
    await took(tokens, provider)
    await judged(tokens, token)
    changes: dict[str, list[Provider]] = {
        "removed": [],
        "invalidated": [replace(provider, is_active=False)],
        "audience": [replace(provider, expected_audiences=("another",))],
        "issuers": [replace(provider, issuers=("https://another",))],
        "registered later": [replace(provider, created_at=clock() + timedelta(seconds=60))],
    }
    tokens.replace(changes[change])
    await refused(tokens, token)
    tokens.replace([provider])
    assert await judged(tokens, token)


# --- rotation ---------------------------------------------------------------------------------------------------


async def test_after_a_rotation_the_first_token_has_the_new_keys_fetched_and_the_old_ones_end(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, registered(idp, clock))
    old = idp.token()
    await judged(tokens, old)
    idp.rotate("k2")
    assert await judged(tokens, idp.token())
    await refused(tokens, old)
    assert idp.asked == TWICE


async def test_a_new_key_under_the_same_id_is_found_by_the_signature_that_does_not_fit(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, registered(idp, clock))
    idp.key = private_key("k2")
    assert await judged(tokens, idp.token())
    assert idp.asked == TWICE


@pytest.mark.parametrize("forgery", ["unknown kid", "bad signature"])
async def test_forged_tokens_have_documents_fetched_once_in_a_while_and_harm_no_others(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock, forgery: str
) -> None:
    await took(tokens, registered(idp, clock))
    good = idp.token()

    def forged() -> str:
        return idp.token(kid=str(uuid4())) if forgery == "unknown kid" else idp.token(key=private_key("k2"))

    for _ in range(20):
        await refused(tokens, forged())
    await asyncio.gather(*(refused(tokens, forged()) for _ in range(20)))
    assert idp.asked == TWICE
    assert await judged(tokens, good)
    clock.advance(timedelta(seconds=ASK_SECONDS))
    await refused(tokens, forged())
    assert idp.asked == {DISCOVERY: 3, KEYS: 3}


async def test_tokens_of_an_issuer_that_nobody_registered_cost_no_fetch(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, registered(idp, clock))
    for issuer in ("https://elsewhere.example", idp.issuer + "/", "http://[", "", None):
        await refused(tokens, idp.token(iss=issuer))
        await refused(tokens, idp.token(iss=issuer, kid="k9"))
    assert idp.asked == ONCE


# --- age --------------------------------------------------------------------------------------------------------


async def test_keys_are_renewed_ahead_of_their_time_without_anyone_waiting(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, provider := registered(idp, clock))
    token = idp.token()
    await judged(tokens, token)
    idp.gate.clear()
    clock.advance(timedelta(seconds=FRESH_SECONDS - AHEAD_SECONDS))
    for _ in range(3):
        assert await judged(tokens, token)
    idp.gate.set()
    await tokens.refresh([provider.id])
    assert idp.asked == TWICE
    clock.advance(timedelta(seconds=AHEAD_SECONDS))
    await idp.go_away()
    assert await judged(tokens, token)


async def test_when_keys_are_old_and_the_provider_is_away_its_tokens_are_refused_until_it_is_back(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    await took(tokens, registered(idp, clock))
    token = idp.token()
    await judged(tokens, token)
    await idp.go_away()
    clock.advance(timedelta(seconds=FRESH_SECONDS - AHEAD_SECONDS - 1))
    assert await judged(tokens, token)
    clock.advance(timedelta(seconds=AHEAD_SECONDS + 1))
    await refused(tokens, token)
    await idp.come_back()
    await refused(tokens, token)
    clock.advance(timedelta(seconds=ASK_SECONDS))
    assert await judged(tokens, token)


@pytest.mark.parametrize("pinned", [False, True])
async def test_a_provider_that_could_not_be_reached_at_first_is_found_by_its_first_token(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock, pinned: bool
) -> None:
    await idp.go_away()
    await took(tokens, registered(idp, clock, issuers=(idp.issuer,) if pinned else None))
    await idp.come_back()
    assert await judged(tokens, idp.token())
    assert idp.asked == ONCE


async def test_callers_at_once_share_one_fetch_and_one_that_hangs_up_ends_it_for_nobody(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    tokens.replace([registered(idp, clock)])
    idp.gate.clear()
    callers = [asyncio.create_task(judged(tokens, idp.token())) for _ in range(10)]
    while not idp.asked:
        await asyncio.sleep(0)
    callers[0].cancel()
    idp.gate.set()
    assert len({principal.user_id for principal in await asyncio.gather(*callers[1:])}) == 1
    assert idp.asked == ONCE


# --- lies -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"not JSON"), Reply(b"{}"), Reply(status=500), Reply(content_type="text/html"),
        Reply(json.dumps({"keys": [{"kty": "RSA", "kid": "k1", "n": "AQAB", "e": "AQAB"}]}).encode()),
        Reply(b" " * 100_000, headers=("X: y",), times=100),
    ],
)  # fmt: skip
async def test_with_unusable_keys_every_token_is_refused(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock, reply: Reply
) -> None:
    idp.replies[KEYS] = reply
    await took(tokens, registered(idp, clock))
    await refused(tokens, idp.token())


async def test_keys_are_not_fetched_from_where_the_provider_may_not_lead(clock: ManualClock) -> None:
    async with IdentityProvider() as idp:
        idp.lie = {"jwks_uri": "ftp://localhost/keys"}
        fetcher = Fetcher(Oidc(require_https=False, allow_private_networks=True))
        tokens = ProviderTokens(fetcher, roles_claim="roles", clock=clock)
        await took(tokens, registered(idp, clock))
        await refused(tokens, idp.token())
        tokens.close()


async def test_a_discovery_document_of_another_issuer_than_those_pinned_makes_no_key_usable(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    pinned = idp.issuer
    idp.issuer = "https://liar.example"
    await took(tokens, registered(idp, clock, issuers=(pinned,)))
    await refused(tokens, idp.token())
    await refused(tokens, idp.token(iss=pinned))
    idp.issuer = pinned
    clock.advance(timedelta(seconds=ASK_SECONDS))
    assert await judged(tokens, idp.token())


# --- several tenants --------------------------------------------------------------------------------------------


async def test_two_tenants_with_the_same_provider_are_split_by_the_first_audience(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    one = registered(idp, clock, expected_audiences=("app-1", "shared"))
    two = registered(idp, clock, expected_audiences=("app-2", "shared"))
    await took(tokens, one, two)
    assert idp.asked == ONCE
    for audience, provider in (("app-1", one), (["app-2", "app-1"], two), ("app-2", two)):
        assert (await judged(tokens, idp.token(aud=audience))).tenant == provider.tenant
    for audience in ("shared", ["other", "app-1"], "other", None, []):
        await refused(tokens, idp.token(aud=audience))
    assert idp.asked == ONCE


async def test_a_second_tenant_that_pins_no_audience_gets_no_token_of_the_first(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    one, two = registered(idp, clock, expected_audiences=("app-1",)), registered(idp, clock)
    await took(tokens, one, two)
    assert (await judged(tokens, idp.token(aud="app-1"))).tenant == one.tenant
    await refused(tokens, idp.token(aud="app-2"))


async def test_a_key_id_that_another_provider_uses_too_leads_nowhere_else(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    async with IdentityProvider(key=private_key("k2")) as other:
        mine, theirs = registered(idp, clock), registered(other, clock)
        await took(tokens, mine, theirs)
        assert (await judged(tokens, idp.token())).tenant == mine.tenant
        assert (await judged(tokens, other.token())).tenant == theirs.tenant
        await refused(tokens, other.token(iss=idp.issuer))


# --- changes ----------------------------------------------------------------------------------------------------


async def test_a_changed_revision_has_the_documents_fetched_and_an_unchanged_one_does_not(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    provider = registered(idp, clock)
    await took(tokens, provider)
    tokens.replace([provider])
    tokens.replace([replace(provider, is_active=False, revision=2)])
    assert await no_more(idp) == ONCE
    tokens.replace([replace(provider, revision=3)])
    await tokens.refresh([provider.id])
    assert idp.asked == TWICE


async def no_more(idp: IdentityProvider) -> dict[str, int]:
    """What was asked once all that was begun has had its turn."""
    for _ in range(20):
        await asyncio.sleep(0)
    return idp.asked


async def test_discovery_alone_is_refreshed_and_the_keys_stay(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    provider, token = registered(idp, clock), idp.token()
    await took(tokens, provider)
    idp.replies[KEYS] = Reply(json.dumps({"keys": [jwk("k9", private_key("k2"))]}).encode())
    await tokens.refresh_discovery(provider.id)
    assert idp.asked == {DISCOVERY: 2, KEYS: 1}
    assert await judged(tokens, token)


async def test_closing_ends_what_is_being_fetched(
    tokens: ProviderTokens, idp: IdentityProvider, clock: ManualClock
) -> None:
    idp.gate.clear()
    tokens.replace([registered(idp, clock)])
    call = asyncio.create_task(judged(tokens, idp.token()))
    while not idp.asked:
        await asyncio.sleep(0)
    tokens.close()
    with pytest.raises(Unauthorized):
        await call
