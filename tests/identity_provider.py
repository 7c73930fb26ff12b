"""A real OIDC provider on loopback that can rotate keys, lie, be slow, answer nonsense and go away."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

DISCOVERY = "/.well-known/openid-configuration"
KEYS = "/keys"


@cache
def private_key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name in a test run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(kid: str, key: rsa.RSAPrivateKey, **members: object) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "RS256", **members}


@dataclass
class Reply:
    """What the provider answers instead: raw, so that it may be as wrong as it likes."""

    body: bytes = b"{}"
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[str, ...] = ()
    times: int = 1
    """The body is sent so often."""
    pause_seconds: float = 0.0
    """After each of these times."""
    head: bytes | None = None
    """In the place of status line and headers."""


@dataclass
class IdentityProvider:
    """Listens while entered. `kid` and `key` sign; `lie` replaces members of the discovery document.

    `gate` is awaited before each answer: clear it, and the provider is slow. `asked` counts requests by path.
    """

    kid: str = "k1"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: private_key("k1"))
    tls: ssl.SSLContext | None = None
    issuer: str = ""
    lie: dict[str, object] = field(default_factory=dict)
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    heads: list[str] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _server: asyncio.Server | None = None
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def root(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def uri(self) -> str:
        return self.root + DISCOVERY

    async def __aenter__(self) -> Self:
        self.gate.set()
        await self.come_back()
        self.issuer = self.issuer or self.root
        return self

    async def __aexit__(self, *_: object) -> None:
        self.gate.set()
        await self.go_away()

    async def come_back(self) -> None:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_away(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def rotate(self, kid: str) -> None:
        self.kid, self.key = kid, private_key(kid)

    def token(self, *, key: rsa.RSAPrivateKey | None = None, kid: str | None = None, **claims: object) -> str:
        """A token of now; a claim of None is left out."""
        now = int(time.time())
        given = {"iss": self.issuer, "sub": "jane", "aud": "app", "iat": now, "exp": now + 600, **claims}
        payload = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(payload, key or self.key, algorithm="RS256", headers={"kid": kid or self.kid})

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked[path] += 1
            self.heads.append(head)
            await self.gate.wait()
            reply = self.replies.get(path) or Reply(json.dumps(self._document(path)).encode())
            lines = (
                f"HTTP/1.1 {reply.status} Whatever", f"Content-Type: {reply.content_type}",
                *(reply.headers or (f"Content-Length: {len(reply.body)}",)), "Connection: close",
            )  # fmt: skip
            writer.write("\r\n".join((*lines, "", "")).encode() if reply.head is None else reply.head)
            for _ in range(reply.times):
                writer.write(reply.body)
                await writer.drain()
                await asyncio.sleep(reply.pause_seconds)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def _document(self, path: str) -> dict[str, Any]:
        if path == KEYS:
            return {"keys": [jwk(self.kid, self.key)]}
        return {"issuer": self.issuer, "jwks_uri": self.root + KEYS, **self.lie}
