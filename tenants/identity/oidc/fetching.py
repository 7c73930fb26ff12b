"""Getting a provider's documents without being led astray (contract: identity 10.2).

A connection is made to an address that was judged, never to a name; redirects are answers like any other; time and size
have limits, and what a provider says beyond them is not read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

import httpcore

from cyoda.conf import Oidc
from tenants.identity.oidc.destinations import (
    BlockedAddress,
    Destinations,
    Endpoint,
    InvalidUri,
    LookupFailed,
    parse_endpoint,
)

LIMIT_BYTES = 1024 * 1024
MAX_PARTS = 2000
"""Chunks that a body may come in: each costs time on the event loop."""
_HEAD_LIMIT_BYTES = 64 * 1024
_READ_BYTES = 4096
"""Read at once, so that other work has its turn in between, whatever the bytes are."""
LOOKUPS_AT_ONCE = 16


class FetchFailed(Exception):
    """The document was not had; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class _Message:
    """What is sent, and what of the answer is accepted; `content_types` None: any."""

    method: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = None
    content_types: Collection[str] | None = None
    statuses: Collection[int] = (200,)


class Fetcher:
    """GETs documents, POSTs messages. `tls` replaces the machine's certificate authorities; TLS is 1.3 in any case."""

    def __init__(self, conf: Oidc, destinations: Destinations | None = None, *, tls: ssl.SSLContext | None = None):
        self._require_https = conf.require_https
        self._destinations = destinations or Destinations(allow_private=conf.allow_private_networks)
        self._tls = tls or ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_3
        connect, socket, pool = (
            milliseconds / 1000
            for milliseconds in (conf.connect_timeout_ms, conf.socket_timeout_ms, conf.connection_request_timeout_ms)
        )
        self._timeouts = {"connect": connect, "read": socket, "write": socket, "pool": pool}
        self._budget_seconds = connect + socket + pool
        # Lookups cannot be cancelled: in threads of their own, slow ones delay nothing but other lookups.
        self._lookups = ThreadPoolExecutor(max_workers=LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

    async def check(self, uri: str) -> None:
        """Whether the URI may be fetched from now. Raises InvalidUri, LookupFailed, BlockedAddress."""
        endpoint = parse_endpoint(uri, require_https=self._require_https)
        try:
            async with asyncio.timeout(self._budget_seconds):
                await self._addresses_of(endpoint.host, endpoint.port)
        except TimeoutError:
            raise LookupFailed(f"DNS lookup failed for {endpoint.host}") from None

    async def get(self, uri: str, *, content_types: Collection[str] | None = None) -> bytes:
        """The body of a 200, at most LIMIT_BYTES, of one of the content types. Raises FetchFailed."""
        return await self._exchanged(uri, _Message("GET", content_types=content_types))

    async def post(self, uri: str, body: bytes) -> None:
        """Have JSON accepted with a 200; the answer is read like a document. Raises FetchFailed."""
        await self._exchanged(uri, _Message("POST", {"Content-Type": "application/json"}, body))

    async def post_form(self, uri: str, form: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """The answer to a form, a refusal (400, 401) with what it says too. Raises FetchFailed."""
        given = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        message = _Message("POST", given, urlencode(form).encode(), statuses=(200, 400, 401))
        return await self._exchanged(uri, message)

    async def _exchanged(self, uri: str, message: _Message) -> bytes:
        try:
            endpoint = parse_endpoint(uri, require_https=self._require_https)
            async with asyncio.timeout(self._budget_seconds):
                return await self._exchange(endpoint, message)
        except (InvalidUri, LookupFailed) as error:
            raise FetchFailed(str(error)) from None
        except BlockedAddress as error:
            raise FetchFailed(f"{error} has an address of a blocked range") from None
        except (TimeoutError, httpcore.TimeoutException):
            raise FetchFailed("timed out") from None
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise FetchFailed(f"{type(error).__name__}: {error}") from None

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def _exchange(self, endpoint: Endpoint, message: _Message) -> bytes:
        url = httpcore.URL(scheme=endpoint.scheme, host=endpoint.host, port=endpoint.port, target=endpoint.target)
        headers = [("Host", endpoint.authority), ("Accept", "application/json"), ("Accept-Encoding", "identity")]
        headers += message.headers.items()
        if message.content is not None:
            headers += [("Content-Length", str(len(message.content)))]
        backend = _JudgedBackend(self)
        async with (
            httpcore.AsyncConnectionPool(self._tls, network_backend=backend, keepalive_expiry=0) as pool,
            pool.stream(
                message.method, url, headers=headers, content=message.content, extensions={"timeout": self._timeouts}
            ) as answer,
        ):
            _check_head(answer.status, dict(answer.headers), message)
            backend.bytes_left += LIMIT_BYTES
            body, parts = bytearray(), 0
            async for part in answer.aiter_stream():
                body += part
                parts += 1
                if len(body) > LIMIT_BYTES or parts > MAX_PARTS:
                    raise FetchFailed("the document is too large")
            return bytes(body)

    async def _addresses_of(self, host: str, port: int) -> Iterable[str]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._lookups, self._destinations.addresses_of, host, port)


class _JudgedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the very addresses that were judged; TLS and the Host header still speak of the name.

    Connections give no more than `bytes_left`, in small pieces.
    """

    def __init__(self, fetcher: Fetcher) -> None:
        self.bytes_left = _HEAD_LIMIT_BYTES
        self._fetcher = fetcher
        self._network = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._fetcher._addresses_of(host, port):
            try:
                return _BoundedStream(await self._network.connect_tcp(address, port, *arguments, **options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _BoundedStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream, backend: _JudgedBackend) -> None:
        self._stream = stream
        self._backend = backend

    async def read(self, max_bytes: int, *arguments: Any, **options: Any) -> bytes:
        data = await self._stream.read(min(max_bytes, _READ_BYTES), *arguments, **options)
        self._backend.bytes_left -= len(data)
        if self._backend.bytes_left < 0:
            raise httpcore.ReadError("too large")
        return data

    async def write(self, *arguments: Any, **options: Any) -> None:
        await self._stream.write(*arguments, **options)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _BoundedStream(await self._stream.start_tls(*arguments, **options), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _check_head(status: int, headers: Mapping[bytes, bytes], message: _Message) -> None:
    """Raises FetchFailed."""
    if status not in message.statuses:
        raise FetchFailed(f"status {status}")
    named = {name.lower(): value.decode("latin-1") for name, value in headers.items()}
    if named.get(b"content-encoding", "identity") != "identity":
        raise FetchFailed("the document is compressed")
    content_type = named.get(b"content-type", "").partition(";")[0].strip().lower()
    if message.content_types is not None and content_type not in message.content_types:
        raise FetchFailed(f"content type {content_type[:60]!r}")
    length = named.get(b"content-length", "0")
    if length.isdigit() and int(length) > LIMIT_BYTES:
        raise FetchFailed("the document is too large")
