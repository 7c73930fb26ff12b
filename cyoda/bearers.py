"""A node's judgement of bearer tokens and its signature under new ones, for Django's threads."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from cyoda.data_plane import Runs
from cyoda.errors import StorageUnavailable
from cyoda.http.authentication import Authenticator
from cyoda.principal import Principal
from tenants.identity.issue import TokenIssuer


class Bearers(Protocol):
    """Of tenants.cloud.access; `issuer` is of tenants.oauth.tokens."""

    @property
    def issuer(self) -> TokenIssuer | None: ...

    def verify(self, authorization: str | None) -> Principal: ...


@dataclass(frozen=True, slots=True)
class NodeBearers:
    """Asks the node's own authenticator on its loop: keys, providers and what it remembers are the same."""

    authenticator: Authenticator
    runs: Runs
    issuer: TokenIssuer | None = None

    def verify(self, authorization: str | None) -> Principal:
        """Raises Unauthorized, StorageUnavailable."""
        return self.runs.run(self.authenticator.authenticate(authorization))


_serving: list[Bearers] = []


@contextmanager
def judged_by(bearers: Bearers) -> Generator[None]:
    """Meanwhile this process' views ask this one."""
    _serving.append(bearers)
    try:
        yield
    finally:
        _serving.remove(bearers)


def bearers() -> Bearers:
    """Raises StorageUnavailable in a process that serves nobody."""
    if not _serving:
        raise StorageUnavailable
    return _serving[-1]
