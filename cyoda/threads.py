"""Threads for Django's requests that are kept, and with them their connections to the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import ThreadSensitiveContext
from django.db import connections

KEPT = 8
"""Free threads that wait for requests; each may have a connection."""

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class KeptThreads:
    """The ASGI application before Django that gives each request a thread of its own, a used one if one is free.

    Django by itself makes a thread for each request, and Django's connections belong to threads: every request would
    connect anew, which takes longer than most requests.
    """

    def __init__(self, django: Asgi, *, kept: int = KEPT) -> None:
        self._django = django
        self._kept = kept
        self._free: deque[ThreadPoolExecutor] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        thread = self._taken()
        try:
            async with ThreadSensitiveContext(executor=thread):
                await self._django(scope, receive, send)
        finally:
            # A request whose client has gone may still be at work in its thread: it is free when that is over.
            thread.submit(self._give_back, thread)

    def _taken(self) -> ThreadPoolExecutor:
        try:
            return self._free.pop()
        except IndexError:
            return ThreadPoolExecutor(max_workers=1, thread_name_prefix="django")

    def _give_back(self, thread: ThreadPoolExecutor) -> None:
        """In the thread itself."""
        if len(self._free) < self._kept:
            self._free.append(thread)
        else:
            connections.close_all()
            thread.shutdown(wait=False)
