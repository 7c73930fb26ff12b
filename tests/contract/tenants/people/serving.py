"""A node beside the pages, on a loop of its own, so that they have an API to ask; identity providers beside it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any, TypeVar

from cyoda.clock import system_clock
from cyoda.cluster.membership import View
from cyoda.conf import load
from cyoda.data_plane import OnLoop, OperatorsDataPlane, asked_by_operators
from cyoda.http.response import Response
from cyoda.pages_api import NodePagesApi, asked_by_pages
from cyoda.principal import Principal
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair
from tenants.services.directory import StoredTenants
from tenants.services.identity import stored_identity
from tenants.services.off_loop import OrmThread
from tests.contract.http.conftest import no_pages, pem_of
from workflows.storage.memory.store import MemoryStorage

T = TypeVar("T")
_KIND = (b"content-type", b"application/json")


class Served:
    """The node, and its loop for what a test wants to run there."""

    def __init__(self, node: Node, loop: OnLoop) -> None:
        self.node = node
        self._loop = loop

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(act)

    def answer(self, principal: Principal, method: str, target: str, body: object = None) -> Response:
        """Of the node's API to a person or a program."""
        sent = b"" if body is None else json.dumps(body).encode()
        return self.run(self.node.api.ask(principal, method, target, (_KIND,), sent))

    def ask(self, principal: Principal, method: str, target: str, body: object = None) -> Any:
        """The answer's JSON; it is no refusal."""
        answer = self.answer(principal, method, target, body)
        assert answer.status == 200, answer.whole()
        return json.loads(answer.whole() or b"null")


@contextmanager
def loop_aside() -> Iterator[OnLoop]:
    """An event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield OnLoop(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def served(key: KeyPair, *, view: View | None = None, **settings: str) -> Iterator[Served]:
    """A node in jwt mode over the rows of the test's database; meanwhile the pages ask it. `view` is of its cluster."""
    stack = AsyncExitStack()
    with loop_aside() as loop:
        try:
            node = loop.run(_started(stack, {"CYODA_JWT_SIGNING_KEY": pem_of(key.private_key)} | settings))
            operators = OperatorsDataPlane(node.platform, loop, "node-1", node.members, view=view)
            with asked_by_operators(operators), asked_by_pages(NodePagesApi(node.api, loop)):
                yield Served(node, loop)
        finally:
            loop.run(stack.aclose())


@contextmanager
def served_alone() -> Iterator[Served]:
    """A node in mock mode, which knows nobody; meanwhile the pages ask it."""
    node = build_node(load({"CYODA_IAM_MODE": "mock"}), MemoryStorage(), fallback=no_pages)
    with loop_aside() as loop:
        loop.run(node.platform.storage.open())
        with asked_by_pages(NodePagesApi(node.api, loop)):
            yield Served(node, loop)
        loop.run(node.platform.storage.close())


async def _started(stack: AsyncExitStack, settings: dict[str, str]) -> Node:
    conf, orm = load({"CYODA_IAM_MODE": "jwt"} | settings), OrmThread()
    stack.push_async_callback(orm.close)

    async def make_schema(_: str) -> None:
        """Data is in memory here."""

    tenants = StoredTenants(orm, make_schema, auto_create=False)
    identity = stored_identity(conf, system_clock, orm, tenants)
    node = build_node(conf, MemoryStorage(), fallback=no_pages, clock=system_clock, identity=identity)
    await node.platform.storage.open()
    stack.push_async_callback(node.platform.storage.close)
    await stack.enter_async_context(tenants)
    await stack.enter_async_context(identity.background)
    return node
