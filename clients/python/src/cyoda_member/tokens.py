"""Bearer tokens: fetched with client credentials, kept until shortly before they expire (contract: grpc 3)."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cyoda_member import exact
from cyoda_member.http import Http, Unreachable

REFRESH_SECONDS = 60.0
"""How long before its expiry a token is replaced; one of less than two minutes after half of its life."""


class TokenUnavailable(Exception):
    """The platform gave no token; the text says why, without credentials."""


@dataclass(slots=True)
class Tokens:
    """The current token of one client; concurrent callers wait for one fetch."""

    http: Http
    client_id: str
    client_secret: str = field(repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    _token: str | None = field(default=None, init=False, repr=False)
    _fresh_until: float = field(default=0.0, init=False)
    _fetching: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def current(self) -> str:
        """Raises TokenUnavailable."""
        async with self._fetching:
            if self._token is None or self.clock() >= self._fresh_until:
                self._token = None
                self._token = await self._fetch()
            return self._token

    def drop(self, token: str) -> None:
        """The platform refused this token; the next caller gets another."""
        if self._token == token:
            self._token = None

    async def _fetch(self) -> str:
        credentials = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
        asked_at = self.clock()
        try:
            answer = await self.http.send("POST", "/oauth/token", headers, b"grant_type=client_credentials")
        except Unreachable as error:
            raise TokenUnavailable(str(error)) from error
        if answer.status != 200:
            raise TokenUnavailable(f"the token endpoint answered {answer.status} to client {self.client_id!r}")
        try:
            body = exact.loads(answer.body)
            token, lifetime = str(body["access_token"]), float(body["expires_in"])
        except (ValueError, KeyError, TypeError):
            raise TokenUnavailable("the token endpoint's answer holds no token") from None
        self._fresh_until = asked_at + max(lifetime - REFRESH_SECONDS, lifetime / 2)
        return token
