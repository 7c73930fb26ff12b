"""Tokens of registered providers: whose they are, and whether they are valid (contract: identity 10.3, 10.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from cyoda.clock import Clock
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.identity.oidc.fetching import Fetcher
from tenants.identity.oidc.index import IssuerIndex
from tenants.identity.oidc.judging import Refused, Token, check_claims, is_signed_by, read_token
from tenants.identity.oidc.provider import Provider, audiences_of, principal_of
from tenants.identity.oidc.source import Source
from tenants.identity.verify import MAX_CACHED

RENEWALS_AT_ONCE = 8
"""Fetches for providers that are new or changed: a starting node has many."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    valid_until: float


class _Outdated(Refused):
    """The key is missing, old, or another than the one that signed: documents may have to be fetched."""

    def __init__(self, check: str, sources: Collection[Source]) -> None:
        super().__init__(check)
        self.sources = sources


class ProviderTokens:
    """Judges tokens by the providers it was last given, and remembers valid ones while nothing changes."""

    def __init__(self, fetcher: Fetcher, *, roles_claim: str, clock: Clock) -> None:
        self._fetcher = fetcher
        self._roles_claim = roles_claim
        self._clock = clock
        self._providers: dict[UUID, Provider] = {}
        self._sources: dict[str, Source] = {}
        self._index: IssuerIndex | None = None
        self._cache: dict[str, _Known] = {}
        self._renewals: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(RENEWALS_AT_ONCE)

    # --- tokens -------------------------------------------------------------------------------------------------

    def remembered(self, token: str) -> Principal | None:
        """Whom a token speaks for that was valid before and still is."""
        known = self._cache.get(token)
        if known is None:
            return None
        if self._now() < known.valid_until:
            return known.principal
        del self._cache[token]
        return None

    async def principal_of(self, token: str) -> Principal:
        """Raises Unauthorized."""
        try:
            accepted = await self._judged(read_token(token))
        except Refused as refused:
            log.debug("token of an OIDC provider refused", check=refused.check)
            raise Unauthorized from None
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[token] = accepted
        return accepted.principal

    async def _judged(self, token: Token) -> _Known:
        """With a second look after fetching what may be outdated. Raises Refused."""
        try:
            return self._look(token)
        except _Outdated as outdated:
            if not any(await asyncio.gather(*(source.asked() for source in outdated.sources))):
                raise
        return self._look(token)

    def _look(self, token: Token) -> _Known:
        """Raises Refused; _Outdated when other documents could change that."""
        provider = self._candidate(token)
        if provider is None:
            raise _Outdated("issuer or kid", self._indexed().sources_of(token.issuer))
        source = self._sources[provider.uri]
        key = source.key(token.kid)
        if key is None or not source.is_fresh() or not is_signed_by(token, key):
            raise _Outdated("signature", {source})
        expires = check_claims(token.claims, provider, self._now())
        principal = principal_of(provider, token.claims, self._roles_claim)
        return _Known(principal, min(expires, source.look_ahead()))

    def _candidate(self, token: Token) -> Provider | None:
        """The provider whose token this is, if it says the truth. Raises Refused when several could be."""
        candidates = [
            provider
            for provider in self._indexed().providers_of(token.issuer)
            if self._sources[provider.uri].key(token.kid) is not None
        ]
        if len(candidates) > 1:
            first = audiences_of(token.claims)[:1]
            candidates = [provider for provider in candidates if provider.expects(first)]
            if len(candidates) != 1:
                raise Refused("several providers")
        return candidates[0] if candidates else None

    def _indexed(self) -> IssuerIndex:
        if self._index is None:
            self._index = IssuerIndex(self._providers.values(), self._sources)
        return self._index

    def _forget(self) -> None:
        self._cache.clear()
        self._index = None

    def _now(self) -> float:
        return self._clock().timestamp()

    # --- providers ----------------------------------------------------------------------------------------------

    def replace(self, providers: Iterable[Provider]) -> None:
        """Take over the registered providers; documents of those that are new or changed are fetched meanwhile."""
        former, self._providers = self._providers, {provider.id: provider for provider in providers}
        uris = {provider.uri for provider in self._providers.values()}
        for uri in self._sources.keys() - uris:
            self._sources.pop(uri).close()
        for uri in uris - self._sources.keys():
            self._sources[uri] = Source(uri, self._fetcher, now=self._now, changed=self._forget)
        self._forget()
        for uri in {one.uri for one in self._providers.values() if one.is_active and _is_other(one, former)}:
            renewal = asyncio.create_task(_renew(self._sources[uri], self._turns))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewals.discard)

    async def refresh(self, provider_ids: Iterable[UUID]) -> None:
        """Fetch both documents of providers, and wait until they are there or it has failed."""
        turns = asyncio.Semaphore(RENEWALS_AT_ONCE)
        sources = {source for source in map(self.source_of, provider_ids) if source is not None}
        await asyncio.gather(*(_renew(source, turns) for source in sources))

    async def refresh_discovery(self, provider_id: UUID) -> None:
        """Fetch the discovery document alone; the keys and their age stay."""
        source = self.source_of(provider_id)
        if source is not None:
            await source.refetch_discovery()

    def source_of(self, provider_id: UUID) -> Source | None:
        """Where the documents of a provider are kept; None when it is not registered."""
        provider = self._providers.get(provider_id)
        return None if provider is None else self._sources[provider.uri]

    def close(self) -> None:
        """End what is being fetched."""
        for renewal in self._renewals:
            renewal.cancel()
        for source in self._sources.values():
            source.close()
        self._fetcher.close()


async def _renew(source: Source, turns: asyncio.Semaphore) -> None:
    async with turns:
        source.refetch()
        await source.settled()


def _is_other(provider: Provider, former: dict[UUID, Provider]) -> bool:
    return provider.id not in former or former[provider.id].revision != provider.revision
