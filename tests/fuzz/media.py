"""Fuzz targets of the media path: hostile RTP and RTCP between a publisher and two subscribers.

An input is a row of steps: a packet, a compound RTCP packet, time passing, a route changed. What
must hold after each is in `Lesson.check`; the gravest is that no packet number of a stream is ever
used for two different packets, which AES-GCM does not forgive.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from sync_classroom.relay import rtcp
from sync_classroom.relay.codecs import rewrite_vp8
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.dispatch import Dispatcher
from sync_classroom.relay.fanout import Job, Output
from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.forwarding import Slot
from sync_classroom.relay.layers import Source, Wish
from sync_classroom.relay.publisher import Publisher
from sync_classroom.relay.rtp import Packet, extension_block
from sync_classroom.relay.samples import Sampler
from sync_classroom.relay.sdp import ABS_SEND_TIME, AUDIO_LEVEL, MID
from sync_classroom.relay.session import Codec, Direction, MediaLine, Offer
from sync_classroom.relay.subscriber import MAX_RESENT_PER_S, Stream, Subscriber
from sync_classroom.relay.sync import RelayClock
from tests.fuzz.reader import Reader, block
from tests.support.virtual_media import Transport

FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb"})
OPUS = Codec("opus", 111, 48000, 2)
H264 = Codec("H264", 102, 90000, None, {"packetization-mode": "1"}, FEEDBACK, 103)
VP8 = Codec("VP8", 96, 90000, None, {}, FEEDBACK, 97)
PLAIN_VP8 = Codec("VP8", 120, 90000, None, {}, FEEDBACK)
(WAIT, RAW, MADE, FROM_SUBSCRIBER, FROM_PUBLISHER, REPORT, ROUTE, BLOCK) = range(8)
TYPES = (111, 102, 96, 103, 97)
SUBSCRIBERS = 2
SAMPLE_S = 2.0  # short, so that an input of some dozen steps sees several


def lines(video: tuple[Codec, ...], shift: int) -> tuple[MediaLine, ...]:
    """A voice and a picture; `shift` makes the extension ids differ between peers."""
    audio = {MID: 1 + shift, ABS_SEND_TIME: 3 + shift, AUDIO_LEVEL: 5 + shift}
    return (
        MediaLine(0, "0", "audio", True, 0, (OPUS,), audio),
        MediaLine(1, "1", "video", True, 0, video, {MID: 1 + shift, ABS_SEND_TIME: 3 + shift}),
    )


class Wire:
    """A fan-out that writes down what would be protected under which number."""

    name = "wire"

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.sent: dict[tuple[int, int], bytes] = {}
        self.last: dict[Slot, int] = {}
        self.queued: set[Slot] = set()

    def forward(self, jobs: Iterable[Job]) -> None:
        for output, packets in jobs:
            slot = output.slot
            for packet in packets:
                number = packet.seq + slot.seq_shift
                self._put(slot.ssrc, number, self._bytes(output, packet, slot.payload_type))
                self.last[slot] = number
                self.queued.add(slot)

    def group(self, outputs: Sequence[Output]) -> Sequence[Output]:
        return outputs

    def broadcast(self, group: Sequence[Output], batch: Batch) -> None:
        self.forward([(output, batch.packets) for output in group])

    def resend(self, output: Output, packet: Packet, now: float) -> bool:
        slot = output.slot
        number = packet.seq + slot.seq_shift
        self.counters.retransmitted += 1
        if slot.rtx_payload_type is None or slot.rtx_ssrc is None:
            assert (slot.ssrc, number) in self.sent, "sent again what was never sent"
            self._put(slot.ssrc, number, self._bytes(output, packet, slot.payload_type))
            return True
        original = struct.pack(">H", number & 0xFFFF)
        body = self._bytes(output, packet, slot.rtx_payload_type)
        self._put(slot.rtx_ssrc, slot.rtx_sequence, original + body)
        slot.rtx_sequence = (slot.rtx_sequence + 1) & 0xFFFF
        return True

    def _bytes(self, output: Output, packet: Packet, payload_type: int) -> bytes:
        slot, payload = output.slot, packet.payload
        if packet.vp8 is not None:
            payload = rewrite_vp8(payload, packet.vp8, slot.picture_shift, slot.tl0_shift)
        stamp = (packet.timestamp + slot.ts_shift) & 0xFFFFFFFF
        head = struct.pack(">BI", packet.marker | payload_type, stamp)
        return head + output.shape.extensions(packet) + payload

    def _put(self, ssrc: int, number: int, data: bytes) -> None:
        assert number >= 0
        before = self.sent.setdefault((ssrc, number), data)
        assert before == data, f"number {number} of stream {ssrc} carries two different packets"


class Lesson:
    """A publisher of voice and picture, one subscriber with RTX and H.264, one without."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.counters = Counters()
        self.wire = Wire(self.counters)
        offer = Offer(Direction.PUBLISH, lines((H264, VP8), 0), "u", "p", ())
        self.publisher = Publisher(
            offer, ssrc=99, ceiling_kbps=2500, counters=self.counters, now=self.now
        )
        self.samplers = [Sampler(SAMPLE_S, self.now) for _ in range(SUBSCRIBERS)]
        self.subscribers = [
            self._subscriber(number, lines(video, 4 * number + 4))
            for number, video in enumerate(((H264, VP8), (PLAIN_VP8,)))
        ]
        self.outputs = {
            stream.slot: stream.output for one in self.subscribers for stream in one.streams
        }
        self.dispatcher = Dispatcher(self.wire, self.outputs)
        for subscriber in self.subscribers:
            for stream in subscriber.streams:
                self._show(subscriber, stream, self.publisher.source(stream.slot.kind))
        self.numbers = dict.fromkeys(TYPES, 65000)
        self.stamp = 0
        self.acked, self.reported = [0] * SUBSCRIBERS, [0] * SUBSCRIBERS

    def _subscriber(self, number: int, offered: tuple[MediaLine, ...]) -> Subscriber:
        slots = {
            line.mid: Slot(
                line.kind,
                line.codecs,
                ssrc=1000 + 10 * number + line.index,
                rtx_ssrc=None if number else 5000 + line.index,
                first_sequence=0x7F00,
                first_timestamp=7,
            )
            for line in offered
        }
        made = Subscriber(
            offered,
            slots,
            Transport(),
            cname="c",
            clock=RelayClock(0.0),
            fanout=self.wire,
            counters=self.counters,
            sampler=self.samplers[number],
            now=self.now,
        )
        made.connected(self.now)
        return made

    # ------------------------------------------------------------------ steps

    def step(self, reader: Reader) -> None:
        """One of the eight things that happen."""
        kind, which = reader.u8(), reader.u8()
        subscriber = self.subscribers[which % SUBSCRIBERS]
        streams = subscriber.streams
        stream = streams[which // SUBSCRIBERS % len(streams)]
        slot = stream.slot
        if kind % 8 != BLOCK:
            self.wire.queued.clear()  # what was queued has left
        match kind % 8:
            case 0:
                self._wait(which * 0.004)
            case 1:
                self._packet(reader.block())
            case 2:
                self._packet(self._made(which, reader))
            case 3:
                self._control(subscriber, reader.block())
            case 4:
                self._control(self.publisher, reader.block())
            case 5:
                self._control(subscriber, self._report(slot, reader))
            case 6:
                source = self.publisher.source(slot.kind) if slot.feed is None else None
                self._show(subscriber, stream, source)
            case _:
                self._hold_up(slot, reader.u8())

    def _show(self, subscriber: Subscriber, stream: Stream, source: Source | None) -> None:
        subscriber.show(stream, source, Wish(), self.now)
        subscriber.steering.choose(self.now)

    def _wait(self, seconds: float) -> None:
        self.now += seconds
        for media in (self.publisher, *self.subscribers):
            media.advance(self.now, self._heard)
        for sampler, subscriber in zip(self.samplers, self.subscribers, strict=True):
            if self.now >= sampler.deadline_s:
                self._sample(sampler, subscriber)
        for track in self.publisher.tracks:
            if (batch := track.feed.take_batch()) is not None:
                self._fan_out(track.feed, batch)

    def _fan_out(self, feed: Feed, batch: Batch) -> None:
        """As `Endpoint._fan_out` does."""
        if feed.source is not None and feed.source.heard(feed, self.now):
            for listener in list(feed.source.listeners):
                listener.choose(self.now)
        if feed.joining:
            feed.admit(batch)
        self.dispatcher.dispatch(feed, batch, self.now)

    def _sample(self, sampler: Sampler, subscriber: Subscriber) -> None:
        """What a session does at a sample's deadline; the sample is evidence."""
        cut = sampler.cut()
        if cut is None:
            subscriber.write_off()
            cut = sampler.close(subscriber.totals(reported=False), self.now)
        assert cut.from_s <= cut.to_s <= self.now
        assert min(cut.moved.packets, cut.moved.acked, cut.moved.bytes) >= 0, "a negative sample"

    def _heard(self, packet: bytes) -> None:
        rtcp.parse(packet)  # what we write, we can read

    def _packet(self, data: bytes) -> None:
        try:
            self.publisher.receive(memoryview(data), self.now)
        except ValueError:
            self.counters.rtp_malformed += 1

    def _made(self, which: int, reader: Reader) -> bytes:
        """A packet that fits the offer: its number a little on or back, any payload."""
        kind = TYPES[which % len(TYPES)]
        self.numbers[kind] += reader.u8() - 3
        self.stamp += 100 * (reader.u8() - 8)
        mark = which & 0x80
        head = struct.pack(
            ">BBHII",
            0x90,
            kind | mark,
            self.numbers[kind] & 0xFFFF,
            self.stamp & 0xFFFFFFFF,
            100 + kind + (reader.u8() >> 6),
        )
        mid = b"0" if kind == 111 else b"1"
        return head + extension_block([(1, mid), (5, b"\x20")]) + reader.block()

    def _control(self, media: Publisher | Subscriber, data: bytes) -> None:
        try:
            feedback = rtcp.parse(data)
        except ValueError:
            self.counters.rtcp_malformed += 1
            return
        media.feedback(feedback, self.now)

    def _report(self, slot: Slot, reader: Reader) -> bytes:
        """A receiver report near the truth, and requests for packets around the last one."""
        last = self.wire.last.get(slot, slot.account.first)
        highest = (last + reader.u8() - 128) & 0xFFFFFFFF
        lost = int.from_bytes(reader.take(2), "big", signed=True)
        numbers = [(last - reader.u8()) & 0xFFFF for _ in range(reader.u8() % 20)]
        report = rtcp.ReportBlock(slot.ssrc, reader.u8(), lost, highest, 0, reader.u32(), 0)
        return rtcp.receiver_report(1, [report]) + rtcp.nack(1, slot.ssrc, sorted(numbers))

    def _hold_up(self, slot: Slot, what: int) -> None:
        """The kernel refuses the packet queued last, or the line is over its estimate."""
        if what & 1 and slot in self.wire.queued:
            self.wire.queued.discard(slot)
            slot.blocked(self.wire.last[slot] & 0xFFFF)
        else:
            slot.congest()

    # ------------------------------------------------------------------ what must hold

    def check(self) -> None:
        """The identities of the accounts, and bounds."""
        for place, subscriber in enumerate(self.subscribers):
            for stream in subscriber.streams:
                account = stream.slot.account
                assert 0 <= account.acked <= account.sent, "acknowledged more than was sent"
                assert 0 <= account.reported_sent <= account.sent
                assert account.first <= account.next
            totals = subscriber.totals(reported=True)
            assert totals.acked >= self.acked[place], "an acknowledgement was taken back"
            assert totals.packets >= self.reported[place], "a sample would be negative"
            self.acked[place], self.reported[place] = totals.acked, totals.packets
            assert subscriber._resent_in_second <= MAX_RESENT_PER_S
        assert self.publisher.packets >= 0
        assert all(track.lost >= 0 for track in self.publisher.tracks)
        assert self.publisher.deadline_s <= self.now + 1.0


def target() -> Callable[[bytes], None]:
    """Steps in a row against one lesson."""

    def run(data: bytes) -> None:
        lesson, reader = Lesson(), Reader(data)
        while reader:
            lesson.step(reader)
            lesson.check()
        lesson._wait(2.0)
        lesson.check()

    return run


# ---------------------------------------------------------------------------- seeds


def _waited(ticks: int) -> bytes:
    return bytes([WAIT, ticks])


def _made(kind: int, payload: bytes, *, mark: bool = False, on: int = 4, time: int = 8) -> bytes:
    which = TYPES.index(kind) + (125 if mark else 0)
    return bytes([MADE, which, on, time, 0]) + block(payload)


def _raw(kind: int, number: int, stamp: int, payload: bytes) -> bytes:
    head = struct.pack(">BBHII", 0x90, kind | 0x80, number, stamp, 100 + kind)
    mid = b"0" if kind == 111 else b"1"
    return bytes([RAW, 0]) + block(head + extension_block([(1, mid)]) + payload)


def _keyframe(kind: int) -> bytes:
    start = b"\x65\x88" if kind == 102 else b"\x90\x80\x81\x00\x10\x00\x00"
    return start + bytes(20)


def _frames(kind: int, count: int) -> bytes:
    delta = b"\x41\x9a" if kind == 102 else b"\x90\x80\x81\x01\x10\x01\x00"
    frames = _made(kind, _keyframe(kind), mark=True, time=38)
    frames += b"".join(
        _made(kind, delta + bytes([place]) * 20, mark=True, time=38) + _waited(8)
        for place in range(count)
    )
    return frames


def _reported(slot: int, *, lost: int = 0, asked: bytes = b"") -> bytes:
    return (
        bytes([REPORT, slot, 128])
        + struct.pack(">h", lost)
        + bytes([len(asked)])
        + asked
        + bytes([0])
        + bytes(4)
    )


def rtp_seeds() -> list[bytes]:
    """Voice and pictures as they are sent: in order, with gaps, late, repaired, restarted."""
    voice = b"".join(_made(111, bytes([place] * 40), time=18) for place in range(10))
    rtx = _made(97, struct.pack(">H", 65001) + _keyframe(96))
    return [
        voice + _waited(5),
        _frames(96, 6),
        _frames(102, 6),
        _frames(96, 3) + _frames(102, 3) + _frames(96, 3),
        _frames(96, 2) + _made(96, b"\x90\x80\x05\x01", on=9) + _waited(30) + rtx + _waited(9),
        _frames(96, 2) + _made(96, b"\x10\x01", on=1) + _waited(5) + _made(96, b"\x10\x01", on=6),
        b"".join(_raw(96, 65530 + n & 0xFFFF, 3000 * n, _keyframe(96)) for n in range(12)),
        _frames(96, 2) + bytes([ROUTE, 2, WAIT, 9, ROUTE, 2]) + _frames(96, 2),
    ]


def rtcp_seeds() -> list[bytes]:
    """Reports, requests for packets and keyframes, estimates, held-up lines."""
    pictures, sound = 2, 0  # streams of the first subscriber, as `which` counts them
    pli = bytes([FROM_SUBSCRIBER, 0]) + block(
        rtcp.receiver_report(1, ()) + rtcp.picture_loss(1, 1001)
    )
    remb = bytes([FROM_SUBSCRIBER, 0]) + block(rtcp.remb(1, 300_000, [1001, 1000]))
    sender = bytes([FROM_PUBLISHER, 0]) + block(
        rtcp.sender_report(rtcp.SenderReport(196, 1 << 40, 3000, 9, 900))
        + rtcp.description([196], "host")
    )
    bye = bytes([FROM_PUBLISHER, 0]) + block(rtcp.goodbye([196, 211]))
    voice = b"".join(_made(111, bytes(40), time=18) + _waited(5) for _ in range(8))
    return [
        _frames(96, 6) + _reported(pictures, asked=b"\1\2\3") + _waited(9) + pli + _waited(200),
        _frames(96, 6) + _reported(pictures + 1, lost=2, asked=b"\1") * 3 + _waited(250),
        voice + _reported(sound) + _reported(sound + 1, lost=-3),
        _frames(102, 4) + remb + _reported(pictures, lost=1) + _waited(250) * 2 + _frames(102, 3),
        sender + _frames(96, 4) + sender + _waited(255) + bye,
        _frames(96, 6) + bytes([BLOCK, pictures, 1]) + _frames(96, 3) + _waited(255) * 2 + pli,
        _frames(96, 3) + bytes([BLOCK, pictures, 0]) + _frames(96, 3) + _waited(255) * 4,
    ]
