"""The sending side of a subscribe session: its slots, their RTCP both ways, and what it can take.

Pure but for the fan-out it is given: time and RTCP go in, RTCP and deadlines come out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from . import rtcp
from .counters import Counters
from .fanout import Destination, FanOut, Output, Shape
from .forwarding import REPLAY_INTERVAL_S, Slot, SlotState
from .samples import Sampler, Totals
from .sdp import ABS_SEND_TIME, AUDIO_LEVEL, MID
from .session import MediaLine
from .sync import RelayClock

REPORT_S: Final = 1.0
"""Sender reports: players sync sound and picture by them, and first of all at the start."""
FIRST_REPORT_S: Final = 0.1
"""The first one comes early, so that lips and voice agree from the first second."""
DEFAULT_RTT_S: Final = 0.1
MIN_RESEND_S: Final = 0.02
"""The same packet is not sent again within one RTT, nor within 20 ms: it may be on its way."""
MAX_RESENT_PER_S: Final = 600
"""Retransmissions to one subscriber: twice a full video stream's packets, in case of abuse."""
REMB_FRESH_S: Final = 5.0
"""An estimate older than this says nothing: Chromium sends one a second."""
CONGESTION_LOSS: Final = 0.1
"""An estimate alone is not believed: receivers' estimators start low, and fall when their own
processor is busy or their packets come in waves. Together with real loss it is."""
CONGESTION_REPORTS: Final = 5
"""Loss is judged over the last so many seconds, from totals: reports that ride on NACKs come where
something was lost, and of few packets; their own fraction says 10 % where 5 % are lost."""


class Stream:
    """One slot with its m-line and record."""

    __slots__ = ("_marks", "jitter", "line", "output", "slot")

    def __init__(self, line: MediaLine, slot: Slot, output: Output) -> None:
        self.line, self.slot, self.output = line, slot, output
        self.jitter: int | None = None
        self._marks: deque[tuple[int, int]] = deque(maxlen=CONGESTION_REPORTS)

    def loss(self) -> float:
        """Of what was sent in the last `CONGESTION_REPORTS` calls; call once a second."""
        account = self.slot.account
        sent, acked = account.reported_sent, account.acked
        before = self._marks[0] if self._marks else (sent, acked)
        self._marks.append((sent, acked))
        return 1 - (acked - before[1]) / (sent - before[0]) if sent > before[0] else 0.0


class Subscriber:
    """Everything a subscribe session sends."""

    def __init__(
        self,
        lines: Sequence[MediaLine],
        slots: Mapping[str, Slot],
        destination: Destination,
        *,
        cname: str,
        clock: RelayClock,
        fanout: FanOut,
        counters: Counters,
        sampler: Sampler,
    ) -> None:
        self.cname = cname
        self._clock = clock
        self._fanout = fanout
        self._counters = counters
        self._sampler = sampler
        self.streams = [
            Stream(
                line,
                slots[line.mid],
                Output(
                    slots[line.mid],
                    destination,
                    Shape.of(
                        line.extensions.get(MID, 0),
                        line.mid,
                        line.extensions.get(ABS_SEND_TIME, 0),
                        line.extensions.get(AUDIO_LEVEL, 0),
                    ),
                ),
            )
            for line in lines
        ]
        self._by_ssrc = {stream.slot.ssrc: stream for stream in self.streams}
        self._destination = destination
        self.rtt_s: float | None = None
        self.remb_bps: int | None = None
        self._remb_s = 0.0
        self.nacks = self.plis = 0
        self.last_acked_s: float | None = None
        self._report_at: float | None = None
        self._replayed_s: float | None = None
        self._checked_s = 0.0
        self._checked_bytes = 0
        self._resent_in_second = 0

    def connected(self, now: float) -> None:
        """Media can flow from now on."""
        self._report_at = now + FIRST_REPORT_S
        self._checked_s = now

    # ------------------------------------------------------------------ RTCP in

    def feedback(self, feedback: rtcp.Feedback, now: float) -> None:
        """An authenticated compound packet of the subscriber."""
        reported = False
        for block in feedback.reports:
            reported |= self._report_block(block, now)
        if reported:
            self._sampler.report(self.totals(reported=True), now)
        for ssrc, numbers in feedback.nacks:
            self._nack(ssrc, numbers, now)
        for ssrc in feedback.keyframes:
            stream = self._by_ssrc.get(ssrc)
            if stream is not None and stream.slot.feed is not None:
                self.plis += 1
                self._counters.plis_in += 1
                if stream.slot.feed.requests is not None:
                    stream.slot.feed.requests.ask()
        if feedback.remb_bps is not None:
            self.remb_bps, self._remb_s = feedback.remb_bps, now

    def _report_block(self, block: rtcp.ReportBlock, now: float) -> bool:
        stream = self._by_ssrc.get(block.ssrc)
        if stream is None:
            return False
        account = stream.slot.account
        before = account.acked
        if not account.report(block.highest, block.lost):
            return False
        if account.acked > before:
            self.last_acked_s = now
        stream.jitter = block.jitter
        measured = self._clock.round_trip_s(block.lsr, block.dlsr, now)
        if measured is not None:
            self.rtt_s = (
                measured if self.rtt_s is None else self.rtt_s + (measured - self.rtt_s) / 8
            )
        return True

    def _nack(self, ssrc: int, numbers: Sequence[int], now: float) -> None:
        stream = self._by_ssrc.get(ssrc)
        if stream is None:
            return
        self.nacks += len(numbers)
        self._counters.nacks_in += len(numbers)
        interval = max(MIN_RESEND_S, self.rtt_s if self.rtt_s is not None else DEFAULT_RTT_S)
        for number in numbers:
            if self._resent_in_second >= MAX_RESENT_PER_S:
                return
            packet = stream.slot.resend(number, now, interval)
            if packet is not None:
                self._resent_in_second += 1
                self._fanout.resend(stream.output, packet)

    # ------------------------------------------------------------------ time

    @property
    def deadline_s(self) -> float | None:
        """When `advance` has something to do; None before it is connected."""
        if self._report_at is None:
            return None
        if any(stream.slot.state is SlotState.REPLAYING for stream in self.streams):
            return 0.0 if self._replayed_s is None else self._replayed_s + REPLAY_INTERVAL_S
        return self._report_at

    def advance(self, now: float, send: Callable[[bytes], None]) -> None:
        """Send what is due: the next part of a replay, and every second sender reports."""
        if self._report_at is None:
            return
        self._replay(now)
        if now >= self._report_at:
            self._report_at = now + REPORT_S
            self._check_congestion(now)
            self._send_reports(now, send)

    def _replay(self, now: float) -> None:
        if self._replayed_s is not None and now < self._replayed_s + REPLAY_INTERVAL_S:
            return
        jobs = [
            (stream.output, packets)
            for stream in self.streams
            if stream.slot.state is SlotState.REPLAYING and (packets := stream.slot.replay(now))
        ]
        if jobs:
            self._replayed_s = now
            self._fanout.forward(jobs)
        else:
            self._replayed_s = None

    def _check_congestion(self, now: float) -> None:
        """Over the estimate, with loss to prove it: the last video slot goes first."""
        self._resent_in_second = 0
        sent = sum(stream.output.bytes_sent for stream in self.streams)
        elapsed = max(0.001, now - self._checked_s)
        rate = (sent - self._checked_bytes) * 8 / elapsed
        self._checked_s, self._checked_bytes = now, sent
        pictures = [stream for stream in self.streams if stream.slot.kind == "video"]
        lossy = {stream for stream in pictures if stream.loss() >= CONGESTION_LOSS}
        if self.remb_bps is None or now - self._remb_s > REMB_FRESH_S or rate <= self.remb_bps:
            return
        losing = [stream for stream in pictures if stream.slot.sending]
        if not lossy.isdisjoint(losing):
            losing[-1].slot.congest()

    def _send_reports(self, now: float, send: Callable[[bytes], None]) -> None:
        ntp = self._clock.ntp(now)
        for stream in self.streams:
            slot = stream.slot
            clock = slot.feed.clock if slot.feed is not None else None
            ticks = clock.ticks_at(now) if clock is not None else None
            if ticks is None or not slot.sending or not slot.account.sent:
                continue
            timestamp = (ticks + slot.ts_shift) & 0xFFFFFFFF
            report = rtcp.SenderReport(
                slot.ssrc, ntp, timestamp, slot.account.sent + slot.resent, slot.octets
            )
            send(rtcp.sender_report(report) + rtcp.description([slot.ssrc], self.cname))

    # ------------------------------------------------------------------ figures

    def totals(self, *, reported: bool) -> Totals:
        """Running totals: of packets up to the last reports, or of all sent so far."""
        accounts = [stream.slot.account for stream in self.streams]
        return Totals(
            sum(a.reported_sent if reported else a.sent for a in accounts),
            sum(a.acked for a in accounts),
            sum(stream.output.bytes_sent for stream in self.streams),
            0,
            self.nacks,
            self.plis,
            sum(stream.slot.dropped for stream in self.streams),
        )

    def write_off(self) -> None:
        """No report came for too long: see `SentAccount.write_off`."""
        for stream in self.streams:
            stream.slot.account.write_off()

    @property
    def jitter_ms(self) -> float | None:
        """The worst stream's jitter, as its receiver reports it; None before a report."""
        values = [
            stream.jitter * 1000 / stream.slot.clock_rate
            for stream in self.streams
            if stream.jitter is not None
        ]
        return max(values) if values else None
