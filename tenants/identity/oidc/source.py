"""The documents of one discovery URI: cached, fetched once for all who wait, worth nothing when they are old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tenants.identity.oidc.documents import Documents, fetch_discovery, fetch_documents
from tenants.identity.oidc.fetching import Fetcher, FetchFailed

FRESH_SECONDS = 300.0
AHEAD_SECONDS = 60.0
"""A token that comes this long before the documents are old has them fetched again, without waiting for them."""
ASK_SECONDS = 5.0
"""Tokens alone have the documents fetched no more often than this."""

log = structlog.get_logger(__name__)


class Source:
    """Shared by all providers of the same URI, so that tenants with the same identity provider see the same keys.

    `changed` is called whenever the documents are others than before. Moments are seconds of `now`. `failure` says
    why they could not be had at `tried_at`, the last time that they were asked for.
    """

    def __init__(self, uri: str, fetcher: Fetcher, *, now: Callable[[], float], changed: Callable[[], object]) -> None:
        self.uri = uri
        self.documents: Documents | None = None
        self.fresh_until = 0.0
        self.tried_at: float | None = None
        self.failure: str | None = None
        self._fetcher = fetcher
        self._now = now
        self._changed = changed
        self._asked_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    @property
    def issuer(self) -> str | None:
        """As the discovery document names it; None before the first one was had."""
        return None if self.documents is None else self.documents.issuer

    def key(self, kid: str) -> RSAPublicKey | None:
        """A key by its id, also when it is old."""
        return None if self.documents is None else self.documents.keys.get(kid)

    def is_fresh(self) -> bool:
        return self._now() < self.fresh_until

    def look_ahead(self) -> float:
        """The moment until which the documents can be relied on; soon before they are old, others are fetched."""
        renew_at = self.fresh_until - AHEAD_SECONDS
        if self._now() < renew_at:
            return renew_at
        if self._may_ask():
            self.refetch()
        return self.fresh_until

    async def asked(self) -> bool:
        """For a token that needs other documents: have them fetched, unless that was done lately.

        Returns whether it is worth to look again.
        """
        if self._fetching is None:
            if not self._may_ask():
                return False
            self.refetch()
        await self.settled()
        return True

    def refetch(self) -> None:
        """Begin to fetch both documents, unless that is going on. A failure leaves what there is until it is old."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())

    async def settled(self) -> None:
        """Wait for a fetch that is going on; who waits may go away without ending it for others."""
        if self._fetching is not None:
            await asyncio.wait([self._fetching])

    async def refetch_discovery(self) -> None:
        """Fetch the discovery document alone; the keys and their age stay."""
        try:
            discovery = await fetch_discovery(self.uri, self._fetcher)
            self._take(discovery if self.documents is None else replace(discovery, keys=self.documents.keys))
        except FetchFailed as failure:
            self._failed(failure)

    def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()

    def _may_ask(self) -> bool:
        if self._now() < self._asked_at + ASK_SECONDS:
            return False
        self._asked_at = self._now()
        return True

    async def _fetch(self) -> None:
        try:
            self._take(await fetch_documents(self.uri, self._fetcher))
            self.fresh_until = self._now() + FRESH_SECONDS
        except FetchFailed as failure:
            self._failed(failure)
        finally:
            self._fetching = None

    def _take(self, documents: Documents) -> None:
        self.tried_at, self.failure = self._now(), None
        if documents != self.documents:
            self.documents = documents
            self._changed()

    def _failed(self, failure: FetchFailed) -> None:
        self.tried_at, self.failure = self._now(), str(failure)
        log.warning("documents of an OIDC provider not fetched", uri=self.uri, reason=str(failure))
