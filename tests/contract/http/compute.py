"""A calculation member inside the test's own process: what it is asked goes to a coroutine of the test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from cyoda.runtime import Node
from workflows.compute.members import Member, Pending

Work = Callable[[dict[str, Any], dict[str, str]], Awaitable[dict[str, Any]]]
"""(the request, the headers by which a callback joins its transaction) -> members of the response."""


async def succeed(_request: dict[str, Any], _joined: dict[str, str]) -> dict[str, Any]:
    return {"success": True}


class InProcessMember:
    """Connected to the node's registry as one of the tenant `acme`; it does what `work` says."""

    def __init__(self, node: Node, work: Work = succeed, tags: tuple[str, ...] = ()) -> None:
        self.work = work
        self._tasks: set[asyncio.Task[None]] = set()
        self._member = Member(id=uuid4(), tenant="acme", tags=tags, send=self._send, clock=node.platform.clock)
        node.members.add(self._member)

    def leave(self, node: Node) -> None:
        """Its stream ends."""
        node.members.remove(self._member)

    def _send(self, pending: Pending) -> None:
        pending.written()
        task = asyncio.ensure_future(self._answer(pending))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, pending: Pending) -> None:
        token = pending.question.attributes.get("cyodatxtoken")
        joined = {} if token is None else {"X-Tx-Token": token}
        answer = {"requestId": pending.question.id, **await self.work(json.loads(pending.question.data), joined)}
        self._member.receive(json.dumps(answer).encode())
