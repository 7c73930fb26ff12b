"""A calculation member: what it can do, and the connection that it keeps."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import grpc
import grpc.aio

from cyoda_member.api import opened
from cyoda_member.backoff import Backoff
from cyoda_member.generated.cyoda_cloud_api_pb2_grpc import CloudEventsServiceStub
from cyoda_member.handlers import Handler, Handlers
from cyoda_member.http import Http
from cyoda_member.settings import Settings
from cyoda_member.stream import HALF_CLOSE_SECONDS, Stream, Work
from cyoda_member.tokens import Tokens, TokenUnavailable

HTTP_THREADS = 16
_CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]
_log = logging.getLogger("cyoda_member")


class Refused(Exception):
    """The platform will never take this member as it is; the text says why (a role, another tenant)."""


class Member:
    """A program that computes for workflows.

    `tags` choose the callouts that it gets, unless its settings have some; `concurrency` is how many it works on at a
    time and `threads` how many of these in handlers that are not async; a stopping member has `drain_seconds` for the
    callouts that it has.
    """

    def __init__(
        self,
        *,
        tags: Sequence[str] = (),
        concurrency: int = 100,
        threads: int = 8,
        drain_seconds: float = 30.0,
        backoff: Backoff | None = None,
    ) -> None:
        self.tags = tuple(tags)
        self._joins_with = self.tags
        self.handlers = Handlers()
        self._concurrency = concurrency
        self._threads = threads
        self._drain_seconds = drain_seconds
        self._backoff = backoff or Backoff()
        self._stopping = asyncio.Event()

    # --- what it can do ---------------------------------------------------------------------------------------------

    def processor(self, name: str) -> Callable[[Handler], Handler]:
        """Decorates `(document[, context]) -> document`; the answer replaces the document, None leaves it."""
        return self.handlers.decorator("processor", name)

    def criterion(self, name: str) -> Callable[[Handler], Handler]:
        """Decorates `(document[, context]) -> bool | (bool, reason)`."""
        return self.handlers.decorator("criterion", name)

    def function(self, name: str) -> Callable[[Handler], Handler]:
        """Decorates `(document[, context]) -> Schedule`."""
        return self.handlers.decorator("function", name)

    # --- running ----------------------------------------------------------------------------------------------------

    def run(self, settings: Settings | None = None) -> None:
        """Serve until SIGTERM or SIGINT, then finish what is in flight. Settings come from the environment.

        Raises SettingsMissing, Refused, and OSError when a TLS file cannot be used.
        """
        asyncio.run(self._run(settings or Settings.from_environment()))

    async def _run(self, settings: Settings) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)
        await self.serve(settings)

    def stop(self) -> None:
        """Take nothing new, finish what is in flight, disconnect; `serve` then returns."""
        self._stopping.set()

    async def serve(self, settings: Settings) -> None:
        """Keep a connection until `stop`. Raises Refused, and OSError when a TLS file cannot be used."""
        self._joins_with = settings.tags or self.tags
        with ExitStack() as pools:
            handlers = ThreadPoolExecutor(self._threads, thread_name_prefix="handler")
            pools.callback(handlers.shutdown, wait=False, cancel_futures=True)
            requests = ThreadPoolExecutor(HTTP_THREADS, thread_name_prefix="http")
            pools.callback(requests.shutdown, wait=False, cancel_futures=True)
            http = Http(settings.api, requests, settings.http_tls())
            tokens = Tokens(http, settings.client_id, settings.client_secret)
            limit = asyncio.Semaphore(self._concurrency)
            work = Work(self.handlers, handlers, limit, partial(opened, http, tokens))
            try:
                await self._keep_connected(settings, tokens, work)
            finally:
                self._stopping.clear()
                await work.finish(0)

    async def _keep_connected(self, settings: Settings, tokens: Tokens, work: Work) -> None:
        while not self._stopping.is_set():
            try:
                if await self._with_fresh_token(settings, tokens, work):
                    self._backoff.reset()
            except TokenUnavailable as error:
                _log.warning("not connected: %s", error)
            if self._stopping.is_set():
                return
            pause = self._backoff.next_pause()
            _log.info("connecting again in %.1f s", pause)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                pass

    async def _with_fresh_token(self, settings: Settings, tokens: Tokens, work: Work) -> bool:
        """One connection, with a second try when the platform refuses the token; whether it was greeted.

        Raises TokenUnavailable, Refused.
        """
        for _ in range(2):
            token = await tokens.current()
            was_greeted, status = await self._connect(settings, token, work)
            if status is not grpc.StatusCode.UNAUTHENTICATED:
                return was_greeted
            tokens.drop(token)
        return False

    async def _connect(self, settings: Settings, token: str, work: Work) -> tuple[bool, grpc.StatusCode]:
        """One connection from join to end: whether it was greeted, and how it ended. Raises Refused."""
        async with open_channel(settings) as channel:
            call = CloudEventsServiceStub(channel).startStreaming(metadata=(("authorization", f"Bearer {token}"),))
            stream = Stream(call, work)
            try:
                await self._serve_stream(stream, work)
            except grpc.aio.AioRpcError as error:
                status = error.code()
                if status is grpc.StatusCode.PERMISSION_DENIED:
                    raise Refused(error.details()) from None
                if not stream.is_draining:
                    _log.warning("the connection ended: %s %s", status.name, error.details())
                return stream.is_greeted, status
            return stream.is_greeted, grpc.StatusCode.OK

    async def _serve_stream(self, stream: Stream, work: Work) -> None:
        """Run a stream; once the member is stopping, drain it. Raises grpc.aio.AioRpcError."""
        serving = asyncio.ensure_future(stream.run(self._joins_with))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                await stream.leave()
                await work.finish(self._drain_seconds)
                await stream.close()
                await asyncio.wait({serving}, timeout=HALF_CLOSE_SECONDS)
        finally:
            for task in (serving, stopping):
                task.cancel()
            await asyncio.wait({serving, stopping})
        if not serving.cancelled():
            serving.result()


def open_channel(settings: Settings) -> grpc.aio.Channel:
    """Connects when it is first used. Raises OSError when a TLS file cannot be read."""
    if not settings.tls:
        return grpc.aio.insecure_channel(settings.grpc, options=_CHANNEL_OPTIONS)
    files = (settings.ca_file, settings.key_file, settings.certificate_file)
    credentials = grpc.ssl_channel_credentials(*(None if file is None else file.read_bytes() for file in files))
    return grpc.aio.secure_channel(settings.grpc, credentials, options=_CHANNEL_OPTIONS)
