"""A thin client of the platform's HTTP API, for callbacks (contract: grpc 16)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote, urlencode

from cyoda_member import exact
from cyoda_member.context import Model
from cyoda_member.exact import Json
from cyoda_member.http import Answer, Http
from cyoda_member.tokens import Tokens


class ApiError(Exception):
    """The platform refused a request: `code` is its error code, such as ENTITY_NOT_FOUND."""

    def __init__(self, status: int, code: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity as it was read; `meta` has everything that the platform says about it."""

    document: Json
    meta: Mapping[str, Json]

    @property
    def id(self) -> str:
        return self.meta["id"]

    @property
    def state(self) -> str:
        return self.meta["state"]

    @property
    def model(self) -> Model | None:
        return model_of(self.meta)


def model_of(meta: Mapping[str, Json]) -> Model | None:
    key = meta.get("modelKey")
    return None if key is None else Model(key["name"], int(key["version"]))


class Api(Protocol):
    """What a callback can do. Every method raises ApiError, and TokenUnavailable or Unreachable without a platform."""

    async def get(self, entity_id: str) -> Entity: ...

    async def create(self, model: str, version: int, document: Json) -> list[str]:
        """Create an entity, or one of each element of a list; returns their ids."""
        ...

    async def update(
        self, entity_id: str, document: Json, *, transition: str | None = None, if_match: str | None = None
    ) -> None:
        """Replace the document, and fire the named transition; `if_match` is the transaction id of the version read."""
        ...

    async def delete(self, entity_id: str) -> None: ...

    async def search(
        self, model: str, version: int, condition: Json, *, limit: int | None = None, sort: Sequence[str] = ()
    ) -> list[Entity]:
        """All entities that satisfy a condition, sorted by `path:asc` or `path:desc`; more than `limit` are refused."""
        ...


@dataclass(slots=True)
class HttpApi:
    """The API over HTTP, with the bearer token of the member, in the transaction of `tx_token` if there is one."""

    http: Http
    tokens: Tokens
    tx_token: str | None = field(default=None, repr=False)
    _is_closed: bool = field(default=False, init=False)

    async def get(self, entity_id: str) -> Entity:
        return _entity(await self._json("GET", f"/entity/{_segment(entity_id)}"))

    async def create(self, model: str, version: int, document: Json) -> list[str]:
        chunks = await self._json("POST", f"/entity/JSON/{_segment(model)}/{version}", document)
        for chunk in chunks:
            if error := chunk.get("error"):
                raise ApiError(200, error["code"], error["message"])
        return [entity_id for chunk in chunks for entity_id in chunk["entityIds"]]

    async def update(
        self, entity_id: str, document: Json, *, transition: str | None = None, if_match: str | None = None
    ) -> None:
        path = f"/entity/JSON/{_segment(entity_id)}" + ("" if transition is None else f"/{_segment(transition)}")
        await self._json("PUT", path, document, {} if if_match is None else {"If-Match": if_match})

    async def delete(self, entity_id: str) -> None:
        await self._json("DELETE", f"/entity/{_segment(entity_id)}")

    async def search(
        self, model: str, version: int, condition: Json, *, limit: int | None = None, sort: Sequence[str] = ()
    ) -> list[Entity]:
        query = [*([] if limit is None else [("limit", str(limit))]), *(("sort", key) for key in sort)]
        path = f"/search/direct/{_segment(model)}/{version}" + (f"?{urlencode(query)}" if query else "")
        body = (await self._send("POST", path, condition, {})).body
        return [_entity(exact.loads(line)) for line in body.splitlines() if line]

    def close(self) -> None:
        """The callout is answered: what came after it would be outside the transaction, or in none."""
        self._is_closed = True

    async def _json(self, method: str, path: str, body: Json = None, headers: Mapping[str, str] | None = None) -> Json:
        return exact.loads((await self._send(method, path, body, headers or {})).body)

    async def _send(self, method: str, path: str, body: Json, headers: Mapping[str, str]) -> Answer:
        """A refused bearer is replaced once: the platform did nothing for it."""
        if self._is_closed:
            raise RuntimeError("the API is used outside its `async with` block")
        token = await self.tokens.current()
        answer = await self._attempt(method, path, body, headers, token)
        if answer.status == 401:
            self.tokens.drop(token)
            answer = await self._attempt(method, path, body, headers, await self.tokens.current())
        if not 200 <= answer.status < 300:
            raise _refusal(answer)
        return answer

    async def _attempt(self, method: str, path: str, body: Json, headers: Mapping[str, str], token: str) -> Answer:
        sent = {"Authorization": f"Bearer {token}", **headers}
        if self.tx_token is not None:
            sent["X-Tx-Token"] = self.tx_token
        if body is None:
            return await self.http.send(method, path, sent)
        return await self.http.send(
            method, path, sent | {"Content-Type": "application/json"}, exact.dumps(body).encode()
        )


@asynccontextmanager
async def opened(http: Http, tokens: Tokens, tx_token: str) -> AsyncGenerator[Api]:
    """The API inside one transaction, for as long as the block lasts."""
    api = HttpApi(http, tokens, tx_token)
    try:
        yield api
    finally:
        api.close()


def _segment(text: str) -> str:
    return quote(text, safe="")


def _entity(envelope: Json) -> Entity:
    return Entity(envelope["data"], envelope["meta"])


def _refusal(answer: Answer) -> ApiError:
    """A problem document, or whatever stands between here and the platform answered instead."""
    try:
        problem = exact.loads(answer.body)
        properties = problem["properties"]
        retryable = properties.get("retryable") is True
        return ApiError(answer.status, properties["errorCode"], problem["detail"], retryable=retryable)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ApiError(answer.status, f"HTTP_{answer.status}", f"the platform answered {answer.status}")
