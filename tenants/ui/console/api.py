"""What the pages ask of the data plane: its own API, in the name of the person who looks (docs/adr/0015).

A page shows what the API answers and nothing else, so no rule exists twice, and each has a call to copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from django.conf import settings
from django.utils.module_loading import import_string

from cyoda import jsonio
from cyoda.principal import Principal

Header = tuple[bytes, bytes]
Json = Any


@dataclass(frozen=True, slots=True)
class Answer:
    """Of the API: a status and the body's bytes."""

    status: int
    body: bytes

    @property
    def json(self) -> Json:
        """Whole numbers are ints, all others Decimals. Raises jsonio.InvalidJson."""
        return jsonio.parse(self.body)


class PagesApi(Protocol):
    """The node's API without its authentication (settings: PAGES_API)."""

    def ask(
        self, principal: Principal, method: str, target: str, headers: Sequence[Header] = (), body: bytes = b""
    ) -> Answer:
        """`target` is a path below the context path, with its query. Raises StorageUnavailable."""
        ...


SHOWN_BODY = 4000


class Refused(Exception):
    """The API's refusal, as its problem document says it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        problem = _problem(answer.body)
        self.detail: str = problem.get("detail") or problem.get("title") or f"HTTP {answer.status}"
        properties: dict[str, Any] = problem.get("properties", {})
        self.properties = properties
        self.code: str = self.properties.get("errorCode", "")


@dataclass(frozen=True, slots=True)
class Call:
    """A request that the page made and that a person may copy."""

    method: str
    target: str
    body: bytes = b""
    """Of a question; what a change sends may be secret."""

    @property
    def data(self) -> str:
        """The body inside single quotes of a shell; a long one is left out."""
        return "" if len(self.body) > SHOWN_BODY else self.body.decode(errors="replace").replace("'", "'\\''")


@dataclass(frozen=True, slots=True)
class Api:
    """One person's access to one environment. `calls` are those of this page, in their order."""

    principal: Principal
    calls: list[Call] = field(default_factory=list[Call])

    def get(self, *parts: object, **query: object) -> Json:
        """`parts` are joined to a path, each quoted; of the query None is left out, a list repeats. Raises Refused."""
        return self._ask("GET", parts, query).json

    def answer(self, *parts: object, **query: object) -> Answer:
        """The same as bytes too, in which numbers keep their spelling. Raises Refused."""
        return self._ask("GET", parts, query)

    def send(self, method: str, *parts: object, body: bytes = b"", seen: str | None = None, reason: str = "") -> Json:
        """A change; of what the person has seen, with the transaction id of that version. Raises Refused.

        `reason` is kept where the audit log records the change.
        """
        kind = b"application/merge-patch+json" if method == "PATCH" else b"application/json"
        headers = [(b"content-type", kind)]
        if seen is not None:
            headers.append((b"if-match", seen.encode()))
        if reason:
            headers.append((b"x-reason", quote(reason).encode()))
        answer = self._ask(method, parts, {}, headers=headers, body=body)
        return answer.json if answer.body else None

    def question(self, *parts: object, body: bytes, **query: object) -> Answer:
        """What is asked by a document. Raises Refused."""
        kind = (b"content-type", b"application/json")
        return self._ask("POST", parts, query, headers=(kind,), body=body, is_shown=True)

    def _ask(
        self,
        method: str,
        parts: Sequence[object],
        query: dict[str, object],
        *,
        headers: Sequence[Header] = (),
        body: bytes = b"",
        is_shown: bool = False,
    ) -> Answer:
        path = "/" + "/".join(quote(str(part), safe="") for part in parts)
        given = {name: value for name, value in query.items() if value is not None}
        target = f"{path}?{urlencode(given, doseq=True)}" if given else path
        self.calls.append(Call(method, target, body if is_shown else b""))
        answer = configured_pages_api().ask(self.principal, method, target, headers, body)
        if answer.status >= 400:
            raise Refused(answer)
        return answer


def configured_pages_api() -> PagesApi:
    make: Callable[[], PagesApi] = import_string(settings.PAGES_API)
    return make()


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = jsonio.parse(body)
    except jsonio.InvalidJson:
        return {}
    return problem if isinstance(problem, dict) else {}
