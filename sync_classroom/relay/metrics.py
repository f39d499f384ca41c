"""What Prometheus is told, read from endpoint and journal when it asks."""

from __future__ import annotations

import dataclasses
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from .journal import Journal
from .limits import RateLimiter
from .whip import Reply

if TYPE_CHECKING:
    from .endpoint import Endpoint

PREFIX: Final = "sync_classroom_relay"
#: Seconds a signalling request may take; the last bucket is the body's time limit.
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The relay's registry; `reply` answers `GET /metrics`."""

    def __init__(self, endpoint: Endpoint, journal: Journal, *, boot: str, version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            f"{PREFIX}_http_requests",
            "HTTP requests answered, by listener, method and status.",
            ["listener", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}_http_request_seconds",
            "Seconds from a request's head to its answer, by listener.",
            ["listener"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(_EndpointCollector(endpoint, boot, version))
        self._registry.register(_JournalCollector(journal))

    def count_request(self, listener: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; unknown methods share a label, so labels stay few."""
        known = method if method in _METHODS else "other"
        self._requests.labels(listener, known, str(status)).inc()
        self._seconds.labels(listener).observe(seconds)

    def watch_limiter(self, limiter: RateLimiter) -> None:
        """Report how many requests the rate limiter refused."""
        self._registry.register(_LimiterCollector(limiter))

    def reply(self) -> Reply:
        """Everything in the text format."""
        return Reply(200, {"Content-Type": CONTENT_TYPE_LATEST}, generate_latest(self._registry))


class _EndpointCollector(Collector):
    def __init__(self, endpoint: Endpoint, boot: str, version: str) -> None:
        self._endpoint = endpoint
        self._identity = {"boot": boot, "version": version}

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(PREFIX, "Which start of which version this is.", self._identity)
        yield GaugeMetricFamily(
            f"{PREFIX}_rooms", "Rooms that exist now.", len(self._endpoint.rooms())
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_draining", "1 while no new rooms are taken.", int(self._endpoint.draining)
        )
        sessions = GaugeMetricFamily(
            f"{PREFIX}_sessions",
            "Sessions that exist now, by direction and whether media can flow.",
            labels=["direction", "connected"],
        )
        tally = Tally(
            (str(peer.direction), str(bool(peer.connected)).lower())
            for peer in self._endpoint.status()
        )
        for direction in ("publish", "subscribe"):
            for connected in ("true", "false"):
                sessions.add_metric([direction, connected], tally[direction, connected])
        yield sessions
        yield from self._counters()

    def _counters(self) -> Iterator[Metric]:
        """Every counter of the packet plane, under its own name, helped by its own metadata."""
        counters = self._endpoint.counters
        for field in dataclasses.fields(counters):
            text = field.metadata.get("help") or field.name.replace("_", " ").capitalize() + "."
            yield CounterMetricFamily(f"{PREFIX}_{field.name}", text, getattr(counters, field.name))


class _JournalCollector(Collector):
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def collect(self) -> Iterable[Metric]:
        journal = self._journal
        yield CounterMetricFamily(
            f"{PREFIX}_journal_records", "Records written to the journal.", journal.written
        )
        yield CounterMetricFamily(
            f"{PREFIX}_journal_lost_samples",
            "Samples given up because the journal could not be written.",
            journal.lost,
        )
        yield CounterMetricFamily(
            f"{PREFIX}_journal_damaged_records",
            "Lines of the journal that could not be read back.",
            journal.damaged,
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_journal_size_bytes", "Bytes of unconfirmed journal on disk.", journal.size
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_journal_failing",
            "1 while the journal cannot be written (a full disk).",
            int(journal.failing),
        )


class _LimiterCollector(Collector):
    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(
            f"{PREFIX}_http_rate_limited",
            "Requests refused because one address asked too often.",
            self._limiter.refused,
        )
