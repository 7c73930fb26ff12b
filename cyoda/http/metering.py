"""Counts and latencies of API requests by route template."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class RequestMeter:
    """One counter by status and one histogram; unknown paths share the template `unmatched`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "cyoda_http_requests", "API requests answered.", ("method", "route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "cyoda_http_request_seconds", "Time from the first byte asked to the last byte handed over.",
            ("method", "route"), registry=registry, buckets=_BUCKETS_SECONDS,
        )  # fmt: skip
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def record(self, method: str, template: str, status: int, seconds: float) -> None:
        key = (method, template, status)
        children = self._children.get(key)
        if children is None:
            children = self._requests.labels(method, template, str(status)), self._seconds.labels(method, template)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)
