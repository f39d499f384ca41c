"""Bounded memories of packets: the latest keyframe of a source, and what a subscriber was sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .rtp import Packet

MAX_PACKETS: Final = 1200
"""Of one keyframe and what followed: 3.5 s at 2.5 Mbit/s, 1.4 MB. Past it a fresh keyframe is asked
for instead: to send a joiner more would take longer than to make one."""
MAX_AGE_S: Final = 5.0
"""Older than this the cache is let go: a joiner would have to decode too much at once."""
REPLAY_AGE_S: Final = 3.0
"""A replay is only begun from a keyframe this fresh, so that it ends before `MAX_AGE_S`."""
VIDEO_RING: Final = 512
"""Packets a video subscriber can have sent again: 1.5 s at 2.5 Mbit/s. A power of two."""
AUDIO_RING: Final = 64
"""The same for audio, at 50 packets a second."""


class KeyframeCache:
    """The packets of one video source since its last keyframe, in order of arrival.

    `generation` counts keyframes; who reads along compares it to notice that `packets` is new.
    """

    __slots__ = ("generation", "packets")

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self.generation = 0

    def extend(self, packets: Sequence[Packet]) -> None:
        """Add packets; one that starts a keyframe replaces everything before it."""
        keyframes = [place for place, packet in enumerate(packets) if packet.keyframe]
        if keyframes:
            self.packets = []
            self.generation += len(keyframes)
            packets = packets[keyframes[-1] :]
        elif not (self.packets and packets):
            return
        first = self.packets[0] if self.packets else packets[0]
        if (
            len(self.packets) + len(packets) > MAX_PACKETS
            or packets[-1].arrival_s - first.arrival_s > MAX_AGE_S
        ):
            self.clear()
        else:
            self.packets += packets

    def clear(self) -> None:
        """Forget everything: the source began anew or the bound is reached."""
        self.packets = []
        self.generation += 1

    def fresh(self, now: float) -> bool:
        """Whether a replay may be begun from it."""
        return bool(self.packets) and now - self.packets[0].arrival_s <= REPLAY_AGE_S


class SentRing:
    """What was sent under the latest sequence numbers of one stream.

    `slots[number & mask]` is the packet; a ring is cleared whenever the mapping of numbers changes,
    so an entry in the window is either this number's packet or None.
    """

    __slots__ = ("mask", "resent_s", "slots")

    def __init__(self, size: int) -> None:
        if size & (size - 1):
            raise ValueError("a ring's size is a power of two")
        self.mask = size - 1
        self.slots: list[Packet | None] = [None] * size
        self.resent_s: dict[int, float] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.slots[:] = [None] * (self.mask + 1)
        self.resent_s.clear()

    def extend(self, number: int, packets: Sequence[Packet]) -> None:
        """Remember at most a round of packets, sent under `number` and those that follow it."""
        at = number & self.mask
        end = at + len(packets) - self.mask - 1
        if end <= 0:
            self.slots[at : at + len(packets)] = packets
        else:
            self.slots[at:] = packets[: len(packets) - end]
            self.slots[:end] = packets[len(packets) - end :]

    def find(self, number: int, next_number: int, shift: int) -> Packet | None:
        """The packet sent under `number`, or None if it is unknown or too long ago.

        `shift` is what was added to the packet's own sequence number: an entry that a hole has left
        standing from an earlier round does not fit it.
        """
        if not next_number - self.mask - 1 <= number < next_number:
            return None
        packet = self.slots[number & self.mask]
        return packet if packet is not None and packet.seq + shift == number else None

    def may_resend(self, number: int, now: float, interval_s: float) -> bool:
        """Whether `number` was not sent again within `interval_s`; remembers that it is now."""
        last = self.resent_s.get(number)
        if last is not None and now - last < interval_s:
            return False
        if len(self.resent_s) > self.mask:
            self.resent_s.clear()
        self.resent_s[number] = now
        return True
