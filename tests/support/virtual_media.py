"""A lesson in virtual time: the relay's pure parts between a lossy sender and lossy receivers.

Nothing here sleeps or opens a socket. Receivers count as RFC 3550 A.3 says, so that what the relay
concludes from their reports can be compared with what really arrived.
"""

from __future__ import annotations

import heapq
import random
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count

from sync_classroom.relay import rtcp
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.fanout import Job, Output
from sync_classroom.relay.forwarding import Slot
from sync_classroom.relay.ice import IceAgent, IceTable
from sync_classroom.relay.live_session import Session
from sync_classroom.relay.publisher import Publisher
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.samples import Sampler
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

NACK_AFTER_S, NACK_AGAIN_S = 0.03, 0.15
VIDEO = Codec("VP8", 96, 90000, feedback=frozenset({"nack", "nack pli"}))
VIDEO_RTX = Codec("VP8", 96, 90000, None, {}, frozenset({"nack", "nack pli"}), 97)
OPUS = Codec("opus", 111, 48000, 2)


def lines(video: Codec = VIDEO) -> tuple[MediaLine, ...]:
    return (
        MediaLine(0, "0", "audio", True, 0, (OPUS,)),
        MediaLine(1, "1", "video", True, 0, (video,)),
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
class Receiver:
    """A subscriber's far end behind a line with loss, reordering and perhaps little capacity."""

    clock: Clock
    randomness: random.Random
    slots: dict[int, Slot]
    rtx: bool
    loss: float
    delay_s: float = 0.02
    capacity_bps: float | None = None
    heard: dict[int, Heard] = field(default_factory=dict)
    sent_numbers: dict[int, set[int]] = field(default_factory=dict)
    inbox: list[tuple[float, int, int, int, bool]] = field(default_factory=list)
    retransmitted: int = 0
    nacked: int = 0
    frames_ok: int = 0
    _queue_s: float = 0.0
    _order: int = 0

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
        arrival = now + self.delay_s
        if self.capacity_bps is not None:
            self._queue_s = max(self._queue_s, now)
            if self._queue_s - now > 0.1:
                return  # the line's buffer is full
            self._queue_s += size * 8 / self.capacity_bps
            arrival = self._queue_s + self.delay_s
        if not first and self.randomness.random() < self.loss:
            return
        if self.randomness.random() < 0.01:
            arrival += 0.01
        self._order += 1
        entry = (arrival, self._order, ssrc, number, again and self.rtx)
        heapq.heappush(self.inbox, entry)

    def process(self) -> None:
        """Take everything that has arrived."""
        while self.inbox and self.inbox[0][0] <= self.clock.now:
            at, _, ssrc, number, by_rtx = heapq.heappop(self.inbox)
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
        """A receiver report on every SSRC; REMB if the line is narrow."""
        blocks = []
        fraction = 0 if self.capacity_bps is None else 60
        for ssrc, heard in self.heard.items():
            lost = heard.highest - heard.base + 1 - heard.received
            blocks.append(
                rtcp.ReportBlock(ssrc, fraction, lost, heard.highest & 0xFFFFFFFF, 0, 0, 0)
            )
        data = rtcp.receiver_report(1, blocks)
        if self.capacity_bps is not None:
            data += rtcp.remb(1, int(self.capacity_bps), list(self.heard))
        return data


class Lines:
    """A fan-out whose sockets are the receivers' lines."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.receivers: dict[Slot, Receiver] = {}

    def forward(self, jobs: Iterable[Job]) -> None:
        for output, packets in jobs:
            slot, receiver = output.slot, self.receivers[output.slot]
            for packet in packets:
                number = packet.seq + slot.seq_shift
                slot.ring.slots[number & slot.ring.mask] = packet
                size = 12 + len(packet.payload)
                output.bytes_sent += size
                self.counters.forwarded += 1
                receiver.send(slot.ssrc, number, size, again=False)

    def resend(self, output: Output, packet: Packet) -> bool:
        slot = output.slot
        self.counters.retransmitted += 1
        self.receivers[slot].send(
            slot.ssrc, packet.seq + slot.seq_shift, 12 + len(packet.payload), again=True
        )
        return True


class Lesson:
    """One publisher, many subscribers, the relay's pure parts in between."""

    def __init__(self, seed: int, *, upstream_loss: float, sample_s: float = 10.0) -> None:
        self.clock = Clock()
        self.randomness = random.Random(seed)
        self.counters = Counters()
        self.fanout = Lines(self.counters)
        self.samples: list[Sample] = []
        self.ice = IceTable()
        self.relay_clock = RelayClock(0.0)
        self.sample_s = sample_s
        self.upstream_loss = upstream_loss
        offer = Offer(Direction.PUBLISH, lines(), "u", "p", ())
        self.publisher = Publisher(
            offer, ssrc=99, ceiling_kbps=2500, counters=self.counters, now=self.clock.now
        )
        self.published = self._session("host", "camera", Direction.PUBLISH, self.publisher)
        self.subscribers: list[tuple[Session, Subscriber, Receiver]] = []
        self.outputs: dict[Slot, Output] = {}
        self._numbers = {111: 65000, 96: 64000}
        self._history: dict[tuple[int, int], bytes] = {}
        self.frame = self.sound = self.sent = 0
        self.keyframe_every = 90

    # the endpoint's part -------------------------------------------------

    socket = None

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
        self, peer: str, *, rtx: bool, loss: float, capacity_bps: float | None = None
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
        )
        session = self._session(peer, None, Direction.SUBSCRIBE, media, sampler)
        receiver = Receiver(
            self.clock,
            random.Random(number + 1),
            {slot.ssrc: slot for slot in slots.values()},
            rtx,
            loss,
            capacity_bps=capacity_bps,
        )
        for stream in media.streams:
            self.fanout.receivers[stream.slot] = receiver
            self.outputs[stream.slot] = stream.output
            stream.slot.route(self.publisher.feed(stream.slot.kind), now)
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
        key = self.frame % self.keyframe_every == 0
        for place in range(packets):
            start = b"\x10" if place == 0 else b"\x00"
            body = start + (b"\x00" if key else b"\x01") + bytes(1000)
            self._packet(96, place == packets - 1, self.frame * 3000, body)
        self.frame += 1

    def _sound(self) -> None:
        self._packet(111, False, self.sound * 960, bytes(80))
        self.sound += 1

    def _packet(self, kind: int, mark: bool, stamp: int, body: bytes) -> None:
        number = self._numbers[kind] & 0xFFFF
        self._numbers[kind] += 1
        data = struct.pack(">BBHII", 0x80, kind | 0x80 * mark, number, stamp, kind) + body
        self._history[kind, number] = data
        self.sent += 1
        last = self._numbers[kind] - 1
        if last > 65100 and self.randomness.random() < self.upstream_loss:
            return
        self.clock.at(self.clock.now + 0.015, lambda: self._arrive(data))

    def _arrive(self, data: bytes) -> None:
        feed = self.publisher.receive(memoryview(data), self.clock.now)
        if feed is None:
            return
        batch = feed.take_batch()
        assert batch is not None
        self.fanout.forward(
            [(self.outputs[slot], slot.take(batch, self.clock.now)) for slot in feed.slots]
        )

    def _upstream_rtcp(self, data: bytes) -> None:
        for ssrc, numbers in rtcp.parse(data).nacks:
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
                    self._tell(session, receiver.nacks())
                if (step + 4 * place) % 200 == 0:
                    receiver.process()
                    self._tell(session, receiver.report(), at_once=True)
                if now >= session.deadline_s:
                    session.advance(now)

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
