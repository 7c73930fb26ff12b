"""The cases: what the connections of each send, and which ceilings stand beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from tests.bench.ceilings import Kind
from tests.bench.dataset import BATCH, STEPS, Dataset, document, model_path
from tests.bench.member import Manner
from tests.bench.workloads import Preconditioned, Rotating, Workload, dumps, render, shares

_RENDERED = 64
_SEGMENT = 7
CALLOUT_BYTES = 1_300
"""About what a processor request with such a document takes on the wire."""


@dataclass(frozen=True)
class Site:
    """Where the requests go, and with what."""

    context_path: str
    token: str
    data: Dataset

    def render(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        return render(method, self.context_path + path, self.token, body, **headers)


Requests = Callable[[Site, int], Sequence[Workload]]
"""One workload for each of so many connections."""


@dataclass(frozen=True)
class Target:
    """What issue and design ask of a case, at 32 connections."""

    rate: float | None = None
    p99_ms: float | None = None
    of_stream: float | None = None


@dataclass(frozen=True)
class Case:
    """`entities` a request; `echo` is a request's body and an answer's size at the bare HTTP server.

    With a `member` each request is one callout, answered in its manner.
    """

    name: str
    requests: Requests
    database: Kind
    echo: tuple[int, int]
    entities: int = 1
    member: Manner | None = None
    target: Target | None = None


def _bodies() -> list[bytes]:
    return [dumps(document(number)) for number in range(_RENDERED)]


def creating(model: str) -> Requests:
    def requests(site: Site, connections: int) -> Sequence[Workload]:
        rendered = [site.render("POST", model_path(model), body) for body in _bodies()]
        return [Rotating(rendered, number) for number in range(connections)]

    return requests


create_one = creating("order")


def create_batch(site: Site, connections: int) -> Sequence[Workload]:
    body = b"[%b]" % b",".join(islice(cycle(_bodies()), BATCH))
    return [Rotating([site.render("POST", model_path("order"), body)]) for _ in range(connections)]


def read_one(site: Site, connections: int) -> Sequence[Workload]:
    return [
        Rotating([site.render("GET", f"/entity/{entity_id}") for entity_id in share])
        for share in shares(site.data.read, connections)
    ]


def read_as_of(site: Site, connections: int) -> Sequence[Workload]:
    """Entities that have changed since."""
    return [
        Rotating([site.render("GET", f"/entity/{entity_id}?pointInTime={site.data.past}") for entity_id in share])
        for share in shares(site.data.changed, connections)
    ]


def update(site: Site, connections: int) -> Sequence[Workload]:
    """An entity's first update has an empty If-Match, which is none; its answer gives the next one."""
    bodies = _bodies()

    def parts(number: int, entity_id: str) -> tuple[bytes, bytes]:
        request = site.render("PUT", f"/entity/JSON/{entity_id}", bodies[number % _RENDERED], if_match="")
        before, name, after = request.partition(b"if-match: ")
        return before + name, after

    return [
        Preconditioned(
            [parts(number, entity_id) for number, entity_id in enumerate(share)], [b""] * len(share)
        )
        for share in shares(site.data.changed[::3], connections)
    ]  # fmt: skip


def patch(site: Site, connections: int) -> Sequence[Workload]:
    """Two fields of an entity, whatever it holds now."""

    def request(number: int, entity_id: str) -> bytes:
        body = dumps({"total": number + 0.5, "customer": {"vip": number % 2 == 0}})
        merge = "application/merge-patch+json"
        return site.render("PATCH", f"/entity/JSON/{entity_id}", body, content_type=merge, if_match="*")

    return [
        Rotating([request(number, entity_id) for number, entity_id in enumerate(share)])
        for share in shares(site.data.changed[::3], connections)
    ]


def transition(site: Site, connections: int) -> Sequence[Workload]:
    """From open to closed and, by a transition of the same name, back."""
    return _fire("turn", site, site.data.changed[1::3], connections)


def callout(site: Site, connections: int) -> Sequence[Workload]:
    return _fire("appraise", site, site.data.changed[2::3], connections)


def cascade(site: Site, connections: int) -> Sequence[Workload]:
    """From open through all steps and back to open."""
    return _fire("cascade", site, site.data.changed[2::3], connections)


def errand(site: Site, connections: int) -> Sequence[Workload]:
    """Each connection's new entities name one order of its own, which their processor changes within the create."""
    companions = site.data.changed[::3][:connections]
    return [
        Rotating([site.render("POST", model_path("errand"), dumps({"companion": companion}))])
        for (companion,) in (share[:1] for share in shares(companions, connections))
    ]


def _fire(name: str, site: Site, entity_ids: Sequence[str], connections: int) -> Sequence[Workload]:
    bodies = _bodies()
    return [
        Rotating([
            site.render("PUT", f"/entity/JSON/{entity_id}/{name}", bodies[number % _RENDERED])
            for number, entity_id in enumerate(share)
        ])
        for share in shares(entity_ids, connections)
    ]  # fmt: skip


def search(site: Site, connections: int) -> Sequence[Workload]:
    condition = {"type": "simple", "jsonPath": "$.segment", "operatorType": "EQUALS", "value": _SEGMENT}
    request = site.render("POST", "/search/direct/catalogue/1", dumps(condition))
    return [Rotating([request]) for _ in range(connections)]


CASES = (
    Case("create one", create_one, "insert", (520, 130), target=Target(rate=3_000, p99_ms=40)),
    Case("create 100 in one", create_batch, "insert", (52_000, 4_000), entities=BATCH, target=Target(rate=6_000)),
    Case("read by id", read_one, "select row", (0, 880), target=Target(rate=6_000, p99_ms=40)),
    Case("read as of", read_as_of, "select row", (0, 880)),
    Case("update with If-Match", update, "update", (520, 130)),
    Case("manual transition", transition, "update", (520, 130)),
    Case(f"cascade of {STEPS} states", cascade, "update", (520, 130)),
    Case("transition with processor", callout, "update", (520, 130), member=Manner(), target=Target(of_stream=1 / 3)),
    Case("callback that joins", errand, "update", (60, 130), member=Manner(joins=True)),
    Case("search, 1 % of 10,000", search, "search", (90, 88_000)),
)
LARGE_CASES = (Case("patch two fields", patch, "update", (60, 130)),)
"""Measured with `--large`, so that a run without options stays short."""
