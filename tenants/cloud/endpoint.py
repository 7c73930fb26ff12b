"""What an endpoint of the cloud API declares, and the order in which each request is judged (control plane 4.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import msgspec
import structlog
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from cyoda.errors import StorageUnavailable
from tenants.cloud import problems
from tenants.cloud.access import Caller, authenticated, claims_of, owners, require_version
from tenants.cloud.access import caller as caller_of
from tenants.cloud.problems import Problem, Type, invalid, too_many
from tenants.cloud.scopes import has_scope
from tenants.models import Organisation
from tenants.services import rates
from tenants.services.audit import Doer
from tenants.services.audit import caller as doer_of
from tenants.services.consents import ended_sign_in
from tenants.services.first_rows import take_and_look
from tenants.services.idempotency import RequestKey

MAX_BODY_BYTES = 256 * 1024
SHORTEST_KEY, LONGEST_KEY = 16, 200
JSON, EVENT_STREAM = "application/json", "text/event-stream"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has passed: who asks, the values of its path and query, its decoded body.

    `request` is set on endpoints that are asked with an idempotency key; `last_event` is the Last-Event-ID, if any.
    `seen` has the first row of each question that the endpoint `sees`, None where there is none.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    request: RequestKey | None = None
    last_event: str = ""
    seen: Sequence[Any] = ()

    @property
    def doer(self) -> Doer:
        return doer_of(self.caller.principal)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and what is shown of it as JSON; None for no body.

    With `following` the body is the beginning of a stream of events, as bytes.
    """

    status: int
    body: Any = None
    following: Following | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What comes after the beginning of a stream: events of a run after the `last` id, unless they are all there."""

    run_id: UUID
    last: int
    organisation_id: UUID
    is_over: bool


class Beginning(HttpResponse):
    """The first part of a stream of events; whoever can keep the connection goes on where it ends."""

    def __init__(self, content: bytes, following: Following) -> None:
        super().__init__(content, content_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})
        self.following = following


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of the query."""

    name: str
    type: Any
    help: str


Sees = Callable[[QuerySet[Organisation], Mapping[str, str]], Sequence[QuerySet[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path, for callers whose token has the `scope`.

    `gate` refuses before scope and body are looked at; `is_limited` holds the caller to the rate limit. `answers` has
    the type of the body by status, None for none; `refusals` the problem types besides those that any endpoint has.
    `sees` asks for what the endpoint looks at, of the caller's organisation and the values of the path, in the one
    statement by which the request is judged. `note` is for its readers.
    """

    answer: Callable[[Call], Answer]
    summary: str
    scope: str
    answers: Mapping[int, Any]
    body: Any = None
    has_key: bool = False
    is_limited: bool = True
    gate: Callable[[Caller], None] | None = None
    query: tuple[Parameter, ...] = ()
    refusals: tuple[Type, ...] = field(default=())
    media: str = JSON
    note: str = ""
    sees: Sees = lambda _owners, _path: ()


Methods = Mapping[str, Endpoint]


def respond(methods: Methods, route: str, request: HttpRequest, path: Mapping[str, str]) -> HttpResponse:
    """Answer a request to a path that has these methods."""
    return answered(request, lambda: _answer(methods, route, request, path))


def answered(request: HttpRequest, act: Callable[[], Answer]) -> HttpResponse:
    """What is answered to a request; whatever goes wrong is a problem document."""
    try:
        answer = act()
    except Problem as problem:
        return rendered(problem, request.path)
    except (StorageUnavailable, OperationalError, InterfaceError):
        return rendered(Problem(problems.UPSTREAM_FAILURE, "The database does not answer."), request.path)
    except Exception as error:  # the outermost edge: whatever happens, the client gets a ticket
        ticket = str(uuid4())
        log.error("internal error", ticket=ticket, path=request.path, exc_info=error)
        return rendered(Problem(problems.INTERNAL_ERROR, f"internal error [ticket: {ticket}]"), request.path)
    return shown(answer)


def shown(answer: Answer) -> HttpResponse:
    if answer.following is not None:
        return Beginning(answer.body, answer.following)
    content = b"" if answer.body is None else msgspec.json.encode(answer.body)
    return HttpResponse(content, status=answer.status, content_type=JSON)


def rendered(problem: Problem, instance: str) -> HttpResponse:
    content = msgspec.json.encode(problem.document(instance))
    return HttpResponse(content, status=problem.type.status, content_type=problems.MEDIA_TYPE, headers=problem.headers)


def _answer(methods: Methods, route: str, request: HttpRequest, path: Mapping[str, str]) -> Answer:
    endpoint = methods.get(request.method or "")
    require_version(request)
    principal = authenticated(request)
    is_limited = endpoint is not None and endpoint.is_limited
    key = f"{principal.tenant}/{principal.user_id}/{request.method} {route}" if is_limited else None
    mine = owners(principal)
    questions = endpoint.sees(mine[:1], path) if endpoint is not None else ()
    claims = claims_of(request.headers.get("Authorization"))
    wait, (ended, organisation, *seen) = take_and_look(key, ended_sign_in(claims), mine, *questions)
    if ended is not None:
        headers = {"WWW-Authenticate": "Bearer"}
        raise Problem(problems.REVOKED, "The sign-in of this token has ended.", headers=headers)
    caller = caller_of(principal, organisation, claims)
    if endpoint is None:
        raise _no_endpoint(methods)
    if endpoint.gate is not None:
        endpoint.gate(caller)
    if not has_scope(caller.scopes, endpoint.scope):
        raise Problem(problems.FORBIDDEN, f"The token lacks the scope {endpoint.scope}.")
    if wait is not None:
        raise too_many(f"More than {rates.BURST} requests at once, and {rates.PER_SECOND:g} a second.", wait)
    return endpoint.answer(replace(_call(endpoint, request, caller, path), seen=seen))


def _no_endpoint(methods: Methods) -> Problem:
    if not methods:
        return Problem(problems.NOT_FOUND, "There is no such path.")
    return Problem(problems.METHOD_NOT_ALLOWED, headers={"Allow": ", ".join(sorted(methods))})


def _call(endpoint: Endpoint, request: HttpRequest, caller: Caller, path: Mapping[str, str]) -> Call:
    raw = _read(request) if endpoint.body is not None else b""
    body = _decoded(raw, endpoint.body) if endpoint.body is not None else None
    key = None
    if endpoint.has_key:
        key = RequestKey(caller.principal.user_id, _key(request), _digest(raw))
    last = request.headers.get("Last-Event-ID", "")
    query = dict(request.GET.items())
    return Call(caller=caller, path=path, query=query, body=body, request=key, last_event=last)


def _read(request: HttpRequest) -> bytes:
    length = request.headers.get("Content-Length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise _too_large()
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


def _too_large() -> Problem:
    return invalid(f"The body must not be larger than {MAX_BODY_BYTES} bytes.")


def _decoded(raw: bytes, type: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid(f"{error}.") from None


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(msgspec.json.encode(msgspec.json.decode(raw), order="sorted")).digest()


def _key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY or not key.isprintable():
        raise invalid(f"Idempotency-Key must have {SHORTEST_KEY} to {LONGEST_KEY} printable characters.")
    return key
