"""The node's own API for Django's pages (tenants.ui.console.api): asked on its loop, without a socket or a token."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from cyoda.data_plane import Runs
from cyoda.errors import StorageUnavailable
from cyoda.http.app import HttpApp
from cyoda.http.response import Header
from cyoda.principal import Principal
from tenants.ui.console.api import Answer


@dataclass(frozen=True, slots=True)
class NodePagesApi:
    """Implements tenants.ui.console.api.PagesApi."""

    api: HttpApp
    runs: Runs

    def ask(
        self, principal: Principal, method: str, target: str, headers: Sequence[Header] = (), body: bytes = b""
    ) -> Answer:
        response = self.runs.run(self.api.ask(principal, method, target, headers, body))
        return Answer(response.status, response.whole())


_serving: list[NodePagesApi] = []


@contextmanager
def asked_by_pages(pages_api: NodePagesApi) -> Generator[None]:
    """Meanwhile this process' pages ask this one."""
    _serving.append(pages_api)
    try:
        yield
    finally:
        _serving.remove(pages_api)


def pages_api() -> NodePagesApi:
    """Raises StorageUnavailable in a process that serves nobody."""
    if not _serving:
        raise StorageUnavailable
    return _serving[-1]


async def answer_on_loop(principal: Principal, target: str) -> bytes:
    """The answer to a GET, for those that are on the node's loop themselves. Raises StorageUnavailable."""
    response = await pages_api().api.ask(principal, "GET", target, (), b"")
    return b"%d %b" % (response.status, response.whole())
