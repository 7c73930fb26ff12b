"""The figures of one process, in a registry of its own (Prometheus text, contract: entities 1.1)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


_MANY = 1000
_LONG = 100
OTHER = "(other)"
"""The label of what is not among the first thousand, or too long."""


class Metrics:
    """Instruments by the names under which they are exposed; labels never carry tenants or ids of what is stored."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.http_seconds = self.histogram(
            "cyoda_http_request_duration_seconds", "Time to answer an HTTP request.", "method", "route", "status"
        )
        self.transactions = self.counter("cyoda_tx_total", "Transactions and segments of them that ended.", "outcome")
        self.dispatch_seconds = self.histogram(
            "cyoda_dispatch_duration_seconds", "Time of a callout to a calculation member.", "kind", "outcome"
        )
        self.dispatches = self.counter(
            "cyoda_dispatch_total", "Callouts that ended, by the tags they required.", "tags", "outcome"
        )
        self._tags: set[str] = set()
        self.timers_armed = self.counter("cyoda_timers_armed_total", "Scheduled transitions that were armed.")
        self.timers = self.counter("cyoda_timers_total", "Timers that were due, by what became of them.", "outcome")
        self.timer_lateness = self.histogram(
            "cyoda_timer_lateness_seconds", "How late timers were that fired, when their firing began."
        )
        self.members = Gauge("cyoda_members", "Calculation members connected to this node.", registry=self.registry)
        self.in_flight = Gauge(
            "cyoda_dispatch_in_flight", "Callouts that members of this node have yet to answer.", registry=self.registry
        )
        self.waiting = Gauge(
            "cyoda_dispatch_waiting", "Callouts that wait until a member has room for them.", registry=self.registry
        )
        self.nodes = Gauge(
            "cyoda_cluster_nodes",
            "Nodes that this one sees, itself included; 0 while it has no current membership.",
            registry=self.registry,
        )

    def counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(name, help, labels, registry=self.registry)

    def histogram(self, name: str, help: str, *labels: str) -> Histogram:
        return Histogram(name, help, labels, registry=self.registry, buckets=_SECONDS)

    def observe_http(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is the pattern (`/entity/{format}`), never the path."""
        self.http_seconds.labels(method, route, str(status)).observe(seconds)

    def observe_dispatch(self, kind: str, tags: str, outcome: str, seconds: float) -> None:
        """Count one finished callout; clients choose the tags, so only so many different texts are told apart."""
        self.dispatch_seconds.labels(kind, outcome).observe(seconds)
        self.dispatches.labels(self._known(tags), outcome).inc()

    def observe_transaction(self, outcome: str, armed: int) -> None:
        """Count one transaction or segment that ended, and the timers that it armed."""
        self.transactions.labels(outcome).inc()
        if armed:
            self.timers_armed.inc(armed)

    def observe_timer(self, outcome: str, late_seconds: float) -> None:
        """Count one timer that was handed out to be fired."""
        self.timers.labels(outcome).inc()
        if outcome == "fired":
            self.timer_lateness.observe(late_seconds)

    def _known(self, tags: str) -> str:
        if tags not in self._tags:
            if len(self._tags) >= _MANY or len(tags) > _LONG:
                return OTHER
            self._tags.add(tags)
        return tags

    def text(self) -> bytes:
        return generate_latest(self.registry)
