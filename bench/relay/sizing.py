"""How many rooms a relay carries, from what a packet, a join and a receiver cost it.

    python -m bench.relay.sizing --one-us 126 --many-us 8.7 --join-ms 3.8 --receiver-kb 164

The costs are the bench's (`python -m bench.relay.fanout`, with `--subscribers 1` and with 48); what
a lesson asks for is written in `Lesson`. docs/relay.md has the table, computed from the costs that
stand above it there.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

VIDEO_PAYLOAD_BYTES: Final = 1100
"""Of a browser's video packets, on the mean of full and last ones of a frame."""
AUDIO_PER_S: Final = 50
"""Opus in packets of 20 ms."""
AUDIO_KBPS: Final = 48
"""What Opus takes for a voice, with its headers."""
OVERHEAD_BYTES: Final = 28 + 12 + 16 + 12
"""On the wire beside the payload: IP and UDP, RTP, SRTP's tag, extensions."""
MANY: Final = 48
"""Subscribers of the bench's second run."""
THUMBNAIL_KBPS: Final = 150
"""A seat's own small picture."""
WALL_SLOTS: Final = 12
"""Seats the host sees at once."""
SCREEN_KBPS: Final = 300
"""Courseware: slides that change now and then, on the mean."""
PLANNED_SHARE: Final = 0.6
"""Of a core, planned with: the rest is for joins, retransmissions and the evening's backup."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the relay was measured to need on one machine.

    `one_us` and `many_us` are processor time per forwarded packet with one subscriber and with
    `MANY`: in the first a packet is received for each that is forwarded, in the second for many.
    """

    one_us: float
    many_us: float
    join_ms: float
    receiver_kb: float

    def __post_init__(self) -> None:
        if min(self.join_ms, self.receiver_kb, self.sent_us) <= 0 or self.received_us < 0:
            raise ValueError("costs are above 0, and one packet costs more than one of many")

    @property
    def received_us(self) -> float:
        """Of a packet received: at a lesson's rates less, as more of them come at once."""
        return (self.one_us - self.many_us) * MANY / (MANY - 1)

    @property
    def sent_us(self) -> float:
        """Of a packet sent to one more subscriber."""
        return self.one_us - self.received_us


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson of `rooms` remote rooms whose host's camera sends `camera_kbps`."""

    rooms: int
    camera_kbps: int

    @property
    def packets_per_s(self) -> float:
        """Forwarded packets a second: camera, screen and voice to every room, the wall to the
        host."""
        down = _packets(self.camera_kbps) + _packets(SCREEN_KBPS) + AUDIO_PER_S
        return self.rooms * down + min(self.rooms, WALL_SLOTS) * _packets(THUMBNAIL_KBPS)

    @property
    def received_per_s(self) -> float:
        """Packets a second that arrive: the host's streams, a thumbnail of every room."""
        host = _packets(self.camera_kbps) + _packets(SCREEN_KBPS) + AUDIO_PER_S
        return host + self.rooms * _packets(THUMBNAIL_KBPS)

    @property
    def out_mbps(self) -> float:
        """On the wire from the relay."""
        media = self.rooms * (self.camera_kbps + SCREEN_KBPS + AUDIO_KBPS)
        media += min(self.rooms, WALL_SLOTS) * THUMBNAIL_KBPS
        return (media * 1000 + self.packets_per_s * OVERHEAD_BYTES * 8) / 1e6

    @property
    def in_mbps(self) -> float:
        """On the wire to the relay."""
        media = self.camera_kbps + SCREEN_KBPS + AUDIO_KBPS + self.rooms * THUMBNAIL_KBPS
        return (media * 1000 + self.received_per_s * OVERHEAD_BYTES * 8) / 1e6

    @property
    def sessions(self) -> int:
        """Each room sends and receives; the host sends camera and screen, and watches."""
        return 2 * self.rooms + 3


def _packets(kbps: int) -> float:
    return kbps * 1000 / 8 / VIDEO_PAYLOAD_BYTES


@dataclass(frozen=True, slots=True)
class Size:
    """What one core carries of one kind of lesson."""

    lesson: Lesson
    core_share: float
    rooms_per_core: int
    bell_s: float
    memory_mb: float


def size(lesson: Lesson, costs: Costs) -> Size:
    """A core's share for one lesson, remote rooms one core carries in such lessons, processor
    seconds in which its rooms join, and memory."""
    work_us = lesson.packets_per_s * costs.sent_us + lesson.received_per_s * costs.received_us
    share = work_us / 1e6
    return Size(
        lesson,
        share,
        int(PLANNED_SHARE / share * lesson.rooms),
        lesson.sessions * costs.join_ms / 1000,
        lesson.sessions * costs.receiver_kb / 1000,
    )


LESSONS: Final = tuple(Lesson(rooms, kbps) for rooms in (8, 24, 48) for kbps in (600, 1200, 2500))


def sizing_table(costs: Costs) -> str:
    """The sizes of usual lessons as Markdown."""
    lines = [
        "| rooms of a lesson | camera, kbit/s | out, Mbit/s | in, Mbit/s | of a core | rooms a core"
        " carries | all join in, s of a core | memory, MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for lesson in LESSONS:
        found = size(lesson, costs)
        lines.append(
            f"| {lesson.rooms} | {lesson.camera_kbps:,} | {lesson.out_mbps:.0f} |"
            f" {lesson.in_mbps:.0f} | {found.core_share:.0%} | {found.rooms_per_core} |"
            f" {found.bell_s:.2f} | {found.memory_mb:.1f} |"
        )
    return "\n".join(lines) + "\n"


_COSTS = re.compile(
    r"Measured: ([\d.]+) µs per packet forwarded to one, ([\d.]+) µs to each of 48, ([\d.]+) ms per"
    r" join, ([\d.]+) kB per receiver"
)


def read_costs(document: str) -> Costs:
    """The costs a document states; ValueError if it states none."""
    found = _COSTS.search(" ".join(document.split()))
    if found is None:
        raise ValueError("no sentence 'Measured: … µs per packet forwarded to one, … µs to each …'")
    return Costs(*map(float, found.groups()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table for the costs given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one-us", type=float, required=True, help="CPU per packet, to one")
    parser.add_argument("--many-us", type=float, required=True, help="the same to each of 48")
    parser.add_argument("--join-ms", type=float, required=True, help="CPU per join")
    parser.add_argument("--receiver-kb", type=float, required=True, help="memory per receiver")
    given = parser.parse_args(arguments)
    costs = Costs(given.one_us, given.many_us, given.join_ms, given.receiver_kb)
    print(sizing_table(costs), end="")


if __name__ == "__main__":
    main()
