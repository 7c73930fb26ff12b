"""The figures of each connected calculation member: as many series as streams are open, gone with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Protocol
from uuid import UUID

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_MAX_TAGS_CHARACTERS = 200


class MemberFigures(Protocol):
    """What a member tells of itself; `outcomes` counts how its callouts ended."""

    @property
    def id(self) -> UUID: ...

    @property
    def tags(self) -> Set[str]: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def outcomes(self) -> Mapping[str, int]: ...


class MemberCollector(Collector):
    """Reads the members whenever the metrics are read; asking costs them nothing."""

    def __init__(self, members: Callable[[], Iterable[MemberFigures]]) -> None:
        self._members = members

    def describe(self) -> Iterable[Metric]:
        """Nothing to compare with other collectors: the names are told by `collect`."""
        return ()

    def collect(self) -> Iterator[Metric]:
        in_flight = GaugeMetricFamily(
            "cyoda_member_in_flight", "Callouts that a member has yet to answer.", labels=("member", "tags")
        )
        ended = CounterMetricFamily(
            "cyoda_member_dispatch", "Callouts to a member that ended.", labels=("member", "outcome")
        )
        for member in self._members():
            name = str(member.id)
            in_flight.add_metric((name, _text(member.tags)), member.in_flight)
            for outcome, count in member.outcomes.items():
                ended.add_metric((name, outcome), count)
        yield in_flight
        yield ended


def _text(tags: Set[str]) -> str:
    return ",".join(sorted(tags))[:_MAX_TAGS_CHARACTERS]
