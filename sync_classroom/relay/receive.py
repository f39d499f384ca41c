"""Reception of one SSRC: loss, jitter and reports by RFC 3550, and when to ask again (RFC 4585).

Pure: time is an argument, deadlines are returned. Sequence numbers are extended at the door.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .rtp import SequenceExtender

REORDER_PACKETS: Final = 2
REORDER_S: Final = 0.02
"""A gap is asked about once two later packets are here, or after 20 ms: reordering in networks is
nearly always shorter, and a frame's deadline is not far."""
RETRY_SHARE: Final = 0.5
"""A gap is asked about again after this share of an RTT. A sender answers once per RTT at most, and
jitter would make every second question come just too soon for it; a question may be lost, too."""
MAX_TRIES: Final = 20
"""Ten RTTs; at 100 ms that is a second, longer than any player waits."""
MIN_RETRY_S: Final = 0.02
"""But not sooner: on a campus line the answer is under way."""
DEFAULT_RTT_S: Final = 0.1
"""Taken for the RTT until an answered request has measured it: more than a city's lines have."""
MAX_TRANSIT_STEP_S: Final = 10.0
"""Timestamps wrap and sources step them: a change of transit by more says nothing of jitter."""
MAX_MISSING: Final = 256
"""Gaps watched at once; a longer outage is a keyframe's business, and counted as lost at once."""
HISTORY: Final = 1024
"""Packets back a late one is still taken: SRTP's replay window."""
MAX_NACKED: Final = 64
"""Sequence numbers in one NACK, so that it fits a datagram many times over."""


@dataclass(slots=True)
class Gap:
    """A missing packet, how often it was asked for and when first."""

    since_s: float
    next_s: float
    tries: int = 0
    asked_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """A report block of RFC 3550 6.4.1; `highest` is extended, `jitter` in ticks."""

    fraction: int
    lost: int
    highest: int
    jitter: int


class ReceiveStream:
    """What arrived of one SSRC. `lost` counts packets given up for good."""

    __slots__ = (
        "_expected_prior",
        "_extender",
        "_first",
        "_gaps",
        "_received_prior",
        "_seen",
        "_transit",
        "clock_rate",
        "duplicates",
        "jitter",
        "lost",
        "nacked",
        "received",
        "recovered",
        "rtt_s",
    )

    def __init__(self, clock_rate: int) -> None:
        self.clock_rate = clock_rate
        self._extender = SequenceExtender()
        self._first: int | None = None
        self._seen: list[int] = [-1] * HISTORY
        self._gaps: dict[int, Gap] = {}
        self._transit: float | None = None
        self._expected_prior = self._received_prior = 0
        self.received = self.recovered = self.duplicates = self.lost = self.nacked = 0
        self.jitter = 0.0
        self.rtt_s: float | None = None

    @property
    def highest(self) -> int | None:
        """The highest extended sequence number so far."""
        return self._extender.highest

    def receive(
        self, sequence: int, timestamp: int, now: float, *, recovered: bool = False
    ) -> int | None:
        """Take one packet; its extended number, or None if it was here before or is too old.

        `recovered` packets came by RFC 4588: they fill gaps but do not count as received in
        reports, which speak of the network.
        """
        before = self._extender.highest
        if before is None and recovered:
            return None  # nothing to recover yet
        number = self._extender.extend(sequence)
        if before is None:
            self._first = number
        elif number <= before - HISTORY or self._seen[number % HISTORY] == number:
            self.duplicates += 1
            return None
        self._seen[number % HISTORY] = number
        if before is not None and number > before + 1:
            self._open_gaps(before + 1, number, now)
        gap = self._gaps.pop(number, None)
        if gap is not None and gap.tries:
            self._measure(now - gap.asked_s)
        elif gap is None and before is not None and number < before:
            self._unlose(number)
        if recovered:
            self.recovered += 1
        else:
            self.received += 1
            self._update_jitter(timestamp, now)
        return number

    def receive_next(self, timestamps: Sequence[int], now: float) -> None:
        """Take packets whose numbers follow on the highest so far, as `receive` takes each."""
        before = self._extender.highest
        assert before is not None  # nothing follows on nothing
        end = self._extender.highest = before + len(timestamps)
        seen = self._seen
        for number in range(before + 1, end + 1):
            seen[number % HISTORY] = number
        self.received += len(timestamps)
        for timestamp in timestamps:
            self._update_jitter(timestamp, now)

    def _unlose(self, number: int) -> None:
        """A packet given up came after all; one from before the first was never expected."""
        if self._first is not None and number < self._first:
            self._first = number
        elif self.lost:
            self.lost -= 1

    def _open_gaps(self, start: int, end: int, now: float) -> None:
        first = max(start, end - MAX_MISSING)
        self.lost += first - start
        for number in range(first, end):
            self._gaps[number] = Gap(now, now + REORDER_S)
        while len(self._gaps) > MAX_MISSING:
            del self._gaps[next(iter(self._gaps))]
            self.lost += 1

    def _measure(self, sample_s: float) -> None:
        """From the first question to the answer: which of several it answers nobody can tell, and
        an RTT taken too long asks too seldom, one taken too short would ask ever more."""
        self.rtt_s = sample_s if self.rtt_s is None else self.rtt_s + (sample_s - self.rtt_s) / 8

    def _update_jitter(self, timestamp: int, now: float) -> None:
        transit = now * self.clock_rate - timestamp
        if self._transit is not None:
            difference = abs(transit - self._transit)
            if difference < MAX_TRANSIT_STEP_S * self.clock_rate:
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit

    # ------------------------------------------------------------------ asking again

    def nack(self, now: float) -> list[int]:
        """The 16-bit numbers to ask for now, oldest first; gives up what was asked for too often.

        A gap is due when two later packets are here or its time has come; then twice per RTT.
        """
        due: list[int] = []
        highest = self._extender.highest
        if highest is None:
            return due
        rtt_s = self.rtt_s if self.rtt_s is not None else DEFAULT_RTT_S
        retry = max(MIN_RETRY_S, RETRY_SHARE * rtt_s)
        for number, gap in list(self._gaps.items()):
            early = gap.tries == 0 and highest - number >= REORDER_PACKETS
            if now < gap.next_s and not early:
                continue
            if gap.tries == MAX_TRIES or highest - number >= HISTORY:
                del self._gaps[number]
                self.lost += 1
            elif len(due) < MAX_NACKED:
                if not gap.tries:
                    gap.asked_s = now
                gap.tries += 1
                gap.next_s = now + retry
                due.append(number & 0xFFFF)
        self.nacked += len(due)
        return due

    @property
    def missing(self) -> bool:
        """Whether something is asked for or will be."""
        return bool(self._gaps)

    @property
    def nack_at(self) -> float | None:
        """When `nack` may have something to say; None while nothing is missing."""
        highest = self._extender.highest
        if highest is None or not self._gaps:
            return None
        return min(
            0.0 if gap.tries == 0 and highest - number >= REORDER_PACKETS else gap.next_s
            for number, gap in self._gaps.items()
        )

    def give_up(self) -> None:
        """Nothing will be asked for any more: what is missing is lost."""
        self.lost += len(self._gaps)
        self._gaps.clear()

    # ------------------------------------------------------------------ reports

    @property
    def expected(self) -> int:
        """Packets the sender has sent, as far as the numbers tell."""
        highest = self._extender.highest
        return 0 if highest is None or self._first is None else highest - self._first + 1

    def report(self) -> Report:
        """The report block for now; `fraction` is since the last report."""
        expected = self.expected
        interval = expected - self._expected_prior
        missed = interval - (self.received - self._received_prior)
        self._expected_prior, self._received_prior = expected, self.received
        fraction = 0 if interval <= 0 or missed <= 0 else min(255, (missed << 8) // interval)
        # One cycle was added at the door; reports count cycles from zero.
        highest = (self._extender.highest or 0x10000) - 0x10000
        lost = max(-0x800000, min(0x7FFFFF, expected - self.received))
        return Report(fraction, lost, highest & 0xFFFFFFFF, int(self.jitter))

    @property
    def jitter_ms(self) -> float:
        """Interarrival jitter in milliseconds."""
        return self.jitter * 1000 / self.clock_rate
