"""What one slot has sent: numbers, bytes, and the packets themselves while they may be asked for.

In step with others (`lockstep.py`) the entries are made when somebody asks: `settle` first, then
read. Pure.
"""

from __future__ import annotations

from .account import SentAccount
from .cache import SentRing
from .feed import Batch
from .lockstep import Lockstep
from .rtp import HEADER_LENGTH, Packet


class Sent:
    """The books of a slot. `next_in` is the source's number that continues the present run."""

    __slots__ = (
        "_settled",
        "account",
        "bytes",
        "extension_bytes",
        "last_out_s",
        "last_packet",
        "next_in",
        "octets",
        "ring",
        "step",
    )

    def __init__(self, account: SentAccount, ring: SentRing) -> None:
        self.account, self.ring = account, ring
        self.octets = 0
        """Bytes of payload sent for the first time (RFC 3550 6.4.1)."""
        self.bytes = 0
        """The same with RTP's headers."""
        self.extension_bytes = (0, 0)
        """Of one packet's header extensions, without and with an audio level."""
        self.next_in = 0
        self.last_packet: Packet | None = None
        self.last_out_s: float | None = None
        self.step: Lockstep | None = None
        self._settled = (0, 0, 0)

    def one(self, packet: Packet, sequence_shift: int) -> None:
        """A packet goes out; the account has its number already."""
        self._count(1, len(packet.payload), packet.audio_level is not None)
        self.ring.slots[(packet.seq + sequence_shift) & self.ring.mask] = packet

    def whole(self, batch: Batch, now: float) -> None:
        """A batch goes out as it is, under the next numbers."""
        self._count(len(batch.packets), batch.payload, batch.levelled)
        self._continue(len(batch.packets), batch.packets[-self.ring.mask - 1 :], now)

    def join(self, step: Lockstep) -> None:
        """All is entered up to the feed's latest batch; from here on `settle` does it."""
        self.step = step
        self._settled = step.count, step.payload, step.levelled

    def settle(self) -> Sent:
        """Enter what went out in step with the others; itself."""
        step = self.step
        if step is not None:
            count, payload, levelled = self._settled
            if step.count != count:
                count = step.count - count
                self._count(count, step.payload - payload, step.levelled - levelled)
                self._settled = step.count, step.payload, step.levelled
                self._continue(count, step.recent(min(count, self.ring.mask + 1)), step.latest_s)
        return self

    def _continue(self, count: int, latest: list[Packet], now: float | None) -> None:
        self.account.next += count
        self.next_in += count
        self.ring.extend(self.account.next - len(latest), latest)
        self.last_packet, self.last_out_s = latest[-1], now

    def _count(self, packets: int, payload: int, levelled: int) -> None:
        plain_extension, levelled_extension = self.extension_bytes
        self.octets += payload
        self.bytes += (
            payload
            + HEADER_LENGTH * packets
            + plain_extension * (packets - levelled)
            + levelled_extension * levelled
        )
