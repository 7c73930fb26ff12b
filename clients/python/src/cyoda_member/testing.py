"""Run handlers in your own tests, without a platform.

    from cyoda_member.testing import run_processor
    assert run_processor(member, "price", {"quantity": 2}).document == {"quantity": 2, "total": 6}

Documents and answers pass through JSON as they would on the wire. The functions run an event loop of their own; in
async tests use the methods of `Harness`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypedDict, Unpack

from cyoda_member import exact
from cyoda_member.api import Api, ApiError, Entity
from cyoda_member.context import Caller, Context, Model
from cyoda_member.exact import Json
from cyoda_member.handlers import Answer, Kind, encoded
from cyoda_member.member import Member


class CalloutFailed(Exception):
    """The handler failed; the text is what the platform would report."""

    def __init__(self, message: str, warnings: tuple[str, ...]) -> None:
        super().__init__(message)
        self.warnings = warnings


@dataclass(frozen=True, slots=True)
class Processed:
    """The document that replaces the entity's; None leaves it."""

    document: Json
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    matches: bool
    reason: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """`result` as the platform gets it, for example `{"fireAfterMs": 60000}`."""

    result: dict[str, int]
    warnings: tuple[str, ...]


class About(TypedDict, total=False):
    """What a test may say about the callout; `api` is what `context.join()` gives."""

    entity_id: str
    workflow: str
    transition: str
    transaction_id: str
    caller: Caller | None
    model: Model | None
    state: str | None
    target: str | None
    parameters: str | None
    api: Api


@dataclass(frozen=True, slots=True)
class Harness:
    """Calls a member's handlers. Every method raises CalloutFailed."""

    member: Member

    async def processor(self, name: str, document: Json, **about: Unpack[About]) -> Processed:
        answer = await self._answer("processor", name, document, about)
        return Processed(answer.get("payload", {}).get("data"), _warnings(answer))

    async def criterion(self, name: str, document: Json, **about: Unpack[About]) -> Verdict:
        answer = await self._answer("criterion", name, document, about)
        return Verdict(answer["matches"], answer.get("reason"), _warnings(answer))

    async def function(self, name: str, document: Json, **about: Unpack[About]) -> Scheduled:
        answer = await self._answer("function", name, document, about)
        return Scheduled(answer["result"], _warnings(answer))

    async def _answer(self, kind: Kind, name: str, document: Json, about: About) -> Answer:
        context = _context(name, about)
        with ThreadPoolExecutor(1) as executor:
            sent = exact.loads(exact.dumps(document))
            answer = await self.member.handlers.answer(kind, sent, context, executor)
        answer = exact.loads(encoded(kind, answer, context))
        if not answer["success"]:
            raise CalloutFailed(answer["error"]["message"], _warnings(answer))
        return answer


def run_processor(member: Member, name: str, document: Json, **about: Unpack[About]) -> Processed:
    """Raises CalloutFailed."""
    return asyncio.run(Harness(member).processor(name, document, **about))


def run_criterion(member: Member, name: str, document: Json, **about: Unpack[About]) -> Verdict:
    """Raises CalloutFailed."""
    return asyncio.run(Harness(member).criterion(name, document, **about))


def run_function(member: Member, name: str, document: Json, **about: Unpack[About]) -> Scheduled:
    """Raises CalloutFailed."""
    return asyncio.run(Harness(member).function(name, document, **about))


@dataclass(slots=True)
class MemoryApi:
    """An API over a dictionary, for handlers that join. Searches answer `found`, whatever the condition."""

    entities: dict[str, Entity] = field(default_factory=dict[str, Entity])
    found: list[Entity] = field(default_factory=list[Entity])

    async def get(self, entity_id: str) -> Entity:
        try:
            return self.entities[entity_id]
        except KeyError:
            raise ApiError(404, "ENTITY_NOT_FOUND", f"ENTITY_NOT_FOUND: entity id={entity_id} not found") from None

    async def create(self, model: str, version: int, document: Json) -> list[str]:
        documents = document if isinstance(document, list) else [document]
        ids = [str(uuid.uuid4()) for _ in documents]
        for entity_id, each in zip(ids, documents, strict=True):
            meta = {"id": entity_id, "modelKey": {"name": model, "version": version}, "state": "CREATED"}
            self.entities[entity_id] = Entity(each, meta)
        return ids

    async def update(
        self, entity_id: str, document: Json, *, transition: str | None = None, if_match: str | None = None
    ) -> None:
        self.entities[entity_id] = Entity(document, (await self.get(entity_id)).meta)

    async def delete(self, entity_id: str) -> None:
        await self.get(entity_id)
        del self.entities[entity_id]

    async def search(
        self, model: str, version: int, condition: Json, *, limit: int | None = None, sort: Sequence[str] = ()
    ) -> list[Entity]:
        return list(self.found)


def _context(name: str, about: About) -> Context:
    api = about.get("api")

    @asynccontextmanager
    async def given(_token: str) -> AsyncGenerator[Api]:
        assert api is not None
        yield api

    return Context(
        name=name,
        request_id=str(uuid.uuid4()),
        entity_id=about.get("entity_id", str(uuid.uuid4())),
        workflow=about.get("workflow", "workflow"),
        transition=about.get("transition", "transition"),
        transaction_id=about.get("transaction_id", str(uuid.uuid4())),
        caller=about.get("caller", Caller("user", "tester")),
        model=about.get("model", Model("model", 1)),
        state=about.get("state", "STATE"),
        target=about.get("target"),
        parameters=about.get("parameters"),
        tx_token=None if api is None else "token",
        open_api=None if api is None else given,
    )


def _warnings(answer: Answer) -> tuple[str, ...]:
    return tuple(answer.get("warnings", ()))
