"""The packets every relay bench sends, as a timeline. Pure: relay, Janus and floor get the same."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

OPUS_PER_S: Final = 50
OPUS_BYTES: Final = 80
"""32 kbit/s in 20 ms, what browsers send of a voice."""
AUDIO, VIDEO = 0, 1
CLOCK: Final = (48000, 90000)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One publisher: frames of equal packets, now and then a keyframe of more, and Opus."""

    fps: int = 30
    frame_packets: int = 9
    key_packets: int = 40
    key_every_s: float = 3.0
    payload: int = 1100
    audio: bool = True
    spacing_s: float = 0.0
    """Between a frame's packets, as browsers pace them; 0: all at once, as on a campus line."""

    @property
    def video_packets_per_s(self) -> float:
        """Packets of video in a second, keyframes spread evenly."""
        return self.fps * self.frame_packets + (
            (self.key_packets - self.frame_packets) / self.key_every_s
        )

    @property
    def packets_per_s(self) -> float:
        """All packets in a second."""
        return self.video_packets_per_s + (OPUS_PER_S if self.audio else 0)

    @property
    def kbps(self) -> float:
        """RTP payload in kbit/s."""
        audio = OPUS_PER_S * OPUS_BYTES if self.audio else 0
        return (self.video_packets_per_s * self.payload + audio) * 8 / 1000


CAMERA: Final = Pattern()
"""A host's camera: 720p at 2.5 Mbit/s with sound, 330 packets a second."""
LOW: Final = Pattern(fps=15, frame_packets=4, key_packets=16, key_every_s=4.0)
"""360p at 15 pictures a second with sound, 600 kbit/s: a low layer, a narrow line."""
THUMBNAIL: Final = Pattern(
    fps=15, frame_packets=1, key_packets=6, key_every_s=10.0, payload=1000, audio=False
)
"""What a remote room sends for the wall: at most 150 kbit/s at 15 pictures a second."""
PATTERNS: Final = {"camera": CAMERA, "low": LOW, "thumbnail": THUMBNAIL}


@dataclass(frozen=True, slots=True)
class Burst:
    """What is sent at once: one frame or a packet of it, or 20 ms of sound.

    `late_s` is how long after its frame's time it is sent, `place` that of its first packet.
    """

    at_s: float
    kind: int
    number: int
    packets: int
    payload: int
    keyframe: bool
    late_s: float = 0.0
    place: int = 0
    last: bool = True

    @property
    def timestamp(self) -> int:
        """In the kind's RTP clock, from zero."""
        return round((self.at_s - self.late_s) * CLOCK[self.kind])


def bursts(pattern: Pattern) -> Iterator[Burst]:
    """Everything the publisher sends, for ever, in order of time."""
    sources = [_frames(pattern)]
    if pattern.audio:
        sources.append(_sounds())
    return heapq.merge(*sources, key=lambda burst: burst.at_s)


def _frames(pattern: Pattern) -> Iterator[Burst]:
    key_every = max(1, round(pattern.key_every_s * pattern.fps))
    number, free_s = 0, 0.0
    while True:
        key = number % key_every == 0
        packets = pattern.key_packets if key else pattern.frame_packets
        at_s = number / pattern.fps
        if not pattern.spacing_s:
            yield Burst(at_s, VIDEO, number, packets, pattern.payload, key)
        else:
            for place in range(packets):
                free_s = max(at_s, free_s)
                yield Burst(free_s, VIDEO, number, 1, pattern.payload, key, free_s - at_s, place,
                            place == packets - 1)  # fmt: skip
                free_s += pattern.spacing_s
        number += 1


def _sounds() -> Iterator[Burst]:
    number = 0
    while True:
        yield Burst(number / OPUS_PER_S, AUDIO, number, 1, OPUS_BYTES, False)
        number += 1
