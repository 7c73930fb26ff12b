"""Handlers by name, and how one is called: arguments in, the members of a callout response out (contract: grpc 13)."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from cyoda_member import exact
from cyoda_member.context import Context
from cyoda_member.exact import Json
from cyoda_member.schedule import Schedule

Kind = Literal["processor", "criterion", "function"]
Handler = TypeVar("Handler", bound=Callable[..., Any])
Answer = dict[str, Json]

_log = logging.getLogger("cyoda_member")


class HandlerFailed(Exception):
    """Raise it in a handler to fail the transition with a message of your own words."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One decorated function; `takes_context` when it has a second parameter."""

    kind: Kind
    name: str
    call: Callable[..., Any]
    takes_context: bool

    async def result(self, document: Json, context: Context, executor: Executor) -> Any:
        """What the function returns: awaited when it is async, else computed by a thread of the executor."""
        arguments = (document, context) if self.takes_context else (document,)
        if inspect.iscoroutinefunction(self.call):
            return await self.call(*arguments)
        call = partial(contextvars.copy_context().run, self.call, *arguments)
        result = await asyncio.get_running_loop().run_in_executor(executor, call)
        return await result if inspect.isawaitable(result) else result


@dataclass(slots=True)
class Handlers:
    """Everything a member can do."""

    _known: dict[tuple[Kind, str], Registered] = field(default_factory=dict)

    def decorator(self, kind: Kind, name: str) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            self.add(kind, name, handler)
            return handler

        return register

    def add(self, kind: Kind, name: str, handler: Callable[..., Any]) -> None:
        """Raises ValueError when the name is taken or the function takes neither one nor two arguments."""
        if (kind, name) in self._known:
            raise ValueError(f"there is a {kind} {name!r} already")
        self._known[kind, name] = Registered(kind, name, handler, _takes_context(handler))

    async def answer(self, kind: Kind, document: Json, context: Context, executor: Executor) -> Answer:
        """The response to one callout, without its ids; whatever a handler raises becomes a failure."""
        handler = self._known.get((kind, context.name))
        if handler is None:
            return _failure(kind, f"this member has no {kind} {context.name!r}", context)
        try:
            members = _RESULTS[kind](await handler.result(document, context, executor))
        except HandlerFailed as error:
            return _failure(kind, str(error), context)
        except Exception as error:  # noqa: BLE001 - whatever the logic raises is the platform's to report
            _log.exception("%s %s failed for entity %s", kind, context.name, context.entity_id)
            return _failure(kind, f"{type(error).__name__}: {error}", context)
        return {"success": True, **members, **_warnings(context)}


def _takes_context(handler: Callable[..., Any]) -> bool:
    positional = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    parameters = inspect.signature(handler).parameters.values()
    count = sum(parameter.kind in positional for parameter in parameters)
    if count not in (1, 2):
        raise ValueError(f"{handler!r} must take the document, or the document and the context")
    return count == 2


# --- results ----------------------------------------------------------------------------------------------------


def _processed(document: Json) -> Answer:
    """None leaves the entity as it is."""
    return {} if document is None else {"payload": {"type": "JSON", "data": document}}


def _judged(verdict: object) -> Answer:
    match verdict:
        case bool():
            return {"matches": verdict}
        case (bool(matches), str(reason)):
            return {"matches": matches, "reason": reason}
    raise TypeError("a criterion returns bool or (bool, reason)")


def _scheduled(schedule: object) -> Answer:
    if not isinstance(schedule, Schedule):
        raise TypeError("a function returns a Schedule")
    return {"resultKind": "Schedule", "result": schedule.result()}


_RESULTS: dict[Kind, Callable[[Any], Answer]] = {
    "processor": _processed,
    "criterion": _judged,
    "function": _scheduled,
}
_CODES: dict[Kind, str] = {"processor": "PROCESSOR_ERROR", "criterion": "CRITERIA_ERROR", "function": "FUNCTION_ERROR"}


def _failure(kind: Kind, message: str, context: Context) -> Answer:
    return {"success": False, "error": {"code": _CODES[kind], "message": message}, **_warnings(context)}


def _warnings(context: Context) -> Answer:
    texts = list(context.warnings)
    return {"warnings": texts} if texts else {}


def encoded(kind: Kind, answer: Answer, context: Context) -> str:
    """The text of an answer with its ids; a failure when a handler's result cannot be said in JSON."""
    ids = {"id": context.request_id, "requestId": context.request_id, "entityId": context.entity_id}
    try:
        text = exact.dumps(ids | answer)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        _log.error("the answer of %s %s is not JSON: %s", kind, context.name, error)
        text = exact.dumps(ids | _failure(kind, f"{type(error).__name__}: {error}", context))
    return text
