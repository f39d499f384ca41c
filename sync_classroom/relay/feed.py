"""What one source brings, layer by layer: its packets in batches, its keyframe cache, who takes it.

Pure: time is an argument, nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .cache import KeyframeCache
from .feedback import KeyframeRequests
from .layers import Meter, Source
from .lockstep import Lockstep
from .picture import Size
from .rtp import Packet
from .session import Codec
from .sync import TrackClock

if TYPE_CHECKING:
    from .forwarding import Slot


@dataclass(slots=True)
class Batch:
    """Packets of one feed that arrived together, in order of arrival."""

    packets: list[Packet]
    first: int
    last: int
    contiguous: bool
    payload: int
    """Bytes."""
    levelled: int
    """Packets with an audio level."""

    @classmethod
    def of(cls, packets: list[Packet]) -> Batch:
        """Describe at least one packet."""
        first = packets[0].seq
        return cls(
            packets,
            first,
            packets[-1].seq,
            [packet.seq for packet in packets] == list(range(first, first + len(packets))),
            sum([len(packet.payload) for packet in packets]),
            sum([packet.audio_level is not None for packet in packets]),
        )


class Tap(Protocol):
    """Who takes a feed's packets as they came, besides its subscribers: a recording."""

    def take(self, feed: Feed, packets: Sequence[Packet]) -> None:
        """Packets in order of arrival; they are not to be changed. Must not block."""
        ...

    def restart(self, feed: Feed) -> None:
        """Numbers and timestamps begin anew."""
        ...


class Feed:
    """One track of a source, or one layer (`rid`) of it.

    `codec` may change with the publisher's payload type, `size` with every keyframe. `joining` are
    slots that another feed still serves and that come over at the next keyframe. Of its own `slots`
    some are in `lockstep`, the others `loose`.
    """

    __slots__ = (
        "cache",
        "clock",
        "codec",
        "heard_s",
        "joining",
        "kind",
        "latest",
        "lockstep",
        "loose",
        "meter",
        "pending",
        "requests",
        "rid",
        "size",
        "slots",
        "source",
        "tap",
    )

    def __init__(self, kind: str, codec: Codec, rid: str | None = None) -> None:
        self.kind = kind
        self.codec = codec
        self.rid = rid
        self.source: Source | None = None
        self.size: Size | None = None
        self.meter = Meter()
        self.heard_s: float | None = None
        self.joining: dict[Slot, None] = {}
        self.cache = KeyframeCache() if kind == "video" else None
        self.pending: list[Packet] = []
        self.slots: dict[Slot, None] = {}
        self.tap: Tap | None = None
        self.loose: dict[Slot, None] = {}
        self.lockstep = Lockstep()
        self.latest: Packet | None = None
        self.clock: TrackClock | None = None
        self.requests: KeyframeRequests | None = None

    def add(self, packet: Packet) -> None:
        """A packet has arrived; it goes out with the next batch."""
        self.pending.append(packet)

    @property
    def whole(self) -> bool:
        """Whether what is pending ends with a frame's end, so that nothing is worth waiting for."""
        return self.kind == "audio" or not self.pending or self.pending[-1].marker != 0

    def take_batch(self) -> Batch | None:
        """What is pending, now in the cache too; None if there is nothing."""
        if not self.pending:
            return None
        batch = Batch.of(self.pending)
        self.pending = []
        if self.cache is not None:
            self.cache.extend(batch.packets)
        if self.tap is not None:
            self.tap.take(self, batch.packets)
        self.latest = batch.packets[-1]
        self.heard_s = self.latest.arrival_s
        self.meter.add(12 * len(batch.packets) + batch.payload, self.heard_s)
        return batch

    def admit(self, batch: Batch) -> int:
        """Let those who wait for a keyframe come over if the batch has one; how many did."""
        if not any(packet.keyframe for packet in batch.packets):
            return 0
        return sum([slot.cross() for slot in list(self.joining)])

    @property
    def pixels(self) -> int:
        """Of its picture; 0 before a keyframe has told."""
        return 0 if self.size is None else self.size[0] * self.size[1]

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
        return self.kind == "video" and (
            bool(self.joining) or any(slot.waiting for slot in self.loose)
        )
