"""Which packets of one sent stream exist, and how many of them the receiver has acknowledged.

Counts by sequence number, so that "sent" and "acknowledged" at a receiver report speak of exactly
the same packets. Numbers that were never sent (lost before they reached us, or refused by the
kernel) are holes: the receiver reports them lost, and they do not count as sent.

Receiver reports cannot tell of packets lost before the first one that arrived (RFC 3550 A.3 counts
from there); such packets at the very head of a stream are taken for acknowledged.
"""

from __future__ import annotations

from typing import Final

from .rtp import nearest

MAX_HOLES: Final = 4096
"""Between two reports; an upstream outage longer than that is folded into the count at once."""


class SentAccount:
    """Sent and acknowledged packets of one SSRC. Sequence numbers are extended integers."""

    __slots__ = (
        "_base_arrived",
        "_base_heard",
        "_base_sent",
        "_floor",
        "_folded",
        "_forfeited",
        "_holes",
        "_through",
        "_written_off",
        "acked",
        "first",
        "next",
        "repeated",
        "reported_sent",
    )

    def __init__(self, first: int) -> None:
        self.first = self.next = first
        self._holes: set[int] = set()
        self._floor, self._folded = first, 0  # holes below the floor are only counted
        self._through = first - 1
        self._base_sent = self._base_arrived = self._base_heard = 0
        self._written_off: int | None = None
        self._forfeited = 0
        self.reported_sent = self.acked = 0
        self.repeated = 0
        """Packets put on the wire once more although an earlier copy may still arrive: receivers
        count a duplicate as received (RFC 3550 A.3), which would hide a loss. So each is taken
        from what has arrived; at worst a few packets too many count as lost."""

    @property
    def sent(self) -> int:
        """Packets sent so far, without retransmissions."""
        return self.next - self.first - self._folded - len(self._holes)

    def skip(self, to: int) -> None:
        """Numbers `[next, to)` are not sent (yet)."""
        if to - self.next > MAX_HOLES:
            self._fold(self.next)
            self._folded += to - self.next
            self._floor = to
        else:
            self._holes.update(range(self.next, to))
            if len(self._holes) > MAX_HOLES:
                self._fold(self.next)
        self.next = to

    def late(self, number: int) -> None:
        """A number that had been skipped is sent after all."""
        if number in self._holes:
            self._holes.remove(number)
        elif self._folded:
            self._folded -= 1

    def unsent(self, number: int) -> None:
        """A number that was counted as sent never left this machine."""
        if number < self._floor:
            self._folded += 1
        else:
            self._holes.add(number)

    def _fold(self, to: int) -> None:
        if self._holes:
            passed = [number for number in self._holes if number < to]
            self._holes.difference_update(passed)
            self._folded += len(passed)
        self._floor = max(self._floor, to)

    def _sent_through(self, highest: int) -> int:
        above = sum(1 for number in self._holes if number > highest) if self._holes else 0
        return highest + 1 - self.first - self._folded - (len(self._holes) - above)

    def report(self, highest: int, lost: int) -> bool:
        """Take a receiver report: extended highest sequence and cumulative loss as it says them.

        Only the low 16 bits of `highest` are used, for some receivers do not count cycles. False if
        the report speaks of packets never sent.
        """
        through = nearest(highest & 0xFFFF, self.next - 1)
        if not self.first <= through < self.next:
            return False
        if through < self._through:
            return True  # overtaken by a later report
        if through + 1 < self._floor:
            # Holes behind it were only counted, so how many were sent up to there is not known any
            # more; the first report from behind them speaks of these packets, too.
            return True
        self._through = through
        sent = self._sent_through(through)
        # The receiver misses our own holes too, so its loss is taken from all the numbers.
        arrived = min(max(0, through + 1 - self.first - lost - self.repeated), sent)
        if self._written_off is not None and through > self._written_off:
            newly_lost = (sent - arrived) - (self._base_sent - self._base_arrived)
            gained = max(0, sent - self.reported_sent - max(0, newly_lost))
            self._forfeited = arrived - self.acked - gained
            self._written_off = None
        self._base_sent, self._base_arrived = sent, arrived
        self._base_heard = min(max(0, through + 1 - self.first - lost), sent)
        if self._written_off is None:
            self.acked = max(self.acked, arrived - self._forfeited)
            self.reported_sent = sent
        self._fold(through + 1)
        return True

    @property
    def heard(self) -> tuple[int, int]:
        """Packets sent up to the last report, and how many of them it says arrived, copies and all:
        for judging the line, where `acked` is for evidence."""
        return self._base_sent, self._base_heard

    def write_off(self) -> int:
        """Count everything sent so far as reported and not acknowledged; how many that adds.

        For when no report came for too long. Reports that come later and speak of these packets
        add nothing; the loss they tell of is held against the packets after them.
        """
        added = self.sent - self.reported_sent
        if added:
            self.reported_sent = self.sent
            self._written_off = self.next - 1
        return added
