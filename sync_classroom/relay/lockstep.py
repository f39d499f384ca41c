"""Slots that take every packet of a feed just as it comes, accounted for together.

In a lesson all rooms do the same with every batch: one more frame, next numbers. A slot that is
live and misses nothing joins its feed's `Lockstep`; from then on a batch costs the relay one entry
here, however many rooms there are, and the slot settles what has gone out in its name when somebody
asks (`Slot.settle`): for a receiver report, a retransmission, its figures. Whatever makes it differ
from the others — a pause, another layer, a hole in what came — makes it leave first.

Pure: time is an argument, nothing is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .cache import VIDEO_RING

if TYPE_CHECKING:
    from .feed import Batch
    from .forwarding import Slot
    from .rtp import Packet

HISTORY: Final = VIDEO_RING
"""Packets remembered: no slot can have more sent again."""
_SLACK: Final = 256  # how far the history grows before it is cut back: a cut a second


class Lockstep:
    """Running totals of a feed, and the slots that follow them.

    `group` is what a fan-out has made of `slots`, for it alone to read; None when they changed.
    """

    __slots__ = ("_history", "count", "group", "latest_s", "levelled", "next", "payload", "slots")

    def __init__(self) -> None:
        self.slots: dict[Slot, None] = {}
        self.group: Any = None
        self.next: int | None = None
        """The sequence number that keeps everybody in step."""
        self.count = self.payload = self.levelled = 0
        """Packets, bytes of payload, and packets with an audio level, of every batch so far."""
        self.latest_s: float | None = None
        self._history: list[Packet] = []

    def receive(self, batch: Batch, now: float) -> None:
        """A batch goes out. If it has a hole, everybody leaves first and takes it for itself."""
        if not (batch.contiguous and batch.first == self.next):
            for slot in list(self.slots):
                slot.leave_step()
        self.next = batch.last + 1 if batch.contiguous else None
        self.count += len(batch.packets)
        self.payload += batch.payload
        self.levelled += batch.levelled
        self.latest_s = now
        self._history += batch.packets
        if len(self._history) > HISTORY + _SLACK:
            del self._history[:-HISTORY]

    def recent(self, count: int) -> list[Packet]:
        """The last `count` packets, or as many of them as are remembered, the latest last."""
        return self._history[-count:]

    def changed(self) -> None:
        """A slot came or went, or where it sends to has changed."""
        self.group = None
