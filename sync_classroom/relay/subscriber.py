"""The sending side of a subscribe session: its slots, their RTCP both ways, and what it can take.

Pure but for the fan-out it is given: time and RTCP go in, RTCP and deadlines come out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from . import rtcp
from .counters import Counters
from .downlink import Downlink
from .fanout import Destination, FanOut, Output, Shape
from .forwarding import REPLAY_INTERVAL_S, Slot, SlotState
from .layers import LayerState, Source, Wish
from .samples import Sampler, Totals
from .sdp import ABS_SEND_TIME, AUDIO_LEVEL, MID
from .session import MediaLine
from .steering import Steering
from .sync import RelayClock

REPORT_S: Final = 1.0
"""Sender reports: players sync sound and picture by them, and first of all at the start."""
REPORT_GRID_S: Final = 0.1
"""Reports of all subscribers fall on common instants, so that 48 rooms wake the relay ten times a
second for them and not 48 times."""
FIRST_REPORT_S: Final = 0.1
"""The first one comes early, so that lips and voice agree from the first second."""
DEFAULT_RTT_S: Final = 0.1
RESEND_SHARE: Final = 0.5
MIN_RESEND_S: Final = 0.02
"""The same packet is not sent again within half an RTT, nor within 20 ms: it may be on its way. Not
a whole one: receivers that know no RTT ask every 100 ms, and on a line of 160 ms every second
question would go unanswered; half of one means two copies under way at most."""
MAX_RESENT_PER_S: Final = 600
"""Retransmissions to one subscriber: twice a full video stream's packets, in case of abuse."""
RESENT_SHARE: Final = 0.5
"""And in bits at most this share of what its line carries: behind a full line everything is asked
for again, and to send it again would fill the line for good."""
_RTX_BYTES: Final = 14
"""A retransmission's header and original sequence number; its extensions are not counted."""


class Stream:
    """One slot with its m-line and record."""

    __slots__ = ("description", "jitter", "line", "output", "slot")

    def __init__(self, line: MediaLine, slot: Slot, output: Output, cname: str) -> None:
        self.line, self.slot, self.output = line, slot, output
        self.description = rtcp.description([slot.ssrc], cname)
        self.jitter: int | None = None


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
        now: float,
    ) -> None:
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
                cname,
            )
            for line in lines
        ]
        self._by_ssrc = {stream.slot.ssrc: stream for stream in self.streams}
        self._outputs = {stream.slot: stream.output for stream in self.streams}
        pictures = [stream.slot for stream in self.streams if stream.slot.kind == "video"]
        voices = [stream.slot for stream in self.streams if stream.slot.kind == "audio"]
        self.downlink = Downlink(now, pads=any(slot.rtx_ssrc for slot in pictures))
        self.steering = Steering(pictures, voices, self.downlink, counters)
        self.nacks = self.plis = 0
        self.last_acked_s: float | None = None
        self._report_at: float | None = None
        self._replayed_s: float | None = None
        self._resent_in_second = 0
        self._resent_bytes = self._resent_before = 0

    def connected(self, now: float) -> None:
        """Media can flow from now on."""
        self._report_at = now + FIRST_REPORT_S

    def show(self, stream: Stream, source: Source | None, wish: Wish, now: float) -> bool:
        """Feed a slot from this source; whether that changes anything. Call `choose` after all."""
        if stream.slot.kind == "video":
            return self.steering.show(stream.line.slot, source, wish)
        feed = None if source is None else source.feeds[0]
        if feed is stream.slot.feed:
            return False
        stream.slot.route(feed, now)
        return True

    def leave(self, now: float) -> None:
        """Nothing is sent any more, and no source speaks to us."""
        self.steering.leave(now)
        for stream in self.streams:
            stream.slot.route(None, now)

    # ------------------------------------------------------------------ RTCP in

    def feedback(self, feedback: rtcp.Feedback, now: float) -> None:
        """An authenticated compound packet of the subscriber."""
        reported = False
        for block in feedback.reports:
            reported |= self._report_block(block, now)
        if reported:
            self._sampler.report(self.totals(reported=True), now)
            sent = arrived = 0
            for each in self.streams:
                heard = each.slot.account.heard
                sent, arrived = sent + heard[0], arrived + heard[1]
            self.downlink.acknowledged(sent, arrived, now)
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
            self.downlink.remb(feedback.remb_bps, now)
        news = reported or bool(feedback.nacks) or feedback.remb_bps is not None
        if news and self.downlink.due(now):
            self.steering.judge(self._sent_bytes, now)

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
            self.downlink.round_trip(measured, now)
        return True

    def _nack(self, ssrc: int, numbers: Sequence[int], now: float) -> None:
        stream = self._by_ssrc.get(ssrc)
        if stream is None:
            return
        self.nacks += len(numbers)
        self._counters.nacks_in += len(numbers)
        self.downlink.missing(len(numbers))
        rtt_s = self.downlink.rtt_s
        interval = max(MIN_RESEND_S, RESEND_SHARE * (DEFAULT_RTT_S if rtt_s is None else rtt_s))
        most = self._resent_before + RESENT_SHARE * self.downlink.estimate_bps / 8
        for number in numbers:
            if self._resent_in_second >= MAX_RESENT_PER_S:
                return
            if self._resent_bytes >= most and stream.slot.kind == "video":
                return  # sound is small, and comes first
            packet = stream.slot.resend(number, now, interval)
            if packet is not None:
                self._resent_in_second += 1
                self._resent_bytes += _RTX_BYTES + len(packet.payload)
                self._fanout.resend(stream.output, packet, now)

    # ------------------------------------------------------------------ time

    @property
    def deadline_s(self) -> float | None:
        """When `advance` has something to do; None before it is connected."""
        if self._report_at is None:
            return None
        for stream in self.streams:
            if stream.slot.state is SlotState.REPLAYING:
                return 0.0 if self._replayed_s is None else self._replayed_s + REPLAY_INTERVAL_S
        probe_at = self.downlink.deadline_s
        return self._report_at if probe_at is None else min(probe_at, self._report_at)

    def advance(self, now: float, send: Callable[[bytes], None]) -> None:
        """Send what is due: the next part of a replay or probe, and every second sender reports."""
        if self._report_at is None:
            return
        self._replay(now)
        self.steering.probe(now, self._pad)
        if now >= self._report_at:
            self._report_at = math.ceil((now + REPORT_S) / REPORT_GRID_S) * REPORT_GRID_S
            self._resent_in_second = 0
            self._resent_before = self._resent_bytes
            if self.downlink.unjudged_s(now) >= REPORT_S:  # else the receiver's reports had it done
                self.steering.judge(self._sent_bytes, now)
            self._send_reports(now, send)

    @property
    def _sent_bytes(self) -> int:
        """Everything that went out, media, retransmissions and probes."""
        size = self._resent_bytes
        for stream in self.streams:
            size += stream.slot.sent.bytes
        return size

    def _pad(self, slot: Slot, back: int, now: float) -> int:
        """Send a packet of a slot once more, to see what the line carries; its bytes."""
        packet = slot.recent(back)
        if packet is None or not self._fanout.resend(self._outputs[slot], packet, now):
            return 0
        size = _RTX_BYTES + len(packet.payload)
        self._resent_bytes += size
        self._counters.probes_out += 1
        return size

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

    def _send_reports(self, now: float, send: Callable[[bytes], None]) -> None:
        ntp = self._clock.ntp(now)
        for stream in self.streams:
            slot = stream.slot
            slot.forget_replay()
            clock = slot.feed.clock if slot.feed is not None else None
            ticks = clock.ticks_at(now) if clock is not None else None
            sent = slot.sent
            packets = sent.account.sent
            if ticks is None or not slot.sending or not packets:
                continue
            timestamp = (ticks + slot.ts_shift) & 0xFFFFFFFF
            report = rtcp.SenderReport(
                slot.ssrc, ntp, timestamp, packets + slot.resent, sent.octets
            )
            send(rtcp.sender_report(report) + stream.description)

    # ------------------------------------------------------------------ figures

    def totals(self, *, reported: bool) -> Totals:
        """Running totals: of packets up to the last reports, or of all sent so far."""
        packets = acked = size = dropped = 0
        for stream in self.streams:  # every second of every receiver: once over all is enough
            sent = stream.slot.sent
            packets += sent.account.reported_sent if reported else sent.account.sent
            acked += sent.account.acked
            size += sent.bytes
            dropped += stream.slot.dropped
        return Totals(packets, acked, size, 0, self.nacks, self.plis, dropped)

    def layers(self, now: float) -> tuple[LayerState | None, ...]:
        """What is sent in every video slot, None where nothing is."""
        return tuple(
            LayerState.of(view.slot.feed, now)
            if view.slot.sending and view.slot.feed is not None
            else None
            for view in self.steering.views
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
