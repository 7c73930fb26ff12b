"""Which providers a token's issuer points to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from tenants.identity.oidc.provider import Provider
from tenants.identity.oidc.source import Source


class IssuerIndex:
    """The active providers by the issuers whose tokens are theirs, as the documents say now.

    A provider that pins no issuer, and whose discovery document was never had, may be that of any issuer on the host
    of its URI: such a token is reason to fetch the documents.
    """

    def __init__(self, providers: Iterable[Provider], sources: Mapping[str, Source]) -> None:
        self._providers: dict[str, list[Provider]] = {}
        self._sources: dict[str, set[Source]] = {}
        self._undiscovered: dict[str, set[Source]] = {}
        for provider in providers:
            if provider.is_active:
                self._add(provider, sources[provider.uri])

    def providers_of(self, issuer: str) -> Sequence[Provider]:
        return self._providers.get(issuer, ())

    def sources_of(self, issuer: str) -> set[Source]:
        """Whose documents may name a key that is not known yet."""
        return self._sources.get(issuer, set()) | self._undiscovered.get(_origin(issuer), set())

    def _add(self, provider: Provider, source: Source) -> None:
        if source.issuer is not None:
            for issuer in provider.accepted_issuers(source.issuer):
                self._providers.setdefault(issuer, []).append(provider)
        elif provider.issuers is None:
            self._undiscovered.setdefault(_origin(provider.uri), set()).add(source)
        for issuer in provider.issuers or filter(None, (source.issuer,)):
            self._sources.setdefault(issuer, set()).add(source)


def _origin(uri: str) -> str:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"
