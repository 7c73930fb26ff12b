"""Callouts in flight: creates whose only transition asks a member, beside the same creates that ask nobody.

Each connection has one create under way, so there are as many callouts in flight as connections. The processor time of
a callout is that of a create with one less that of a create without, at the same number of connections: what is left
is the node's part of asking and answering, with the batches of the store as large as the member's pace lets them be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace

from tests.bench.cases import Case, creating
from tests.bench.dataset import PROCESSOR, Api, define, document, registering
from tests.bench.measure import Figure, Length, Place, joined_member, measure, measure_ceilings
from tests.bench.member import Manner
from tests.bench.node import Memory, watched

IN_FLIGHT = (1, 32, 1_000, 10_000)
DELAY_MS = 200
_MANY = 1_000
"""From so many on a case is measured over a number of requests: in a few seconds hardly one would be answered."""
_ROUNDS = 3
HELD = "create, answers held"


def _case(name: str, model: str, member: Manner | None) -> Case:
    return Case(name, creating(model), "insert", (520, 130), member=member)


PLAIN = _case("create, nobody asked", "silent", None)
AT_ONCE = _case("create, answered at once", "asking", Manner())
LATER = _case(f"create, answered after {DELAY_MS} ms", "asking", Manner(delay_ms=DELAY_MS))


def held(count: int) -> Case:
    """No answer until the member has been asked so often."""
    return _case(HELD, "asking", Manner(hold=count))


def prepare(api: Api) -> None:
    define(api, "silent", document(1), registering())
    define(api, "asking", document(1), registering(PROCESSOR))


def run(
    api: Api, place: Place, length: Length, pool: Executor, in_flight: Sequence[int] = IN_FLIGHT
) -> Iterator[tuple[Figure, Memory]]:
    """Each case at each number; at last as many callouts as the largest number, all unanswered at one moment."""
    prepare(api)
    for connections in in_flight:
        own = replace(length, requests=connections * _ROUNDS) if connections >= _MANY else length
        for case in (PLAIN, AT_ONCE, LATER):
            yield _measured(case, connections, place, own, pool)
    most = max(in_flight)
    yield _measured(held(most), most, place, replace(length, requests=most), pool)


def _measured(case: Case, connections: int, place: Place, length: Length, pool: Executor) -> tuple[Figure, Memory]:
    assert place.node_pid is not None
    with ExitStack() as stack:
        if case.member is not None:
            stack.enter_context(joined_member(place, case.member))
        samples = stack.enter_context(watched(place.node_pid))
        figure = measure(case, connections, place, length, pool)
    if case is AT_ONCE and connections < _MANY:
        figure.ceilings = measure_ceilings(case, connections, place, length, pool)
    return figure, Memory(f"{case.name}, {connections:,} in flight", samples[0], max(samples), samples[-1])
