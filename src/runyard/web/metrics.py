"""What Prometheus may ask: requests, commits, moves of runs, followers. One registry for each app."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "runyard_http_requests_total",
            "Requests answered, by route template.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._latency = Histogram(
            "runyard_http_request_seconds",
            "Time until the head of the reply went out.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._batch = Histogram(
            "runyard_commit_operations", "Operations committed together.", buckets=SIZES, registry=self.registry
        )
        self._commit = Histogram(
            "runyard_commit_seconds", "Time a batch took to be written.", buckets=SECONDS, registry=self.registry
        )
        self._events = Counter(
            "runyard_events_total", "Lines written to the journal, by type.", ["type"], registry=self.registry
        )
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def answered(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count a reply."""
        key = (method, route, status)
        children = self._children.get(key)
        if children is None:
            children = self._requests.labels(method, route, str(status)), self._latency.labels(method, route)
            self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)

    def committed(self, operations: int, seconds: float, events: Mapping[str, int]) -> None:
        """Count a batch; a store's observer, called on its own thread."""
        self._batch.observe(operations)
        self._commit.observe(seconds)
        for kind, count in events.items():
            self._events.labels(kind).inc(count)

    def watch(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """Add a gauge that is read when somebody asks."""
        Gauge(f"runyard_{name}", help_text, registry=self.registry).set_function(value)

    def page(self) -> bytes:
        """Everything in the text format."""
        return generate_latest(self.registry)
