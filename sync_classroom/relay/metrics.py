"""What Prometheus is told, read from endpoint and journal when it asks."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from .counters import Distribution
from .ingest_supervisor import STATES, Ingests
from .journal import Journal
from .limits import RateLimiter
from .live_session import PATH_UDP
from .recording.metrics import RecordingCollector
from .recording.recorder import Recorder
from .whip import Reply

if TYPE_CHECKING:
    from .endpoint import Endpoint

PREFIX: Final = "sync_classroom_relay"
#: Seconds a signalling request may take; the last bucket is the body's time limit.
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0)
#: Every counter of the packet plane: the metric's name after the prefix, and its sentence.
COUNTERS: Final = {
    "packets_in": ("received_packets", "RTP packets received from publishers."),
    "bytes_in": ("received_bytes", "Bytes of RTP received from publishers."),
    "forwarded": ("forwarded_packets", "RTP packets sent to subscribers, first time."),
    "retransmitted": ("retransmitted_packets", "RTP packets sent again, after a NACK or to probe."),
    "bytes_out": ("sent_bytes", "Bytes of RTP sent to subscribers."),
    "datagrams_in": ("received_datagrams", "Datagrams read from the media port."),
    "datagrams_out": ("sent_datagrams", "Datagrams written to the media port."),
    "sendmmsg_calls": ("send_calls", "System calls that sent batches of datagrams."),
    "would_block": ("send_blocked", "Times the media port could take no more datagrams."),
    "send_errors": ("send_errors", "Datagrams the system refused to send."),
    "truncated": ("truncated_datagrams", "Received datagrams longer than a packet can be."),
    "kept_lost": (
        "kept_lost_datagrams",
        "Audio and control datagrams given up because the media port stayed blocked.",
    ),
    "stun_ok": ("stun_requests", "STUN binding requests with good integrity."),
    "stun_bad": ("stun_rejected", "STUN messages rejected: malformed, unknown or unauthentic."),
    "unknown_senders": (
        "unknown_sender_datagrams",
        "RTP, RTCP or DTLS from addresses no peer has proved to be its own.",
    ),
    "junk": ("junk_datagrams", "Datagrams of no protocol that belongs on the media port."),
    "srtp_rejected": ("srtp_rejected_packets", "SRTP that failed its check."),
    "srtp_failed": ("srtp_failed_packets", "Packets of ours that could not be protected."),
    "rtp_malformed": ("rtp_malformed_packets", "Authentic RTP that could not be parsed."),
    "rtp_unmapped": ("rtp_unmapped_packets", "Authentic RTP of nothing that was negotiated."),
    "rtp_duplicate": ("rtp_duplicate_packets", "RTP packets received a second time."),
    "rtp_probes": ("rtp_probes", "Retransmissions without content, sent to probe for bandwidth."),
    "rtcp_malformed": ("rtcp_malformed_packets", "Authentic RTCP that could not be parsed."),
    "dropped_policy": (
        "withheld_packets",
        "Packets withheld from subscribers that could not keep up.",
    ),
    "dropped_blocked": (
        "blocked_packets",
        "Packets dropped because the media port could take no more.",
    ),
    "idle_codec": (
        "idle_routes",
        "Routes left idle because the subscriber lacks the source's codec.",
    ),
    "layer_switches": (
        "layer_switches",
        "Changes of a subscriber's picture to another simulcast layer.",
    ),
    "pictures_stopped": (
        "stopped_pictures",
        "Pictures withheld because their lowest layer did not fit a subscriber's line.",
    ),
    "probes_out": (
        "sent_probes",
        "Packets sent once more to find out what a subscriber's line carries.",
    ),
    "nacks_in": ("nacks_received", "NACKs received from subscribers."),
    "nacks_out": ("nacks_sent", "NACKs sent to publishers."),
    "plis_in": ("plis_received", "Keyframe requests received from subscribers."),
    "plis_out": ("plis_sent", "Keyframe requests sent to publishers."),
    "sessions_opened": ("sessions_opened", "Sessions opened."),
    "sessions_closed": ("sessions_closed", "Sessions closed."),
    "dtls_failed": ("dtls_failures", "DTLS handshakes that failed."),
}
#: Why a session or room was refused: the codes of `SessionRefusedError`.
REASONS: Final = ("busy", "draining", "full", "nothing_live", "room_unknown")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The relay's registry; `reply` answers `GET /metrics`."""

    def __init__(
        self,
        endpoint: Endpoint,
        journal: Journal,
        recorder: Recorder[Any] | None = None,
        *,
        boot: str,
        version: str,
    ) -> None:
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
        self._registry.register(_LoadCollector(endpoint))
        self._registry.register(_JournalCollector(journal))
        # Processor, memory and open files of this process, as every program of Prometheus names
        # them, but with our prefix: the coordinator's own are another process's.
        ProcessCollector(namespace=PREFIX, registry=self._registry)
        if recorder is not None:
            self._registry.register(RecordingCollector(recorder, PREFIX))

    def count_request(self, listener: str, method: str, status: int, seconds: float) -> None:
        """Count one answered request; unknown methods share a label, so labels stay few."""
        known = method if method in _METHODS else "other"
        self._requests.labels(listener, known, str(status)).inc()
        self._seconds.labels(listener).observe(seconds)

    def watch_limiter(self, limiter: RateLimiter) -> None:
        """Report how many requests the rate limiter refused."""
        self._registry.register(_LimiterCollector(limiter))

    def families(self) -> Iterable[Metric]:
        """Every metric with its samples of now."""
        return self._registry.collect()

    def watch_ingests(self, ingests: Ingests) -> None:
        """Report the recording hosts."""
        self._registry.register(_IngestCollector(ingests))

    def reply(self) -> Reply:
        """Everything in the text format."""
        return Reply(200, {"Content-Type": CONTENT_TYPE_LATEST}, generate_latest(self._registry))


class _EndpointCollector(Collector):
    def __init__(self, endpoint: Endpoint, boot: str, version: str) -> None:
        self._endpoint = endpoint
        self._identity = {
            "boot": boot,
            "version": version,
            "fanout": endpoint.fanout,
        }

    def collect(self) -> Iterable[Metric]:
        yield InfoMetricFamily(
            PREFIX, "Which start of which version this is, and what forwards.", self._identity
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_rooms", "Rooms that exist now.", len(self._endpoint.rooms())
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_draining",
            "1 while no new rooms are taken.",
            int(self._endpoint.entrance.drain.active),
        )
        yield self._sessions()
        refused = CounterMetricFamily(
            f"{PREFIX}_refusals",
            "Sessions and rooms refused, by reason.",
            labels=["reason"],
        )
        for reason in REASONS:
            refused.add_metric([reason], self._endpoint.entrance.refused[reason])
        yield refused
        yield from self._counters()

    def _sessions(self) -> Metric:
        """The labels' values are fixed but for the path, which is one of a handful."""
        sessions = GaugeMetricFamily(
            f"{PREFIX}_sessions",
            "Sessions that exist now, by direction, whether media can flow, and path.",
            labels=["direction", "connected", "path"],
        )
        tally = Tally(
            (str(peer.direction), str(bool(peer.connected)).lower(), peer.path)
            for peer in self._endpoint.status()
        )
        paths = sorted({PATH_UDP, *(path for _, _, path in tally)})
        for direction in ("publish", "subscribe"):
            for connected in ("true", "false"):
                for path in paths:
                    labels = (direction, connected, path)
                    sessions.add_metric(list(labels), tally[labels])
        return sessions

    def _counters(self) -> Iterator[Metric]:
        for field, value in self._endpoint.counters.as_dict().items():
            name, text = COUNTERS.get(field, (field, f"{field.replace('_', ' ').capitalize()}."))
            yield CounterMetricFamily(f"{PREFIX}_{name}", text, value)


class _LoadCollector(Collector):
    """What the relay measures of itself, and what it concludes."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def collect(self) -> Iterable[Metric]:
        endpoint = self._endpoint
        gate = endpoint.entrance.gate
        yield GaugeMetricFamily(
            f"{PREFIX}_load_ratio",
            "Load of the media loop, 0 to 1: processor, lag and lost datagrams, over seconds.",
            gate.load,
        )
        yield GaugeMetricFamily(
            f"{PREFIX}_busy", "1 while new seats are refused because of the load.", int(gate.busy)
        )
        yield CounterMetricFamily(
            f"{PREFIX}_overflowed_datagrams",
            "Datagrams the kernel dropped because the media port's buffer was full.",
            endpoint.dropped_in,
        )
        yield _histogram(
            "loop_lag_seconds", "How late the media loop was, looked at every 0.1 s.", endpoint.lag
        )
        yield _histogram(
            "join_seconds", "Seconds from an offer until media could flow.", endpoint.joins
        )


def _histogram(name: str, text: str, seen: Distribution) -> Metric:
    counts = seen.cumulative
    bounds = [*map(str, seen.bounds), "+Inf"]
    buckets = list(zip(bounds, map(float, counts), strict=True))
    return HistogramMetricFamily(f"{PREFIX}_{name}", text, buckets, seen.total)


class _IngestCollector(Collector):
    def __init__(self, ingests: Ingests) -> None:
        self._ingests = ingests

    def collect(self) -> Iterable[Metric]:
        now = GaugeMetricFamily(
            f"{PREFIX}_ingests", "Recording hosts of rooms that exist, by state.", labels=["state"]
        )
        tally = Tally(ingest.state for ingest in self._ingests.states())
        for state in STATES:
            now.add_metric([state], tally[state])
        yield now
        yield CounterMetricFamily(
            f"{PREFIX}_ingest_failures",
            "Times a recording host gave no stream, or its process ended.",
            self._ingests.failures,
        )


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
