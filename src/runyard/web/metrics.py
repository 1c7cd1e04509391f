"""What Prometheus may ask: requests, commits, moves of runs, followers. One registry for each app."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class _Cell:
    """Replies of one method, route and status: how many took how long, and all of them together."""

    __slots__ = ("places", "seconds")

    def __init__(self) -> None:
        self.places = [0] * (len(SECONDS) + 1)
        """A number for each of `SECONDS`, and one for what took longer."""
        self.seconds = 0.0


class Replies(Collector):
    """Counts replies on the event loop, which is on the way of every request: the library's own counters take locks."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str, int], _Cell] = {}

    def count(self, method: str, route: str, status: int, *, seconds: float) -> None:
        """Count a reply."""
        key = (method, route, status)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._cells[key] = _Cell()
        cell.places[bisect_left(SECONDS, seconds)] += 1
        cell.seconds += seconds

    def collect(self) -> Iterator[Metric]:
        """What was counted so far."""
        requests = CounterMetricFamily(
            "runyard_http_requests", "Requests answered, by route template.", labels=["method", "route", "status"]
        )
        latency = HistogramMetricFamily(
            "runyard_http_request_seconds",
            "Time until the head of the reply went out.",
            labels=["method", "route"],
        )
        bounds = [*map(floatToGoString, SECONDS), "+Inf"]
        by_route: dict[tuple[str, str], list[_Cell]] = {}
        for (method, route, status), cell in self._cells.items():
            requests.add_metric([method, route, str(status)], sum(cell.places))
            by_route.setdefault((method, route), []).append(cell)
        for where, cells in by_route.items():
            places = map(sum, zip(*(cell.places for cell in cells), strict=True))
            buckets = list(zip(bounds, map(float, accumulate(places)), strict=True))
            latency.add_metric(where, buckets, sum(cell.seconds for cell in cells))
        yield requests
        yield latency


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._replies = Replies()
        self.registry.register(self._replies)
        self._batch = Histogram(
            "runyard_commit_operations", "Operations committed together.", buckets=SIZES, registry=self.registry
        )
        self._commit = Histogram(
            "runyard_commit_seconds", "Time a batch took to be written.", buckets=SECONDS, registry=self.registry
        )
        self._events = Counter(
            "runyard_events_total", "Lines written to the journal, by type.", ["type"], registry=self.registry
        )
        self.answered = self._replies.count

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
