"""What `/metrics` says of recordings. Names without the relay's prefix; `METRICS` explains them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .recorder import Recorder

#: Name, kind, sentence.
METRICS: Final[tuple[tuple[str, str, str], ...]] = (
    ("recordings", "gauge", "Recordings being made now."),
    ("recording_disk_full", "gauge", "1 while recording stands still because the disk is full."),
    ("recording_waiting_packets", "gauge", "Packets that wait to be written."),
    ("recording_written_bytes", "counter", "Bytes written to recordings."),
    ("recording_lost_packets", "counter", "Packets left out because the disk was too slow."),
    ("recording_failures", "counter", "Attempts to write or to join recordings that went wrong."),
    ("recording_expired", "counter", "Recordings whose media were deleted by age."),
)


class RecordingCollector(Collector):
    """The figures of one recorder."""

    def __init__(self, recorder: Recorder[Any], prefix: str) -> None:
        self._recorder = recorder
        self._prefix = prefix

    def collect(self) -> Iterable[Metric]:
        """Every figure as it is now."""
        recorder = self._recorder
        values = {
            "recordings": recorder.active,
            "recording_disk_full": int(recorder.disk_full),
            "recording_waiting_packets": recorder.waiting_packets,
            "recording_written_bytes": recorder.bytes,
            "recording_lost_packets": recorder.lost,
            "recording_failures": recorder.failed,
            "recording_expired": recorder.expired,
        }
        for name, kind, text in METRICS:
            family = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
            yield family(f"{self._prefix}_{name}", text, values[name])
