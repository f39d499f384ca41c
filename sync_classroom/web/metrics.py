"""What Prometheus may read about the web side; one registry per application, bounded labels."""

from __future__ import annotations

import hmac
from typing import Final

from aiohttp import web
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ..domain.problems import ProblemError, ProblemKind
from .keys import SERVICES
from .origin import client_address, forwarded

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", ""})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# A page is rendered in about 10 ms; a sign-in takes 0.2 s; what takes 5 s is a fault.
_BUCKETS: Final = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class WebMetrics:
    """Counters and gauges of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "sync_classroom_http_requests",
            "Answers by route, method and status",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "sync_classroom_http_seconds",
            "Seconds until the answer was complete",
            ["route"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.terminals = Gauge(
            "sync_classroom_terminals_connected",
            "Classroom terminals connected to this coordinator",
            registry=self.registry,
        )
        self.messages = Counter(
            "sync_classroom_terminal_messages",
            "Messages of terminals by type; rubbish is one type",
            ["type"],
            registry=self.registry,
        )
        self.closed = Counter(
            "sync_classroom_terminal_closes",
            "Terminal connections closed by the server, by close code",
            ["code"],
            registry=self.registry,
        )
        self.streams = Gauge(
            "sync_classroom_event_streams", "Open event streams", registry=self.registry
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer."""
        known = method if method in _METHODS else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """The exposition format, with what services count process-wide."""
        return generate_latest(self.registry) + generate_latest(REGISTRY)


METRICS: Final[web.AppKey[WebMetrics]] = web.AppKey("metrics", WebMetrics)
METRICS_TOKEN: Final[web.AppKey[str]] = web.AppKey("metrics_token", str)


async def serve_metrics(request: web.Request) -> web.Response:
    """`GET /metrics`: for this machine itself, or with the token as bearer."""
    token = request.app[METRICS_TOKEN]
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    local = client_address(request) in _LOOPBACK and not forwarded(request)
    if not local and not (token and hmac.compare_digest(given.encode(), token.encode())):
        raise ProblemError(
            "metrics_local",
            "运行指标只能在服务器本机读取。",
            "Metrics are read on the server itself.",
            kind=ProblemKind.FORBIDDEN,
        )
    metrics = request.app[METRICS]
    metrics.terminals.set(len(request.app[SERVICES].hub.here()))
    return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
