"""Which route answers a method and a path: a trie of decoded segments (contract: entities 1.9).

A literal segment beats a parameter, and a route of the wrong method gives way to a later match of the right one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import unquote

from cyoda.errors import BadRequest
from cyoda.http.operation import Operation
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response
from cyoda.permissions import Action

Handler = Callable[[ApiRequest], Awaitable[Response]]

ANY_METHOD = "*"


@dataclass(frozen=True)
class Route:
    """One row of a route table; `template` is a path such as `/entity/{entityId}`, below the context path.

    A public route is answered without authentication; `operation` is what the OpenAPI document says of it. `action`
    is what the caller's roles must permit; None asks nothing of them, or the handler asks by itself.
    """

    method: str
    template: str
    handler: Handler
    public: bool = False
    operation: Operation | None = None
    action: Action | None = None

    @cached_property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.template.split("/")[1:])

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return tuple(segment[1:-1] for segment in self.segments if _is_parameter(segment))


class Match(NamedTuple):
    """The route that answers (None: no such path, or no such method on it) and its path values by name."""

    route: Route | None
    values: dict[str, str]
    allowed: frozenset[str] = frozenset()
    """The methods that the path does know, when there is no route."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    routes: dict[str, Route] = field(default_factory=dict)


class Router:
    """Routes compiled once; raises ValueError when two routes answer the same request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            self._add(route)

    def match(self, method: str, segments: Sequence[str]) -> Match:
        """The best route for decoded path segments. HEAD is answered by GET."""
        allowed: set[str] = set()
        values: list[str] = []
        route = _find(self._root, "GET" if method == "HEAD" else method, segments, 0, values, allowed)
        if route is None:
            return Match(None, {}, frozenset(allowed))
        return Match(route, dict(zip(route.parameters, values, strict=True)))

    def _add(self, route: Route) -> None:
        node = self._root
        for segment in route.segments:
            if _is_parameter(segment):
                node.parameter = node = node.parameter or _Node()
            else:
                node = node.literals.setdefault(segment, _Node())
        if route.method in node.routes:
            raise ValueError(f"two routes answer {route.method} {route.template}")
        node.routes[route.method] = route


def path_segments(path: str) -> list[str]:
    """The segments of a raw (percent-encoded) absolute path, each decoded on its own, so `%2F` stays inside one.

    Raises BadRequest for text that is not UTF-8 or contains NUL, which no name can.
    """
    segments = path.split("/")[1:]
    if "%" not in path:
        return segments
    try:
        decoded = [unquote(segment, errors="strict") for segment in segments]
    except UnicodeDecodeError:
        raise BadRequest("invalid path") from None
    if any("\0" in segment for segment in decoded):
        raise BadRequest("invalid path")
    return decoded


def _is_parameter(segment: str) -> bool:
    return segment.startswith("{")


def _find(
    node: _Node, method: str, segments: Sequence[str], index: int, values: list[str], allowed: set[str]
) -> Route | None:
    """Depth first, literal before parameter; fills `values` along the way, `allowed` with the methods it passed by."""
    if index == len(segments):
        allowed.update(node.routes)
        return node.routes.get(method) or node.routes.get(ANY_METHOD)
    segment = segments[index]
    child = node.literals.get(segment)
    if child is not None:
        route = _find(child, method, segments, index + 1, values, allowed)
        if route is not None:
            return route
    if node.parameter is None or not segment:
        return None
    values.append(segment)
    route = _find(node.parameter, method, segments, index + 1, values, allowed)
    if route is None:
        values.pop()
    return route
