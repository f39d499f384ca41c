"""A lesson in virtual time: the relay's pure parts between a lossy sender and lossy receivers.

Nothing here sleeps or opens a socket. Receivers count as RFC 3550 A.3 says, so that what the relay
concludes from their reports can be compared with what really arrived.
"""

from __future__ import annotations

import heapq
import random
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from sync_classroom.relay import rtcp
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.dispatch import Dispatcher
from sync_classroom.relay.fanout import Job, Output
from sync_classroom.relay.feed import Batch
from sync_classroom.relay.forwarding import Slot
from sync_classroom.relay.ice import IceAgent, IceTable
from sync_classroom.relay.layers import Wish
from sync_classroom.relay.live_session import Session
from sync_classroom.relay.publisher import Publisher
from sync_classroom.relay.rtp import Packet, extension_block
from sync_classroom.relay.samples import Sampler
from sync_classroom.relay.sdp import MID, RID
from sync_classroom.relay.sdp_simulcast import Layer
from sync_classroom.relay.session import (
    Codec,
    Direction,
    LocalTransport,
    MediaLine,
    Offer,
    Sample,
)
from sync_classroom.relay.subscriber import Subscriber
from sync_classroom.relay.sync import RelayClock
from tests.support.bottleneck import Bottleneck, BrowserEstimate

NACK_AFTER_S, NACK_AGAIN_S = 0.03, 0.15
VIDEO = Codec("VP8", 96, 90000, feedback=frozenset({"nack", "nack pli"}))
VIDEO_RTX = Codec("VP8", 96, 90000, None, {}, frozenset({"nack", "nack pli"}), 97)
OPUS = Codec("opus", 111, 48000, 2)


IDS = {MID: 3, RID: 4}


@dataclass(frozen=True)
class Picture:
    """One simulcast layer as it is sent: so many packets of so many bytes a frame."""

    rid: str
    width: int
    height: int
    packets: int
    size: int
    ssrc: int


# At 30 frames a second: 118, 447 and 1341 kbit/s.
LOW = Picture("l", 320, 180, 1, 480, 201)
MIDDLE = Picture("m", 640, 360, 1, 1850, 202)
HIGH = Picture("h", 1280, 720, 3, 1850, 203)
SINGLE = Picture("", 640, 360, 9, 1002, 96)


def lines(video: Codec = VIDEO, layers: Sequence[Picture] = ()) -> tuple[MediaLine, ...]:
    rids = tuple(Layer(picture.rid) for picture in layers)
    return (
        MediaLine(0, "0", "audio", True, 0, (OPUS,)),
        MediaLine(1, "1", "video", True, 0, (video,), IDS if rids else {}, layers=rids),
    )


class Clock:
    """Events in virtual time."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), action))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until


class Transport:
    """A connected peer transport that protects nothing."""

    connected = True
    outgoing = None
    address = None


@dataclass
class Heard:
    """What a receiver knows of one SSRC."""

    base: int
    highest: int
    received: int = 0
    got: set[int] = field(default_factory=set)
    missing: dict[int, float] = field(default_factory=dict)


@dataclass
class Frame:
    """One frame as a receiver is sent it; timestamps and picture ids as rewritten for it."""

    at_s: float
    timestamp: int
    rid: str | None
    keyframe: bool
    picture_id: int
    complete: bool = False


@dataclass
class Receiver:
    """A subscriber's far end behind a line with loss, reordering and perhaps little capacity."""

    clock: Clock
    line: Bottleneck
    slots: dict[int, Slot]
    rtx: bool
    estimate: BrowserEstimate = field(default_factory=BrowserEstimate)
    heard: dict[int, Heard] = field(default_factory=dict)
    sent_numbers: dict[int, set[int]] = field(default_factory=dict)
    inbox: list[tuple[float, int, int, int, bool, int, float]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    retransmitted: int = 0
    nacked: int = 0
    reported: dict[int, tuple[int, int]] = field(default_factory=dict)
    _order: int = 0
    _frame_at: dict[int, Frame] = field(default_factory=dict)

    def send(self, ssrc: int, number: int, size: int, *, again: bool) -> None:
        """The relay sends one packet; the line decides."""
        now = self.clock.now
        first = ssrc not in self.sent_numbers
        if not again:
            sent = self.sent_numbers.setdefault(ssrc, set())
            assert number not in sent, "a packet was sent twice"
            sent.add(number)
        else:
            self.retransmitted += 1
        queued = self.line.queue_s(now)
        arrival = self.line.send(size, now)
        if arrival is None and first:
            arrival = now + self.line.delay_s  # packets before the first that came are not known of
        if arrival is None:
            return
        if self.line.randomness.random() < 0.01:
            arrival += 0.01
        self._order += 1
        entry = (arrival, self._order, ssrc, number, again and self.rtx, size, queued)
        heapq.heappush(self.inbox, entry)

    def frame(self, slot: Slot, packet: Packet, rid: str | None) -> None:
        """Note which frame a packet is of."""
        timestamp = (packet.timestamp + slot.ts_shift) & 0xFFFFFFFF
        frame = self._frame_at.get(timestamp)
        if frame is None:
            picture_id = 0
            if packet.vp8 is not None:
                picture_id = (packet.vp8.picture_id + slot.picture_shift) & 0x7FFF
            frame = Frame(self.clock.now, timestamp, rid, packet.keyframe, picture_id)
            self.frames.append(frame)
            self._frame_at[timestamp] = frame
        if packet.marker:
            frame.complete = True

    def process(self) -> None:
        """Take everything that has arrived."""
        while self.inbox and self.inbox[0][0] <= self.clock.now:
            at, _, ssrc, number, by_rtx, size, queued = heapq.heappop(self.inbox)
            self.estimate.arrived(size, queued, at)
            heard = self.heard.get(ssrc)
            if heard is None:
                heard = self.heard[ssrc] = Heard(number, number - 1)
            if not by_rtx:
                heard.received += 1
                for missing in range(heard.highest + 1, number):
                    heard.missing[missing] = at + NACK_AFTER_S
                heard.highest = max(heard.highest, number)
                heard.got.add(number)
            heard.missing.pop(number, None)

    def nacks(self) -> bytes:
        """Requests due now, for video only."""
        packets = b""
        for ssrc, heard in self.heard.items():
            if self.slots[ssrc].kind != "video":
                continue
            due = sorted(n for n, at in heard.missing.items() if at <= self.clock.now)[:50]
            for number in due:
                if heard.highest - number > 400:
                    del heard.missing[number]
                else:
                    heard.missing[number] = self.clock.now + NACK_AGAIN_S
            due = [number for number in due if number in heard.missing]
            if due:
                self.nacked += len(due)
                packets += rtcp.nack(1, ssrc, [number & 0xFFFF for number in due])
        return packets

    def report(self) -> bytes:
        """A receiver report on every SSRC, as RFC 3550 A.3 counts."""
        blocks = []
        now = self.clock.now
        sent_s = now - 2 * self.line.delay_s - self.line.queue_s(now)
        lsr = (RelayClock(0.0).ntp(sent_s) >> 16) & 0xFFFFFFFF
        for ssrc, heard in self.heard.items():
            expected = heard.highest - heard.base + 1
            before = self.reported.get(ssrc, (0, 0))
            missed = (expected - before[0]) - (heard.received - before[1])
            fraction = max(0, (missed << 8) // max(1, expected - before[0]))
            self.reported[ssrc] = (expected, heard.received)
            lost = expected - heard.received
            blocks.append(
                rtcp.ReportBlock(ssrc, fraction, lost, heard.highest & 0xFFFFFFFF, 0, lsr, 0)
            )
        return rtcp.receiver_report(1, blocks)

    def remb(self) -> bytes:
        """The estimate, if it is time for it and the line has an end."""
        bps = None if self.line.capacity_bps is None else self.estimate.remb(self.clock.now)
        return b"" if bps is None else rtcp.remb(1, bps, list(self.heard))


class Lines:
    """A fan-out whose sockets are the receivers' lines."""

    name = "lines"

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.receivers: dict[Slot, Receiver] = {}

    @staticmethod
    def rid(slot: Slot) -> str | None:
        return None if slot.feed is None else slot.feed.rid

    def forward(self, jobs: Iterable[Job]) -> None:
        for output, packets in jobs:
            slot, receiver = output.slot, self.receivers[output.slot]
            for packet in packets:
                number = packet.seq + slot.seq_shift
                size = 12 + len(packet.payload)
                self.counters.forwarded += 1
                if slot.kind == "video":
                    receiver.frame(slot, packet, self.rid(slot))
                receiver.send(slot.ssrc, number, size, again=False)

    def group(self, outputs: Sequence[Output]) -> Sequence[Output]:
        return outputs

    def broadcast(self, group: Sequence[Output], batch: Batch) -> None:
        self.forward([(output, batch.packets) for output in group])

    def resend(self, output: Output, packet: Packet, now: float) -> bool:
        slot = output.slot
        self.counters.retransmitted += 1
        self.receivers[slot].send(
            slot.ssrc, packet.seq + slot.seq_shift, 12 + len(packet.payload), again=True
        )
        return True


class Paths:
    """What a session asks of the ports beside sending, which `Lines` does here."""

    def path(self, address: object, relayed: object) -> str:
        return "udp"


class Lesson:
    """One publisher, many subscribers, the relay's pure parts in between."""

    def __init__(
        self,
        seed: int,
        *,
        upstream_loss: float,
        sample_s: float = 10.0,
        layers: Sequence[Picture] = (),
    ) -> None:
        self.clock = Clock()
        self.randomness = random.Random(seed)
        self.counters = Counters()
        self.fanout = Lines(self.counters)
        self.samples: list[Sample] = []
        self.ice = IceTable()
        self.relay_clock = RelayClock(0.0)
        self.sample_s = sample_s
        self.upstream_loss = upstream_loss
        self.pictures = tuple(layers) or (SINGLE,)
        self.silent: set[str] = set()
        offer = Offer(Direction.PUBLISH, lines(layers=layers), "u", "p", ())
        self.publisher = Publisher(
            offer, ssrc=99, ceiling_kbps=2500, counters=self.counters, now=self.clock.now
        )
        self.published = self._session("host", "camera", Direction.PUBLISH, self.publisher)
        self.subscribers: list[tuple[Session, Subscriber, Receiver]] = []
        self.outputs: dict[Slot, Output] = {}
        self.dispatcher = Dispatcher(self.fanout, self.outputs)
        self._numbers = {111: 65000, **{picture.ssrc: 64000 for picture in self.pictures}}
        self._asked: set[int] = set()
        self._history: dict[tuple[int, int], bytes] = {}
        self.frame = self.sound = self.sent = 0
        self.keyframe_every = 90

    # the endpoint's part -------------------------------------------------

    ports = Paths()

    def on_sample(self, sample: Sample) -> None:
        self.samples.append(sample)

    def wall_s(self) -> float:
        return 1_700_000_000 + self.clock.now

    def local_transport(self, agent: IceAgent) -> LocalTransport:
        raise AssertionError("not asked here")

    def restart_ice(self, session: Session) -> LocalTransport:
        raise AssertionError("not asked here")

    def close_session(self, session: Session, reason: str) -> None:
        raise AssertionError(f"closed: {reason}")

    def _session(
        self,
        peer: str,
        source: str | None,
        direction: Direction,
        media: Publisher | Subscriber,
        sampler: Sampler | None = None,
    ) -> Session:
        session = Session(
            session_id=peer,
            room="lesson",
            peer=peer,
            source=source,
            direction=direction,
            agent=self.ice.open(peer, self.clock.now + 10_000),
            transport=Transport(),  # type: ignore[arg-type]
            media=media,
            sampler=sampler or Sampler(self.sample_s, self.clock.now),
            streams={},
            host=self,  # type: ignore[arg-type]
            now=self.clock.now,
        )
        session.connected_at(self.clock.now)
        return session

    def join(
        self,
        peer: str,
        *,
        rtx: bool,
        loss: float,
        capacity_bps: float | None = None,
        height: int | None = None,
    ) -> Receiver:
        now = self.clock.now
        number = len(self.subscribers)
        offered = lines(VIDEO_RTX if rtx else VIDEO)
        slots = {
            line.mid: Slot(
                line.kind,
                line.codecs,
                ssrc=1000 + 10 * number + line.index,
                rtx_ssrc=5000 + number if rtx else None,
                first_sequence=(64500 + 97 * number) & 0x7FFF,
                first_timestamp=number,
            )
            for line in offered
        }
        sampler = Sampler(self.sample_s, now)
        media = Subscriber(
            offered,
            slots,
            Transport(),
            cname=peer,
            clock=self.relay_clock,
            fanout=self.fanout,
            counters=self.counters,
            sampler=sampler,
            now=now,
        )
        session = self._session(peer, None, Direction.SUBSCRIBE, media, sampler)
        receiver = Receiver(
            self.clock,
            Bottleneck(random.Random(number + 1), capacity_bps, loss),
            {slot.ssrc: slot for slot in slots.values()},
            rtx,
        )
        for stream in media.streams:
            self.fanout.receivers[stream.slot] = receiver
            self.outputs[stream.slot] = stream.output
            wish = Wish(height) if stream.slot.kind == "video" else Wish()
            media.show(stream, self.publisher.source(stream.slot.kind), wish, now)
        media.steering.choose(now)
        self.subscribers.append((session, media, receiver))
        return receiver

    # the sender ----------------------------------------------------------

    def publish(
        self, seconds: float, *, frames_per_s: int = 30, packets_per_frame: int = 9
    ) -> None:
        start = self.clock.now
        for place in range(int(seconds * frames_per_s)):
            self.clock.at(start + place / frames_per_s, lambda: self._frame(packets_per_frame))
        for place in range(int(seconds * 50)):
            self.clock.at(start + place / 50 + 0.0001, self._sound)

    def _frame(self, packets: int) -> None:
        for picture in self.pictures:
            if picture.rid in self.silent:
                continue
            key = self.frame % self.keyframe_every == 0 or picture.ssrc in self._asked
            self._asked.discard(picture.ssrc)
            count = packets if picture is SINGLE else picture.packets
            for place in range(count):
                start = b"\x90" if place == 0 else b"\x80"
                number = (picture.ssrc * 7 + self.frame) & 0x7FFF | 0x8000
                body = start + b"\x80" + number.to_bytes(2, "big")
                body += b"\x00" if key else b"\x01"
                body += b"\x00\x00\x9d\x01\x2a"
                body += struct.pack("<HH", picture.width, picture.height)
                body += bytes(picture.size - len(body))
                self._packet(picture.ssrc, 96, place == count - 1, self.frame * 3000, body)
        self.frame += 1

    def _sound(self) -> None:
        self._packet(111, 111, False, self.sound * 960, bytes(80))
        self.sound += 1

    def _packet(self, ssrc: int, kind: int, mark: bool, stamp: int, body: bytes) -> None:
        number = self._numbers[ssrc] & 0xFFFF
        self._numbers[ssrc] += 1
        block = b""
        rid = next((p.rid for p in self.pictures if p.ssrc == ssrc and p.rid), None)
        if rid is not None and self._numbers[ssrc] < 64050:  # until a report has been seen
            block = extension_block([(IDS[MID], b"1"), (IDS[RID], rid.encode())])
        first = 0x90 if block else 0x80
        header = struct.pack(">BBHII", first, kind | 0x80 * mark, number, stamp, ssrc)
        data = header + block + body
        self._history[ssrc, number] = data
        self.sent += 1
        last = self._numbers[ssrc] - 1
        if last > 65100 and self.randomness.random() < self.upstream_loss:
            return
        self.clock.at(self.clock.now + 0.015, lambda: self._arrive(data))

    def _arrive(self, data: bytes) -> None:
        now = self.clock.now
        feed = self.publisher.receive(memoryview(data), now)
        if feed is None:
            return
        batch = feed.take_batch()
        assert batch is not None
        # As `Endpoint._fan_out` does.
        if feed.source is not None and feed.source.heard(feed, now):
            for listener in list(feed.source.listeners):
                listener.choose(now)
        if feed.joining:
            self.counters.layer_switches += feed.admit(batch)
        self.dispatcher.dispatch(feed, batch, now)
        if feed.wants_keyframe and feed.requests is not None:
            feed.requests.ask()

    def _upstream_rtcp(self, data: bytes) -> None:
        feedback = rtcp.parse(data)
        if self.pictures[0] is not SINGLE:  # whose keyframes come when they come, as a file's do
            self._asked.update(feedback.keyframes)
        for ssrc, numbers in feedback.nacks:
            for number in numbers:
                again = self._history[ssrc, number]
                self.clock.at(self.clock.now + 0.03, lambda again=again: self._arrive(again))

    # the driver ----------------------------------------------------------

    def run(self, seconds: float) -> None:
        """Advance everything in steps of 5 ms; receivers report once a second."""
        end = self.clock.now + seconds
        step = 0
        while self.clock.now < end - 1e-9:
            self.clock.run(self.clock.now + 0.005)
            step += 1
            now = self.clock.now
            self.publisher.advance(now, self._upstream_rtcp)
            if now >= self.published.deadline_s:
                self.published.advance(now)
            for place, (session, _, receiver) in enumerate(self.subscribers):
                if step % 4 == place % 4:
                    receiver.process()
                    self._tell(session, receiver.nacks() + receiver.remb())
                if (step + 4 * place) % 200 == 0:
                    receiver.process()
                    self._tell(session, receiver.report(), at_once=True)
                if now >= session.deadline_s:
                    session.advance(now)

    def settle(self) -> None:
        """Let what receivers have said arrive."""
        self.clock.run(self.clock.now + 0.03)

    def _hear(self, session: Session, data: bytes) -> None:
        session.receive_rtcp(memoryview(data), self.clock.now)

    def _tell(self, session: Session, data: bytes, *, at_once: bool = False) -> None:
        if not data:
            return
        if at_once:
            session.receive_rtcp(memoryview(data), self.clock.now)
        else:
            self.clock.at(
                self.clock.now + 0.02,
                lambda: self._hear(session, data),
            )


def truth(receiver: Receiver) -> tuple[int, int]:
    """Distinct packets sent to a receiver, and distinct ones that arrived (not by RTX)."""
    sent = sum(len(numbers) for numbers in receiver.sent_numbers.values())
    got = sum(len(heard.got) for heard in receiver.heard.values())
    return sent, got
