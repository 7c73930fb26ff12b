"""One HTTP request, by the standard library, in a thread of a small pool."""

from __future__ import annotations

import asyncio
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPException
from typing import Any

TIMEOUT_SECONDS = 30.0


class Unreachable(Exception):
    """The platform's HTTP address does not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry credentials to an address that nobody configured."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(slots=True)
class Http:
    """Requests below one base address, such as `https://host/api`; `tls` is how https is spoken."""

    base: str
    executor: Executor = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    _opener: urllib.request.OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=self.tls))

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """Any status is an answer. Raises Unreachable."""
        request = urllib.request.Request(  # noqa: S310 - the address is configured
            self.base.rstrip("/") + path, data=body, headers=dict(headers), method=method
        )
        return await asyncio.get_running_loop().run_in_executor(self.executor, partial(_send, self._opener, request))


def _send(opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> Answer:
    try:
        with opener.open(request, timeout=TIMEOUT_SECONDS) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{request.full_url} does not answer: {getattr(error, 'reason', error)}") from error
