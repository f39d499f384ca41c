"""What one subscriber's slot sends, packet by packet. Pure: time is an argument, nothing is sent.

A `Feed` is one track of a source; a `Slot` is one m-line of a subscriber, with one SSRC for life.
Switching a slot from feed to feed keeps its sequence numbers, timestamps and VP8 numbers running.
Video is switched on only at a keyframe: one replayed from the feed's cache, or the next to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from . import codecs
from .account import SentAccount
from .cache import AUDIO_RING, VIDEO_RING, KeyframeCache, SentRing
from .feedback import KeyframeRequests
from .rtp import Packet, nearest
from .session import Codec
from .sync import TrackClock

# ------------------------------------------------------------------ policy, written down

BLOCKED_PAUSE_S: Final = 1.0
"""The socket would block: the slot's video stops at once, and may come back at a keyframe after
this. A second lets a full send buffer drain; audio goes on (see `udp.MAX_KEPT`)."""
CONGESTED_PAUSE_S: Final = 3.0
"""A subscriber over its estimate loses video from the end of the frame, and may try again at a
keyframe after this: shorter would be a picture that stutters, longer one that seems broken."""
REPLAY_INTERVAL_S: Final = 0.005
REPLAY_PACKETS: Final = 10
"""A cached keyframe goes out at 2,000 packets (19 Mbit) a second: a line of a school's takes that,
and a keyframe of 40 packets takes 20 ms."""
REPLAY_FRAME_TICKS: Final = 90
"""Frames of a replay are 1 ms apart in the subscriber's timestamps: it is to show the last of them
at once, not to wait until the past has been played in real time."""
VIDEO_CLOCK: Final = 90000
_MASK32: Final = 0xFFFFFFFF


class SlotState(StrEnum):
    """Where a slot is; transitions are the methods of `Slot`."""

    IDLE = "idle"
    """Nothing is routed here, or in a codec that the subscriber did not negotiate."""
    WAITING = "waiting"
    """For a packet to start with: a keyframe's first, or any of audio."""
    REPLAYING = "replaying"
    """Sending the cached keyframe and what followed, faster than it came."""
    LIVE = "live"
    PAUSED = "paused"
    """Video withheld until `resume_s`; then waiting."""


@dataclass(slots=True)
class Batch:
    """Packets of one feed that arrived together, in order of arrival."""

    packets: list[Packet]
    first: int
    last: int
    contiguous: bool

    @classmethod
    def of(cls, packets: list[Packet]) -> Batch:
        """Describe at least one packet."""
        first, last = packets[0].seq, packets[-1].seq
        contiguous = last - first + 1 == len(packets) and all(
            packet.seq == first + place for place, packet in enumerate(packets)
        )
        return cls(packets, first, last, contiguous)


class Tap(Protocol):
    """Who takes a feed's packets as they came, besides its subscribers: a recording."""

    def take(self, feed: Feed, packets: list[Packet]) -> None:
        """Packets in order of arrival; they are not to be changed. Must not block."""
        ...

    def restart(self, feed: Feed) -> None:
        """Numbers and timestamps begin anew."""
        ...


class Feed:
    """One track of a source. `codec` may change with the publisher's payload type."""

    __slots__ = ("cache", "clock", "codec", "kind", "latest", "pending", "requests", "slots", "tap")

    def __init__(self, kind: str, codec: Codec) -> None:
        self.kind = kind
        self.codec = codec
        self.cache = KeyframeCache() if kind == "video" else None
        self.pending: list[Packet] = []
        self.slots: dict[Slot, None] = {}
        self.latest: Packet | None = None
        self.clock: TrackClock | None = None
        self.requests: KeyframeRequests | None = None
        self.tap: Tap | None = None

    def add(self, packet: Packet) -> None:
        """A packet has arrived; it goes out with the next batch."""
        self.pending.append(packet)

    def take_batch(self) -> Batch | None:
        """What is pending, now in the cache too; None if there is nothing."""
        if not self.pending:
            return None
        batch = Batch.of(self.pending)
        self.pending = []
        if self.cache is not None:
            for packet in batch.packets:
                self.cache.append(packet)
        if self.tap is not None:
            self.tap.take(self, batch.packets)
        self.latest = batch.packets[-1]
        return batch

    def restart(self, now: float) -> None:
        """The source begins anew (other SSRC or codec): nothing cached or numbered fits."""
        self.pending = []
        if self.cache is not None:
            self.cache.clear()
        if self.tap is not None:
            self.tap.restart(self)
        for slot in self.slots:
            slot.restart(now)

    @property
    def wants_keyframe(self) -> bool:
        """Whether some slot waits for one."""
        return self.kind == "video" and any(slot.state is SlotState.WAITING for slot in self.slots)


class Slot:
    """One stream to one subscriber.

    `payload_type`, `ssrc`, `seq_shift`, `ts_shift` are how a packet's header is rewritten;
    `picture_shift`, `tl0_shift` its VP8 numbers. The fan-out reads them for every batch.
    """

    __slots__ = (
        "_base",
        "_cursor",
        "_generation",
        "_last_out_s",
        "_last_packet",
        "_last_ts_out",
        "_next_in",
        "_replay_latest",
        "_replay_ticks",
        "_replay_times",
        "_stop_at_frame_end",
        "account",
        "clock_rate",
        "codec",
        "codecs",
        "dropped",
        "feed",
        "kind",
        "mismatched",
        "octets",
        "payload_type",
        "picture_shift",
        "refused",
        "resent",
        "resume_s",
        "ring",
        "rtx_payload_type",
        "rtx_sequence",
        "rtx_ssrc",
        "seq_shift",
        "ssrc",
        "state",
        "tl0_shift",
        "ts_shift",
    )

    def __init__(
        self,
        kind: str,
        negotiated: Sequence[Codec],
        *,
        ssrc: int,
        rtx_ssrc: int | None,
        first_sequence: int,
        first_timestamp: int,
    ) -> None:
        self.kind = kind
        self.codecs = tuple(negotiated)
        self.ssrc, self.rtx_ssrc = ssrc, rtx_ssrc
        # One cycle up, so that late packets before the first stay positive.
        self.account = SentAccount(first_sequence + 0x10000)
        self.ring = SentRing(VIDEO_RING if kind == "video" else AUDIO_RING)
        self.state = SlotState.IDLE
        self.feed: Feed | None = None
        self.codec: Codec | None = None
        self.clock_rate = VIDEO_CLOCK if kind == "video" else 48000
        self.payload_type = 0
        self.rtx_payload_type: int | None = None
        self.rtx_sequence = first_sequence
        self.seq_shift = self.ts_shift = self.picture_shift = self.tl0_shift = 0
        self.octets = self.dropped = self.refused = self.resent = self.mismatched = 0
        self.resume_s: float | None = None
        self._base = self._next_in = 0
        self._last_packet: Packet | None = None
        self._last_ts_out = first_timestamp
        self._last_out_s: float | None = None
        self._generation = self._cursor = 0
        self._replay_times: dict[int, int] = {}
        self._replay_ticks = self._replay_latest = 0
        self._stop_at_frame_end = False

    # ------------------------------------------------------------------ routing

    def route(self, feed: Feed | None, now: float) -> None:
        """Send this feed from now on, or nothing. The same feed again changes nothing."""
        if feed is self.feed:
            return
        if self.feed is not None:
            del self.feed.slots[self]
        self.feed = feed
        if feed is not None:
            feed.slots[self] = None
        self.restart(now)

    def restart(self, now: float) -> None:
        """Begin the feed again, at a packet one can begin with."""
        self._leave()
        self.state = SlotState.IDLE
        self.mismatched = 0
        if self.feed is None:
            return
        self.codec = codecs.match(self.feed.codec, self.codecs)
        if self.codec is None:
            self.mismatched = 1
            return
        self.clock_rate = self.codec.clock_rate
        self.payload_type = self.codec.payload_type
        self.rtx_payload_type = self.codec.rtx_payload_type if self.rtx_ssrc else None
        self._wait(now)

    def _wait(self, now: float) -> None:
        """WAITING, or straight to REPLAYING if there is something fresh to replay."""
        self.state = SlotState.WAITING
        self.resume_s = None
        cache = self.feed.cache if self.feed is not None else None
        if cache is None or not cache.fresh(now):
            return
        first = cache.packets[0]
        times: dict[int, int] = {}
        for packet in cache.packets:
            times.setdefault(packet.timestamp, len(times))
        self._begin(first, now)
        # The last cached frame keeps its own timestamp, so that live ones follow on it.
        self._replay_ticks = (len(times) - 1) * REPLAY_FRAME_TICKS
        latest = max(times, key=times.__getitem__)
        self._replay_latest = latest
        first_out = (first.timestamp + self.ts_shift) & _MASK32
        self.ts_shift = (first_out + self._replay_ticks - latest) & _MASK32
        self._replay_times = times
        self._generation, self._cursor = cache.generation, 0
        self.state = SlotState.REPLAYING

    def _leave(self) -> None:
        """Close the present run of packets: remember where its numbers stopped."""
        last = self._last_packet
        if last is not None:
            self._last_ts_out = (last.timestamp + self.ts_shift) & _MASK32
        self._stop_at_frame_end = False

    def _begin(self, packet: Packet, now: float) -> None:
        """Fit the numbers so that `packet` is the next one out."""
        self._leave()
        if self._last_out_s is not None:
            elapsed = max(1, int((now - self._last_out_s) * self.clock_rate))
        else:
            elapsed = 0
        last = self._last_packet
        if packet.vp8 is not None:
            if last is not None and last.vp8 is not None:
                picture = last.vp8.picture_id + self.picture_shift + 1
                tl0 = last.vp8.tl0 + self.tl0_shift + 1
            else:
                picture, tl0 = packet.vp8.picture_id, packet.vp8.tl0
            self.picture_shift = (picture - packet.vp8.picture_id) & 0x7FFF
            self.tl0_shift = (tl0 - packet.vp8.tl0) & 0xFF
        self.seq_shift = self.account.next - packet.seq
        self.ts_shift = (self._last_ts_out + elapsed - packet.timestamp) & _MASK32
        self._base = self._next_in = packet.seq
        self._last_packet = None
        self.ring.clear()
        self.state = SlotState.LIVE

    # ------------------------------------------------------------------ packets

    def take(self, batch: Batch, now: float) -> Sequence[Packet]:
        """Which packets of the feed's new batch to send now, under the present shifts.

        Packets not sent by policy (not those withheld until a keyframe of a fresh route) are
        counted in `dropped`.
        """
        if self.state is SlotState.LIVE:
            if batch.first == self._next_in and batch.contiguous and not self._stop_at_frame_end:
                count = len(batch.packets)
                self._next_in += count
                self.account.next += count
                self._last_packet = batch.packets[-1]
                self._last_out_s = now
                return batch.packets
            return self._take_slowly(batch.packets, now)
        if self.state is SlotState.PAUSED:
            if self.resume_s is None:
                self.resume_s = now + BLOCKED_PAUSE_S
            if now < self.resume_s:
                self.dropped += len(batch.packets)
                return ()
            self.state = SlotState.WAITING
        if self.state is SlotState.WAITING:
            for place, packet in enumerate(batch.packets):
                if packet.keyframe or self.kind == "audio":
                    self._begin(packet, now)
                    return self._take_slowly(batch.packets[place:], now)
        return ()  # REPLAYING finds them in the cache

    def _take_slowly(self, packets: Sequence[Packet], now: float) -> list[Packet]:
        taken: list[Packet] = []
        for place, packet in enumerate(packets):
            if not self._admit(packet, now):
                continue
            taken.append(packet)
            if self._stop_at_frame_end and packet.marker:
                self.dropped += len(packets) - place - 1
                self._pause(now + CONGESTED_PAUSE_S)
                break
        if taken:
            self._last_out_s = now
        return taken

    def _admit(self, packet: Packet, now: float) -> bool:
        """Account for one packet of the present run; False for one from before it."""
        if packet.seq >= self._next_in:
            if packet.seq > self._next_in:
                self.account.skip(packet.seq + self.seq_shift)
            self.account.next += 1
            self._next_in = packet.seq + 1
            self._last_packet = packet
            return True
        if packet.seq < self._base:
            self.dropped += 1
            return False
        self.account.late(packet.seq + self.seq_shift)
        # On its way now: a request for it that crosses it is not answered by a second copy.
        self.ring.may_resend(packet.seq + self.seq_shift, now, 0.0)
        return True

    def replay(self, now: float) -> Sequence[Packet]:
        """The next packets of the replay; LIVE when it has caught up.

        Call every `REPLAY_INTERVAL_S` while REPLAYING.
        """
        cache = self.feed.cache if self.feed is not None else None
        if cache is None or self.state is not SlotState.REPLAYING:
            return ()
        if cache.generation != self._generation:
            self._wait(now)  # a newer keyframe has come, or the cache was let go
            if self.state is not SlotState.REPLAYING:
                return ()
        end = min(self._cursor + REPLAY_PACKETS, len(cache.packets))
        chunk = cache.packets[self._cursor : end]
        self._cursor = end
        sent: list[Packet] = []
        for packet in chunk:
            if not self._admit(packet, now):
                continue
            frame = self._replay_times.get(packet.timestamp)
            behind = 0 if frame is None else self._replay_ticks - frame * REPLAY_FRAME_TICKS
            if behind:
                earlier = packet.at((self._replay_latest - behind) & _MASK32)
                if self._last_packet is packet:
                    self._last_packet = earlier
                sent.append(earlier)
            else:
                sent.append(packet)
        if sent:
            self._last_out_s = now
        if self._cursor == len(cache.packets):
            self.state = SlotState.LIVE
            self._replay_times = {}
        return sent

    # ------------------------------------------------------------------ withholding video

    def congest(self) -> None:
        """Over the subscriber's estimate: stop at the end of the present frame."""
        if self.kind == "video" and self.state in (SlotState.LIVE, SlotState.REPLAYING):
            self._stop_at_frame_end = True

    def blocked(self, sequence: int) -> bool:
        """The packet sent last under this 16-bit number was refused by the kernel.

        Audio is kept to be sent later (True); video is given up and paused.
        """
        if self.kind == "audio":
            return True
        self.unsent(sequence)
        self.refused += 1
        if self.state in (SlotState.LIVE, SlotState.REPLAYING):
            self._pause(None)
        return False

    def unsent(self, sequence: int) -> None:
        """The packet sent last under this 16-bit number never left."""
        number = nearest(sequence, self.account.next - 1)
        self.account.unsent(number)
        self.ring.slots[number & self.ring.mask] = None
        self.dropped += 1

    def _pause(self, resume_s: float | None) -> None:
        self._leave()
        self.state = SlotState.PAUSED
        self.resume_s = resume_s

    # ------------------------------------------------------------------ feedback

    def resend(self, sequence: int, now: float, interval_s: float) -> Packet | None:
        """The packet a NACK asks for, unless unknown or sent again within `interval_s`."""
        number = nearest(sequence, self.account.next - 1)
        packet = self.ring.find(number, self.account.next, self.seq_shift)
        again = number in self.ring.resent_s
        if packet is None or not self.ring.may_resend(number, now, interval_s):
            return None
        if again and self.rtx_payload_type is None:
            self.account.repeated += 1
        self.resent += 1
        return packet

    @property
    def sending(self) -> bool:
        """Whether packets go out now."""
        return self.state in (SlotState.LIVE, SlotState.REPLAYING)
