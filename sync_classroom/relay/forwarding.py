"""What one subscriber's slot sends, packet by packet. Pure: time is an argument, nothing is sent.

A `Feed` is one track of a source, or one simulcast layer of it; a `Slot` is one m-line of a
subscriber, with one SSRC for life. Switching a slot from feed to feed keeps its sequence numbers,
timestamps and VP8 numbers running. Video is switched on only at a keyframe: one replayed from the
feed's cache, or the next to come. Between layers of one source the old one goes on until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from . import codecs
from .account import SentAccount
from .cache import AUDIO_RING, VIDEO_RING, SentRing
from .feed import Batch, Feed
from .rtp import Packet, nearest
from .sent import Sent
from .session import Codec

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


class Slot:
    """One stream to one subscriber.

    `payload_type`, `ssrc`, `seq_shift`, `ts_shift` are how a packet's header is rewritten;
    `picture_shift`, `tl0_shift` its VP8 numbers. The fan-out reads them for every batch.
    """

    __slots__ = (
        "_base",
        "_cursor",
        "_generation",
        "_last_ts_out",
        "_replay_end",
        "_replay_latest",
        "_replay_ticks",
        "_replay_times",
        "_sent",
        "_stop_at_frame_end",
        "aimed",
        "clock_rate",
        "codec",
        "codecs",
        "dropped",
        "feed",
        "kind",
        "mismatched",
        "payload_type",
        "picture_shift",
        "refused",
        "resent",
        "resume_s",
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
        self._sent = Sent(
            SentAccount(first_sequence + 0x10000),
            SentRing(VIDEO_RING if kind == "video" else AUDIO_RING),
        )
        self.state = SlotState.IDLE
        self.feed: Feed | None = None
        self.aimed: Feed | None = None
        self.codec: Codec | None = None
        self.clock_rate = VIDEO_CLOCK if kind == "video" else 48000
        self.payload_type = 0
        self.rtx_payload_type: int | None = None
        self.rtx_sequence = first_sequence
        self.seq_shift = self.ts_shift = self.picture_shift = self.tl0_shift = 0
        self.dropped = self.refused = self.resent = self.mismatched = 0
        self.resume_s: float | None = None
        self._base = 0
        self._last_ts_out = first_timestamp
        self._generation = self._cursor = 0
        self._replay_times: dict[int, int] = {}
        self._replay_ticks = self._replay_latest = self._replay_end = 0
        self._stop_at_frame_end = False

    # ------------------------------------------------------------------ accounts

    @property
    def sent(self) -> Sent:
        """What has gone out, up to now."""
        return self._sent.settle()

    @property
    def account(self) -> SentAccount:
        """Which packets were sent and acknowledged, up to now."""
        return self._sent.settle().account

    @property
    def ring(self) -> SentRing:
        """What was sent under the latest numbers, up to now."""
        return self._sent.settle().ring

    def _join_step(self) -> None:
        if self.feed is None or self.feed.lockstep.next != self._sent.next_in:
            return
        step = self.feed.lockstep
        self._sent.join(step)
        del self.feed.loose[self]
        step.slots[self] = None
        step.changed()

    def leave_step(self) -> None:
        """Settle, and take packets one by one again; nothing if it does already."""
        step = self._sent.step
        if step is None:
            return
        assert self.feed is not None  # whose lockstep it is
        self._sent.settle()
        self._sent.step = None
        del step.slots[self]
        self.feed.loose[self] = None
        step.changed()

    def moved(self) -> None:
        """Where its packets go has changed."""
        if self._sent.step is not None:
            self._sent.step.changed()

    # ------------------------------------------------------------------ routing

    def route(self, feed: Feed | None, now: float, *, replay: bool = True) -> None:
        """Send this feed from now on, or nothing. The same feed again changes nothing.

        Without `replay` it begins at the next keyframe: the cached one and what followed would be a
        burst that the line cannot take.
        """
        self.aim(None)
        if feed is self.feed:
            return
        self._follow(feed)
        if feed is not None and not replay:
            self._enter(feed)
        else:
            self.restart(now)

    def _follow(self, feed: Feed | None) -> None:
        if self.feed is not None:
            self.leave_step()
            del self.feed.slots[self], self.feed.loose[self]
        self.feed = feed
        if feed is not None:
            feed.slots[self] = feed.loose[self] = None

    def aim(self, feed: Feed | None) -> None:
        """Go over to this layer at its next keyframe (None: stay). Until then nothing changes."""
        if self.aimed is not None:
            del self.aimed.joining[self]
        self.aimed = feed
        if feed is not None:
            feed.joining[self] = None

    def cross(self) -> bool:
        """The keyframe of the layer aimed at is in the batch to be taken next: go over.

        False, and all stays, while video is withheld.
        """
        feed = self.aimed
        if feed is None or self.state is SlotState.PAUSED:
            return False
        self.aim(None)
        self._follow(feed)
        self._enter(feed)
        return True

    def _enter(self, feed: Feed) -> None:
        """Begin the feed at its next keyframe."""
        if self._adopt(feed):
            self.state = SlotState.WAITING
            self.resume_s = None

    def restart(self, now: float) -> None:
        """Begin the feed again, at a packet one can begin with."""
        if self.feed is None:
            self._leave()
            self.state = SlotState.IDLE
            self.mismatched = 0
        elif self._adopt(self.feed):
            self._wait(now)

    def _adopt(self, feed: Feed) -> bool:
        """Take over the feed's codec; False, and IDLE, if it was not negotiated."""
        self._leave()
        self.state = SlotState.IDLE
        self.codec = codecs.match(feed.codec, self.codecs)
        self.mismatched = int(self.codec is None)
        if self.codec is None:
            return False
        self.clock_rate = self.codec.clock_rate
        self.payload_type = self.codec.payload_type
        self.rtx_payload_type = self.codec.rtx_payload_type if self.rtx_ssrc else None
        return True

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
        self._replay_times, self._replay_end = times, first.seq + self.seq_shift
        self._generation, self._cursor = cache.generation, 0
        self.state = SlotState.REPLAYING

    def _leave(self) -> None:
        """Close the present run of packets: remember where its numbers stopped."""
        self.leave_step()
        last = self._sent.last_packet
        if last is not None:
            self._last_ts_out = (last.timestamp + self.ts_shift) & _MASK32
        self._stop_at_frame_end = False

    def _begin(self, packet: Packet, now: float) -> None:
        """Fit the numbers so that `packet` is the next one out."""
        self._leave()
        if self._sent.last_out_s is not None:
            elapsed = max(1, int((now - self._sent.last_out_s) * self.clock_rate))
        else:
            elapsed = 0
        last = self._sent.last_packet
        if packet.vp8 is not None:
            if last is not None and last.vp8 is not None:
                picture = last.vp8.picture_id + self.picture_shift + 1
                tl0 = last.vp8.tl0 + self.tl0_shift + 1
            else:
                picture, tl0 = packet.vp8.picture_id, packet.vp8.tl0
            self.picture_shift = (picture - packet.vp8.picture_id) & 0x7FFF
            self.tl0_shift = (tl0 - packet.vp8.tl0) & 0xFF
        self.seq_shift = self._sent.account.next - packet.seq
        self.ts_shift = (self._last_ts_out + elapsed - packet.timestamp) & _MASK32
        self._base = self._sent.next_in = packet.seq
        self._sent.last_packet = None
        self._sent.ring.clear()
        self._replay_times = {}
        self.state = SlotState.LIVE

    # ------------------------------------------------------------------ packets

    def take(self, batch: Batch, now: float) -> Sequence[Packet]:
        """Which packets of the feed's new batch to send now, under the present shifts.

        Packets not sent by policy (not those withheld until a keyframe of a fresh route) are
        counted in `dropped`.
        """
        if self.state is SlotState.LIVE:
            if (
                batch.first == self._sent.next_in
                and batch.contiguous
                and not self._stop_at_frame_end
            ):
                self._sent.whole(batch, now)
                self._join_step()
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
            taken.append(self._as_sent(packet))
            self._sent.one(packet, self.seq_shift)
            if self._stop_at_frame_end and packet.marker:
                self.dropped += len(packets) - place - 1
                self._pause(now + CONGESTED_PAUSE_S)
                break
        if taken:
            self._sent.last_out_s = now
        return taken

    def _admit(self, packet: Packet, now: float) -> bool:
        """Account for one packet of the present run; False for one from before it."""
        if packet.seq >= self._sent.next_in:
            if packet.seq > self._sent.next_in:
                self._sent.account.skip(packet.seq + self.seq_shift)
            self._sent.account.next += 1
            self._sent.next_in = packet.seq + 1
            self._sent.last_packet = packet
            return True
        if packet.seq < self._base:
            self.dropped += 1
            return False
        self._sent.account.late(packet.seq + self.seq_shift)
        # On its way now: a request for it that crosses it is not answered by a second copy.
        self._sent.ring.may_resend(packet.seq + self.seq_shift, now, 0.0)
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
            self._replay_end = self._sent.account.next
            earlier = self._as_sent(packet)
            if self._sent.last_packet is packet:
                self._sent.last_packet = earlier
            self._sent.one(packet, self.seq_shift)
            sent.append(earlier)
        if sent:
            self._sent.last_out_s = now
        if self._cursor == len(cache.packets):
            self.state = SlotState.LIVE
        return sent

    def _as_sent(self, packet: Packet) -> Packet:
        """A packet of the present run with the timestamp it goes out with, also when sent again.

        The ring holds what everybody has, not a copy of each replayed packet for every joiner.
        """
        if self._replay_times and packet.seq + self.seq_shift < self._replay_end:
            frame = self._replay_times.get(packet.timestamp)
            behind = 0 if frame is None else self._replay_ticks - frame * REPLAY_FRAME_TICKS
            if behind:
                return packet.at((self._replay_latest - behind) & _MASK32)
        return packet

    def forget_replay(self) -> None:
        """Let go of what a replay is remembered by once nothing of it can be sent again."""
        if self._replay_times and self.account.next > self._replay_end + self._sent.ring.mask:
            self._replay_times = {}

    # ------------------------------------------------------------------ withholding video

    def congest(self) -> None:
        """Over the subscriber's estimate: stop at the end of the present frame."""
        if self.kind == "video" and self.state in (SlotState.LIVE, SlotState.REPLAYING):
            self.leave_step()
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
        self.aim(None)  # what it comes back with is decided then
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
        return self._as_sent(packet)

    def recent(self, back: int) -> Packet | None:
        """A packet sent lately, `back` before the last; None if there is none to send again."""
        number = self.account.next - 1 - back
        packet = self.ring.find(number, self.account.next, self.seq_shift)
        return None if packet is None else self._as_sent(packet)

    @property
    def waiting(self) -> bool:
        """Whether it has nothing to send before a keyframe."""
        return self.state is SlotState.WAITING

    @property
    def sending(self) -> bool:
        """Whether packets go out now."""
        return self.state in (SlotState.LIVE, SlotState.REPLAYING)
